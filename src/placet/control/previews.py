"""Documents to look at without keeping them: pictures as they are, PDFs as pictures of their pages, text as text."""

from dataclasses import dataclass, replace

from placet.connectors.extraction.content import ExtractionRefused, decode
from placet.connectors.extraction.drawing import Drawing, Drawn
from placet.connectors.extraction.port import ExtractionUnavailable
from placet.control.documents import Document, Documents
from placet.control.errors import Problem, not_found
from placet.domain.people import Person
from placet.domain.said import Said

PICTURES = ("image/png", "image/jpeg")
TEXTS = ("text/plain", "text/csv", "text/markdown")
PDF = "application/pdf"
MOST_TEXT = 200_000
CUT = Said("This is only the beginning; download the document to read the rest.")
UNSHOWN = Said("Documents of this kind cannot be shown here; download it to open it.")


@dataclass(frozen=True)
class Preview:
    """What of a document is shown: so many pages as pictures, or its text, or neither; `note` says why not all."""

    pages: int = 0
    text: str | None = None
    note: str = ""


class Previews:
    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._drawing = Drawing()

    async def get(self, person: Person, case_id: str, content_hash: str, page: int) -> tuple[Document, Preview]:
        """The document, and what of it can be looked at."""
        document = await self._documents.get(person, case_id, content_hash)
        try:
            return document, await self._preview(document, page)
        except ExtractionRefused as why:
            return document, Preview(note=str(why))

    async def picture(self, person: Person, case_id: str, content_hash: str, page: int) -> Document:
        """The picture that the document is, or one of its pages; as a document, for what has none there is nothing."""
        document = await self._documents.get(person, case_id, content_hash)
        if document.media_type in PICTURES and page == 1:
            return document
        if document.media_type != PDF:
            raise not_found()
        try:
            drawn = await self._drawn(document, page)
        except ExtractionRefused as why:
            raise not_found() from why
        if drawn.picture is None:
            raise not_found()
        return replace(document, media_type="image/png", content=drawn.picture, name="")

    async def _preview(self, document: Document, page: int) -> Preview:
        if document.media_type in PICTURES:
            return Preview(pages=1)
        if document.media_type == PDF:
            drawn = await self._drawn(document, page)
            if drawn.picture is None:
                raise not_found()
            return Preview(pages=drawn.pages)
        if document.media_type in TEXTS:
            text, note = decode(document.content)
            return Preview(text=text[:MOST_TEXT], note=CUT if len(text) > MOST_TEXT else note)
        return Preview(note=UNSHOWN)

    async def _drawn(self, document: Document, page: int) -> Drawn:
        try:
            return await self._drawing.page(document.hash, document.content, page)
        except ExtractionUnavailable as error:
            raise Problem("unavailable", f"{error} Try again in a moment.") from error
