"""What is taken as a document, and what is refused, each with its own words."""

import struct
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.samples import files
from tests.samples.files import EICAR, MEDIA, package, zipped

from placet.connectors.blobs.inspection import LONGEST_NAME, Inspected, clean_name, inspect
from placet.domain.task import Refusal

GOOD: list[tuple[str, Callable[[], bytes]]] = [
    ("pdf", files.pdf),
    ("docx", files.word),
    ("xlsx", lambda: package("xlsx")),
    ("pptx", lambda: package("pptx", {"ppt/embeddings/chart.xlsx": package("xlsx")})),
    ("png", files.png),
    ("jpg", files.jpeg),
    ("txt", lambda: "A deed, signed in Łódź.\r\n\f".encode()),
    ("txt", lambda: "A deed, signed in Łódź.".encode("utf-16")),
    ("csv", lambda: "name;city\nMüller;Köln\n".encode("cp1252")),
]


def judged(content: bytes, name: str, declared: str | None = None) -> str:
    """The media type, or the code of the refusal."""
    found = inspect(content, name, declared)
    return found.code if isinstance(found, Refusal) else found.media_type


@pytest.mark.parametrize(("ending", "made"), GOOD)
def test_every_kind_of_document_is_known_by_its_content(ending: str, made: Callable[[], bytes]) -> None:
    content = made()
    assert inspect(content, f"Deed.{ending}") == Inspected(MEDIA[ending], f"Deed.{ending}")
    assert judged(content, f"DEED.{ending.upper()}", MEDIA[ending]) == MEDIA[ending]
    assert judged(content, f"deed.{ending}", "application/octet-stream; x=y") == MEDIA[ending]


def test_a_name_without_an_ending_gets_the_right_one() -> None:
    assert inspect(files.pdf(), "deed") == Inspected(MEDIA["pdf"], "deed.pdf")
    assert inspect(b"name;city\n", "list") == Inspected(MEDIA["txt"], "list.txt")


BAD: list[tuple[str, str, bytes, str]] = [
    ("no bytes", "a.txt", b"", "empty-file"),
    ("a picture called .pdf", "a.pdf", files.png(), "type-mismatch"),
    ("a PDF called .docx", "a.docx", files.pdf(), "type-mismatch"),
    ("a workbook called .docx", "a.docx", package("xlsx"), "type-mismatch"),
    ("a PDF called .exe", "a.pdf.exe", files.pdf(), "type-mismatch"),
    ("text called .pdf", "a.pdf", b"not a PDF at all", "type-mismatch"),
    ("HTML called .txt", "a.txt", b"\n<!DOCTYPE html><script>alert(1)</script>", "type-not-allowed"),
    ("SVG", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "type-not-allowed"),
    ("HTML with a mark called .txt", "a.txt", b"\xef\xbb\xbf<html>", "type-not-allowed"),
    ("RTF", "a.txt", b"{\\rtf1 x}", "type-not-allowed"),
    ("a script", "a.txt", b"#!/bin/sh\nrm -rf /\n", "type-not-allowed"),
    ("GIF", "a.gif", b"GIF89a" + bytes(40), "type-not-allowed"),
    ("a program", "a.txt", b"MZ\x90\x00" + bytes(100), "type-not-allowed"),
    ("a ZIP archive", "a.zip", zipped({"a.txt": b"a"}), "type-not-allowed"),
    ("an old Word file", "a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "type-not-allowed"),
    ("an encrypted PDF", "a.pdf", files.encrypted_pdf(), "encrypted"),
    (
        "an encrypted Word file",
        "a.docx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        "encrypted",
    ),
    ("EICAR", "a.txt", EICAR, "malware"),
    ("EICAR inside", "a.txt", b"x" * 100_000 + EICAR, "malware"),
    ("EICAR in a part", "a.docx", package("docx", {"x.bin": b"y" * 65_520 + EICAR}), "malware"),
    ("macros by type", "a.docx", package("docx", None, "application/vnd.ms-office.vbaProject"), "macros"),
    ("macros by name", "a.xlsx", package("xlsx", {"xl/VBAproject.bin": b"x"}), "macros"),
    (
        "macros, spelled otherwise",
        "a.docx",
        package("docx", None, "application/vnd.ms-word.document.&#109;acroEnabled.main+xml"),
        "macros",
    ),
    (
        "macros in a file inside",
        "a.pptx",
        package("pptx", {"e.xlsx": package("xlsx", {"vbaProject.bin": b"x"})}),
        "macros",
    ),
    ("a cut PDF", "a.pdf", files.pdf()[:200], "damaged"),
    ("a cut package", "a.docx", files.word()[:-1], "damaged"),
    ("a package with a tail", "a.docx", files.word() + b"tail", "damaged"),
    ("a huge picture", "a.png", files.png(50_000, 50_000), "picture-too-large"),
    ("a huge photograph", "a.jpg", files.jpeg(50_000, 50_000), "picture-too-large"),
    ("a huge picture inside", "a.docx", package("docx", {"m.png": files.png(50_000, 50_000)}), "picture-too-large"),
    ("a picture of no size", "a.png", files.png(0, 5), "damaged"),
    ("a photograph without a frame", "a.jpg", b"\xff\xd8\xff\xe0\x00\x04xx\xff\xd9", "damaged"),
    ("only the start of a photograph", "a.jpg", b"\xff\xd8\xff", "damaged"),
    ("text of control characters", "a.txt", b"\x01\x02\x03", "type-not-allowed"),
    ("half a character", "a.txt", b"\xff\xfea", "type-not-allowed"),
]


@pytest.mark.parametrize(("what", "name", "content", "code"), BAD, ids=[row[0] for row in BAD])
def test_what_is_not_taken_is_refused_by_its_content(what: str, name: str, content: bytes, code: str) -> None:
    found = inspect(content, name)
    assert isinstance(found, Refusal)
    assert (found.code, found.field) == (code, "file")
    assert found.detail.endswith(".") and len(found.detail.split(". ")) >= 1


def test_the_refusal_says_what_the_file_is_and_what_to_do() -> None:
    for content, name, told in (
        (
            files.png(),
            "a.pdf",
            "This file is called .pdf, but it is a PNG picture. Send the right file, or call it .png.",
        ),
        (b"GIF89a" + bytes(40), "a.gif", "Graphics interchange format file"),
        (files.encrypted_pdf(), "a.pdf", "protected with a password. Save it without one"),
    ):
        found = inspect(content, name)
        assert isinstance(found, Refusal) and told in found.detail


def test_the_sender_may_not_say_that_it_is_something_else() -> None:
    assert judged(files.png(), "scan", "application/pdf") == "type-mismatch"
    assert judged(b"a;b\n", "list.csv", "text/plain") == "text/csv"
    assert judged(b"a;b\n", "list.csv", "application/vnd.ms-excel") == "text/csv"


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    found = inspect(b"x" * 1_000_001, "a.txt", most_bytes=1_000_000)
    assert isinstance(found, Refusal) and (found.code, "1 MB" in found.detail) == ("too-large", True)
    assert isinstance(inspect(b"x" * 1_000_000, "a.txt", most_bytes=1_000_000), Inspected)


def inside(levels: int) -> bytes:
    content = package("xlsx")
    for _ in range(levels):
        content = package("docx", {"word/embeddings/inner.xlsx": content})
    return content


def repeated(count: int) -> bytes:
    """One small packed part, listed under many names."""
    return zipped({f"word/{number}.bin": b"" for number in range(count)} | {"a": b"a"})


BOMBS: list[tuple[str, Callable[[], bytes]]] = [
    ("declared", files.zip_bomb),
    ("lying", files.lying_bomb),
    ("deep", lambda: inside(2)),
    ("a bomb inside", lambda: package("docx", {"word/embeddings/b.docx": files.zip_bomb()})),
    ("many parts", lambda: repeated(5_000)),
    ("entities", lambda: package("docx", {"word/a.xml": b'<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'})),
    ("entities in UTF-16", lambda: package("docx", {"word/a.xml": '<!DOCTYPE a [<!ENTITY b "bb">]>'.encode("utf-16")})),
    ("entities at a seam", lambda: package("docx", {"word/a.xml": b"<a>" + b" " * 65_530 + b"<!DOCTYPE a []>"})),
]


@pytest.mark.parametrize(("what", "made"), BOMBS, ids=[row[0] for row in BOMBS])
def test_what_unpacks_to_too_much_is_refused(what: str, made: Callable[[], bytes]) -> None:
    assert judged(made(), "a.docx") == "unpacks-too-large"


def test_a_file_inside_a_document_is_normal() -> None:
    assert judged(inside(1), "a.docx") == MEDIA["docx"]


def changed(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


def test_a_package_whose_parts_do_not_hold_together_is_damaged() -> None:
    content = package("docx", {"word/a.bin": b"abc" * 1000})
    directory = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    for broken in (
        changed(content, directory + 42, struct.pack("<I", 7)),
        changed(content, directory + 24, struct.pack("<I", 9_999)),
        changed(content, directory + 10, struct.pack("<H", 12)),
        changed(content, end + 16, struct.pack("<I", 2**32 - 2)),
        package("docx", {"../up.bin": b"x"}),
        package("docx", {"/root.bin": b"x"}),
        package("docx", {"A.bin": b"x", "a.BIN": b"x"}),
        zipped({"[Content_Types].xml": b"<Types"}),
    ):
        assert judged(broken, "a.docx") == "damaged"
    marked = changed(content, directory + 8, b"\x01")
    assert judged(marked, "a.docx") == "encrypted"


def test_parts_that_are_not_packed_are_read_too() -> None:
    content = zipped({"[Content_Types].xml": b"<Types/>", "a.xml": b"<!DOCTYPE a>"}, zipfile.ZIP_STORED)
    assert judged(content, "a.docx") == "unpacks-too-large"


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_no_damage_leads_to_anything_but_a_judgement(noise: bytes, at: int) -> None:
    for content in (files.word(), files.pdf(), files.png(), files.jpeg()):
        assert inspect(changed(content, at % len(content), noise), "a.docx") is not None
    assert inspect(noise, "a.docx") is not None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\rosa\\deed.pdf", "deed.pdf"),
        ("/etc/passwd", "passwd"),
        ("..", "document"),
        ("", "document"),
        ("a/", "document"),
        (".bashrc", "bashrc"),
        ("deed\x00.pdf", "deed.pdf"),
        ("deed\r\nSet-Cookie: x.pdf", "deedSet-Cookie x.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("two\u2028lines\u00a0.txt", "two lines.txt"),
        ('a"<b>|?*.pdf', "ab.pdf"),
        ("CON.pdf", "_CON.pdf"),
        ("nul", "_nul"),
        ("Vollmacht für Łódź.pdf", "Vollmacht für Łódź.pdf"),
        ("e\u0301tat.pdf", "état.pdf"),
        ("x" * 400 + ".pdf", "x" * (LONGEST_NAME - 4) + ".pdf"),
        ("trailing. . .", "trailing"),
    ],
)
def test_a_name_is_kept_as_a_clean_last_part(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@given(st.text(max_size=400))
def test_no_name_is_ever_a_path_or_more_than_one_line(name: str) -> None:
    kept = clean_name(name)
    assert kept and len(kept) <= LONGEST_NAME + 1 and kept not in (".", "..") and not kept.startswith(".")
    assert not set(kept) & set('/\\<>:"|?*\x00\r\n\t') and kept.isprintable()
