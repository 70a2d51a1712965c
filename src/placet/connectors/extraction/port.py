"""Text of documents: what goes in, what comes out, and the step of a case. Content stays in the blob store."""

from typing import Literal, Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.connectors.blobs.port import BlobMissing, BlobStore
from placet.connectors.extraction.content import ExtractionRefused as ExtractionRefused
from placet.domain.model import Durable
from placet.domain.step import Step

PREVIEW = 500
NO_TEXT = "The document is a picture or a scan. Read it yourself, or have it made readable (OCR)."
SOME_TEXT = "Some pages are scans without text. Read those yourself, or have them made readable (OCR)."


class Extraction(Durable):
    """The text of one document; `pages` is None for formats without pages.

    `needs_ocr`: at least one page is a picture, and its text is not in `text`. `note` says in plain English what else
    a reader of the text has to know, such as parts that could not be read.
    """

    text: str
    engine: str
    pages: int | None = None
    needs_ocr: bool = False
    media_type: Literal["text/plain", "text/markdown"] = "text/plain"
    note: str = ""


class ExtractionUnavailable(Exception):
    """The same document may be read later; the text says what is in the way."""


class TextExtractor(Protocol):
    """Reads documents. Raises ExtractionRefused or ExtractionUnavailable."""

    async def extract(self, content: bytes, media_type: str, filename: str) -> Extraction: ...


class DocumentRef(Durable):
    """A stored document; `hash` is the SHA-256 of its content in hex."""

    hash: str
    media_type: str
    filename: str = ""


class ExtractedText(Durable):
    """Reference to the stored text of one document.

    `text` is the hash of the stored text, None when there is none; `characters` is its length, `preview` its first
    500 characters. `refused` is the code of ExtractionRefused for a document that cannot be read; `note` says why.
    """

    document: DocumentRef
    text: str | None = None
    characters: int = 0
    pages: int | None = None
    engine: str = ""
    needs_ocr: bool = False
    preview: str = ""
    refused: str | None = None
    note: str = ""


class ExtractionActivities:
    """Reading documents as steps of a case."""

    def __init__(self, extractor: TextExtractor, blobs: BlobStore) -> None:
        self._extractor = extractor
        self._blobs = blobs

    @activity.defn(name="extraction.text")
    async def text(self, step: Step, document: DocumentRef) -> ExtractedText:
        """Store the text of one document; a document that cannot be read is a result, and not a failure of the case."""
        try:
            content = await self._blobs.get(document.hash)
        except BlobMissing as missing:
            raise ApplicationError(str(missing), type="document-missing", non_retryable=True) from missing
        try:
            found = await self._extractor.extract(content, document.media_type, document.filename)
        except ExtractionRefused as refused:
            return ExtractedText(document=document, refused=refused.code, note=str(refused))
        text = found.text.strip()
        stored = await self._blobs.put(text.encode(), found.media_type) if text else None
        scans = (SOME_TEXT if text else NO_TEXT) if found.needs_ocr else ""
        return ExtractedText(
            document=document,
            text=stored,
            characters=len(text),
            pages=found.pages,
            engine=found.engine,
            needs_ocr=found.needs_ocr,
            preview=text[:PREVIEW],
            note=" ".join(filter(None, (scans, found.note))),
        )
