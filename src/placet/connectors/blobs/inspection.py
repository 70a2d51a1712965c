"""What a file really is, by its content, and whether it may be taken. Nothing here runs, renders or decodes it."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import puremagic

from placet.connectors.blobs.packages import EICAR, PIECE, ZIP, content_types
from placet.connectors.blobs.pictures import JPEG, PNG, check_jpeg, check_png
from placet.connectors.blobs.unfit import Unfit, damaged, encrypted, malware
from placet.domain.said import Said, later, together
from placet.domain.task import Refusal

MOST_BYTES = 25_000_000
LONGEST_NAME = 150


@dataclass(frozen=True)
class FileType:
    """One kind of file that is taken; the first ending is the usual one."""

    media_type: str
    words: str
    endings: tuple[str, ...]


OFFICE = "application/vnd.openxmlformats-officedocument."
PDF = FileType("application/pdf", later("a PDF"), ("pdf",))
DOCX = FileType(OFFICE + "wordprocessingml.document", later("a Word document"), ("docx",))
XLSX = FileType(OFFICE + "spreadsheetml.sheet", later("an Excel workbook"), ("xlsx",))
PPTX = FileType(OFFICE + "presentationml.presentation", later("a PowerPoint presentation"), ("pptx",))
PNG_PICTURE = FileType("image/png", later("a PNG picture"), ("png",))
JPEG_PICTURE = FileType("image/jpeg", later("a JPEG picture"), ("jpg", "jpeg"))
TEXT = FileType("text/plain", later("plain text"), ("txt", "text"))
CSV = FileType("text/csv", TEXT.words, ("csv",))
TYPES = (PDF, DOCX, XLSX, PPTX, PNG_PICTURE, JPEG_PICTURE, TEXT, CSV)
MAIN_PARTS = {
    f"{OFFICE}wordprocessingml.document.main+xml": DOCX,
    f"{OFFICE}spreadsheetml.sheet.main+xml": XLSX,
    f"{OFFICE}presentationml.presentation.main+xml": PPTX,
}

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_OLE = "EncryptedPackage".encode("utf-16-le")
ENCRYPTED_PDF = re.compile(rb"/Encrypt[\s]{0,20}(?:\d{1,10}[\s]{1,20}\d{1,5}[\s]{1,20}R|<<)")
NO_TEXT = bytes({*range(32), 127} - {9, 10, 12, 13})
NO_WINDOWS_TEXT = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
ACTIVE_TEXT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<(?:!doctype|html|head|body|script|svg|\?xml|\?php)\b|\{\\rtf|%!PS|#!)", re.IGNORECASE
)
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


class Scanner(Protocol):
    """Looks for known malware."""

    def threat(self, content: bytes) -> str | None:
        """The name of what was found, or None."""
        ...


class EicarScanner:
    """Knows the EICAR test file only; a real scanner takes its place."""

    def threat(self, content: bytes) -> str | None:
        return "EICAR test file" if EICAR in content else None


@dataclass(frozen=True)
class Inspected:
    """A file that may be taken; `filename` is a clean base name with a fitting ending."""

    media_type: str
    filename: str


def inspect(
    content: bytes,
    filename: str,
    declared: str | None = None,
    most_bytes: int = MOST_BYTES,
    scanner: Scanner | None = None,
) -> Inspected | Refusal:
    """Judge a file; `declared` is the media type that the sender says it has."""
    try:
        check_size(len(content), most_bytes)
        if threat := (scanner or EicarScanner()).threat(content):
            raise malware(threat)
        name = clean_name(filename)
        ending = name.rpartition(".")[2].lower() if "." in name else ""
        found = _type_of(content, ending)
        _check_claims(found, ending, (declared or "").partition(";")[0].strip().lower())
    except Unfit as why:
        return Refusal(code=why.code, detail=why.detail, field="file")
    return Inspected(found.media_type, name if ending else f"{name}.{found.endings[0]}")


def check_size(size: int, most_bytes: int) -> None:
    """Raise Unfit for a file of no bytes, or of too many."""
    if size == 0:
        raise Unfit("empty-file", Said("This file is empty; choose another."))
    if size > most_bytes:
        most = most_bytes // 1_000_000
        detail = Said("This file has more than %(most)s MB; send a smaller one, or parts of it.", most=most)
        raise Unfit("too-large", detail)


def clean_name(filename: str) -> str:
    """The last part of the name, on one line and without characters that any system reads as more than a letter."""
    text = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    visible = (" " if unicodedata.category(letter).startswith("Z") else letter for letter in text)
    kept = "".join(letter for letter in visible if unicodedata.category(letter)[0] != "C" and letter not in '<>:"|?*')
    name = " ".join(kept.split()).lstrip(". ").rstrip(". ")
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) <= 10:
        name = f"{stem[: LONGEST_NAME - len(ending) - 1].rstrip()}.{ending}"
    name = name[:LONGEST_NAME] or "document"
    return f"_{name}" if RESERVED.fullmatch(name) else name


def _type_of(content: bytes, ending: str) -> FileType:
    """What it is by its content; raises Unfit for what is not taken. Among texts the ending decides."""
    if content.startswith(PNG):
        check_png(content)
        return PNG_PICTURE
    if content.startswith(JPEG):
        check_jpeg(content)
        return JPEG_PICTURE
    if content.startswith(ZIP):
        types = content_types(content)
        found = next((kind for part, kind in MAIN_PARTS.items() if part in types), None)
        if found is None:
            raise _not_taken(Said("a ZIP archive"))
        return found
    if content.startswith(OLE):
        if ENCRYPTED_OLE in content:
            raise encrypted()
        raise _not_taken(Said("a file of an old Office version; save it as DOCX, XLSX or PPTX"))
    if _is_pdf(content):
        return PDF
    if ACTIVE_TEXT.match(content, 0, 1024) or not _is_text(content):
        raise _not_taken(_words_for(content))
    return CSV if ending in CSV.endings else TEXT


def _is_pdf(content: bytes) -> bool:
    at = content.find(b"%PDF-", 0, 1024)
    if at < 0 or content[:at].strip(b"\xef\xbb\xbf \t\r\n\x00"):
        return False
    if b"startxref" not in content and b"%%EOF" not in content:
        raise damaged("its end is missing")
    if ENCRYPTED_PDF.search(content):
        raise encrypted()
    return True


def _is_text(content: bytes) -> bool:
    """UTF-8, UTF-16 with a mark, or the usual encoding of Windows; without control characters."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decodes(content, "utf-16")
    if any(len(piece.translate(None, NO_TEXT)) != len(piece) for piece in _pieces(content)):
        return False
    return _decodes(content, "utf-8") or not any(byte in content for byte in NO_WINDOWS_TEXT)


def _decodes(content: bytes, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    forbidden = {chr(byte) for byte in NO_TEXT}
    try:
        return all(forbidden.isdisjoint(decoder.decode(piece)) for piece in _pieces(content)) and not decoder.decode(
            b"", final=True
        )
    except UnicodeDecodeError:
        return False


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + PIECE] for at in range(0, len(content), PIECE))


def _check_claims(found: FileType, ending: str, declared: str) -> None:
    """Raise Unfit when the name or the sender says that it is something else."""
    if ending and ending not in found.endings:
        detail = Said(
            "This file is called .%(ending)s, but it is %(found)s. Send the right file, or call it .%(right)s.",
            ending=ending,
            found=Said(found.words),
            right=found.endings[0],
        )
        raise Unfit("type-mismatch", detail)
    said = next((kind for kind in TYPES if kind.media_type == declared), None)
    if said is not None and said.words != found.words:
        detail = Said(
            "This file was sent as %(declared)s, but it is %(found)s. Send the right one.",
            declared=Said(said.words),
            found=Said(found.words),
        )
        raise Unfit("type-mismatch", detail)


def _not_taken(words: Said) -> Unfit:
    wanted = Said("Send a PDF, DOCX, XLSX, PPTX, PNG, JPEG, TXT or CSV file.")
    return Unfit("type-not-allowed", together(Said("This is %(words)s.", words=words), wanted))


def _words_for(content: bytes) -> Said:
    """What an unknown file seems to be."""
    try:
        best = puremagic.magic_string(content[:4096])[0]
    except (puremagic.PureError, ValueError, IndexError):
        return Said("a file of an unknown type")
    return Said("something else (%(name)s)", name=best.name)
