"""Text of documents: one suite over the embedded extractor and the docling-serve client, and the step of a case."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import docx
import pytest
import typst
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from tests.samples import files
from tests.samples.files import MEDIA

from connectors.docling_double import KEY, DoclingDouble
from connectors.loopback import serving
from connectors.reading import patient_extractor
from placet.connectors.blobs.port import content_hash
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.extraction.docling_serve import DoclingServeExtractor, DoclingServeSettings
from placet.connectors.extraction.port import (
    NO_TEXT,
    SOME_TEXT,
    DocumentRef,
    ExtractedText,
    ExtractionActivities,
    ExtractionRefused,
    TextExtractor,
)
from placet.domain.step import Step
from placet.store.engine import Store

STEP = Step(case_id="case-1", name="extraction.text")


def scan(before: str = "", after: str = "") -> bytes:
    """A PDF with a page that is nothing but a picture, and text on the pages around it."""
    picture = ", ".join(map(str, files.png()))
    pages = filter(None, (before, f"#image(bytes(({picture})), width: 100%, height: 100%)", after))
    return typst.compile("\n#pagebreak()\n".join(pages).encode())


@pytest.fixture(scope="module", params=["local", "docling-serve"])
def extractor(request: pytest.FixtureRequest) -> Iterator[TextExtractor]:
    if request.param == "local":
        yield patient_extractor()
        return
    with serving(DoclingDouble(patient_extractor())) as url:
        settings = DoclingServeSettings.model_validate(
            {"url": url, "api_key_env": "DOCLING_KEY", "poll_seconds": 1, "timeout_seconds": 300}
        )
        yield DoclingServeExtractor(settings, {"DOCLING_KEY": KEY})


async def refusal(extractor: TextExtractor, content: bytes, media_type: str) -> str:
    with pytest.raises(ExtractionRefused) as refused:
        await extractor.extract(content, media_type, "")
    assert str(refused.value).endswith(".")
    return refused.value.code


async def test_the_text_of_a_pdf_is_read(extractor: TextExtractor) -> None:
    found = await extractor.extract(files.pdf("Signed in Łódź by Zoë."), MEDIA["pdf"], "deed.pdf")
    assert "Signed in Łódź by Zoë." in found.text
    assert (found.pages, found.needs_ocr, found.note) == (1, False, "")


async def test_the_text_of_a_word_document_is_read(extractor: TextExtractor) -> None:
    found = await extractor.extract(files.word("Profit & loss < 5, for a_b in 東京."), MEDIA["docx"], "deed.docx")
    assert found.text.strip() == "Profit & loss < 5, for a_b in 東京."
    assert (found.media_type, found.needs_ocr) == ("text/markdown", False)


async def test_a_scan_needs_ocr_and_no_text_is_invented(extractor: TextExtractor) -> None:
    found = await extractor.extract(scan(), MEDIA["pdf"], "scan.pdf")
    assert (found.text, found.needs_ocr) == ("", True)


@pytest.mark.parametrize(
    ("content", "text", "note"),
    [
        ("name;city\r\nMüller;Köln\n".encode(), "name;city\nMüller;Köln\n", ""),
        ("Müller;Köln €".encode("cp1252"), "Müller;Köln €", "The text is not in UTF-8"),
        ("\ufeffMüller".encode("utf-16-le"), "Müller", ""),
        (b"a\x07b\x1b[31mc", "ab[31mc", ""),
    ],
)
async def test_plain_text_is_read_in_its_encoding(
    extractor: TextExtractor, content: bytes, text: str, note: str
) -> None:
    found = await extractor.extract(content, "text/csv; charset=unknown", "list.csv")
    assert found.text == text
    assert found.note.startswith(note)
    assert bool(found.note) == bool(note)


@pytest.mark.parametrize(
    ("content", "ending", "code"),
    [
        (files.encrypted_pdf(), "pdf", "encrypted"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"), "docx", "encrypted"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "docx", "unsupported-type"),
        (files.png(), "pdf", "unreadable"),
        (b"%PDF-1.7\n" + bytes(500), "pdf", "unreadable"),
        (files.pdf()[:900], "pdf", "unreadable"),
        (files.package("xlsx"), "docx", "unreadable"),
        (files.word()[:-200], "docx", "unreadable"),
        (files.lying_bomb(), "docx", "too-large"),
        (files.zip_bomb("docx"), "docx", "too-large"),
        (bytes(31 * 1024 * 1024), "pdf", "too-large"),
        (files.EICAR, "txt", "malware-test-string"),
        (b"", "pdf", "unreadable"),
        (b"\x00\x01\x02", "txt", "unreadable"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_code(
    extractor: TextExtractor, content: bytes, ending: str, code: str
) -> None:
    assert await refusal(extractor, content, MEDIA[ending]) == code


async def test_a_type_that_nobody_reads_is_refused(extractor: TextExtractor) -> None:
    assert await refusal(extractor, b"GIF89a", "image/gif") == "unsupported-type"
    assert await refusal(extractor, b"x", "") == "unsupported-type"


async def test_the_name_counts_only_where_the_media_type_says_nothing(extractor: TextExtractor) -> None:
    found = await extractor.extract(b"plain", "application/octet-stream", "..\\notes.TXT")
    assert found.text == "plain"
    assert (await extractor.extract(b"plain", "text/plain", "notes.pdf")).text == "plain"


@pytest.fixture
def blobs(store: Store) -> StoredBlobs:
    return StoredBlobs(store)


async def extracted(blobs: StoredBlobs, content: bytes, media_type: str) -> ExtractedText:
    document = DocumentRef(hash=await blobs.put(content, media_type), media_type=media_type, filename="x")
    activities = ExtractionActivities(patient_extractor(), blobs)
    found: ExtractedText = await ActivityEnvironment().run(activities.text, STEP, document)
    assert found.document == document
    return found


async def test_the_step_stores_the_text_and_answers_with_its_hash(blobs: StoredBlobs) -> None:
    long = "A deed of many words. " * 100
    found = await extracted(blobs, long.encode(), "text/plain")
    assert found.text == content_hash(long.strip().encode())
    assert (await blobs.get(found.text)).decode() == long.strip()
    assert (found.characters, len(found.preview), found.refused) == (len(long.strip()), 500, None)
    assert await extracted(blobs, long.encode(), "text/plain") == found


async def test_a_refused_document_is_a_result_of_the_step(blobs: StoredBlobs) -> None:
    found = await extracted(blobs, files.encrypted_pdf(), MEDIA["pdf"])
    assert (found.refused, found.text, found.characters, found.preview) == ("encrypted", None, 0, "")
    assert "password" in found.note


async def test_the_step_tells_of_pages_that_are_scans(blobs: StoredBlobs) -> None:
    found = await extracted(blobs, scan("First page.", "Last page."), MEDIA["pdf"])
    assert (found.pages, found.needs_ocr) == (3, True)
    assert "First page." in found.preview
    assert "Last page." in found.preview
    assert found.note == f"{SOME_TEXT} Without text: page 2."


@pytest.mark.parametrize(("content", "ending"), [(scan(), "pdf"), (files.png(), "png"), (files.jpeg(), "jpg")])
async def test_a_document_without_text_stores_none(blobs: StoredBlobs, content: bytes, ending: str) -> None:
    found = await extracted(blobs, content, MEDIA[ending])
    assert (found.text, found.needs_ocr, found.note, found.refused) == (None, True, NO_TEXT, None)


async def test_a_document_that_is_not_stored_fails_the_step_for_good(blobs: StoredBlobs) -> None:
    activities = ExtractionActivities(patient_extractor(), blobs)
    with pytest.raises(ApplicationError) as error:
        await ActivityEnvironment().run(activities.text, STEP, DocumentRef(hash="0" * 64, media_type="text/plain"))
    assert (error.value.type, error.value.non_retryable) == ("document-missing", True)


async def test_a_picture_inside_a_word_document_is_told(tmp_path: Path) -> None:
    (tmp_path / "stamp.png").write_bytes(files.png())
    document = docx.Document()
    document.add_paragraph("Signed below.")
    document.add_picture(str(tmp_path / "stamp.png"))
    document.save(str(tmp_path / "deed.docx"))
    found = await patient_extractor().extract((tmp_path / "deed.docx").read_bytes(), MEDIA["docx"], "")
    assert found.text.strip() == "Signed below."
    assert "pictures" in found.note


async def test_documents_are_read_at_the_same_time_and_do_not_mix() -> None:
    extractor = patient_extractor()
    texts = [f"Document {number}." for number in range(6)]
    found = await asyncio.gather(*(extractor.extract(text.encode(), "text/plain", "") for text in texts))
    assert [one.text for one in found] == texts
