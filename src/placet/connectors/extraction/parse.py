"""Reads one document in a process of its own: content on stdin, `ready`, then one line of JSON on stdout.

Run as `python -I -m placet.connectors.extraction.parse FORMAT MEGABYTES SECONDS`. The process limits its memory and its
processor time, among others, before it reads anything. Whatever goes wrong before `ready` is the fault of this
installation; afterwards it is the fault of the document.
"""

import io
import json
import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from placet.connectors.extraction.content import (
    DAMAGED,
    MEGABYTE,
    OFFICE,
    PICTURES,
    PLAIN,
    TOO_HARD,
    ExtractionRefused,
    Format,
    check,
    clean,
    decode,
    locked,
)

OPEN_FILES = 64
MAX_PAGES = 2_000
MAX_CHARACTERS = 5_000_000
# A page of which a picture covers more than this, with hardly any text, is a scan with a stamp or a page number on it.
SCAN_COVERS = 0.5
STAMP_CHARACTERS = 50
FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system", "os.remove", "os.rename")
EMPTY: dict[str, Any] = {
    "text": "",
    "engine": "",
    "pages": None,
    "needs_ocr": False,
    "media_type": "text/plain",
    "note": "",
}

Parser = Callable[[bytes], dict[str, Any]]


def main(format: Format) -> None:
    """Answer {"text", "engine", "pages", "needs_ocr", "media_type", "note"} or {"refused", "note"}."""
    content = sys.stdin.buffer.read()
    parse: Parser = partial(_checked, format)
    answer = guarded(parse, content)
    if "refused" not in answer:
        parse = parser_of(format)
        allow_only_reading()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if "refused" not in answer:
        answer = guarded(parse, content)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


def guarded(parse: Parser, content: bytes) -> dict[str, Any]:
    """What this parser finds; whatever it raises becomes a refusal of the document."""
    try:
        found = EMPTY | parse(content)
        if len(found["text"]) > MAX_CHARACTERS:
            raise ExtractionRefused("too-large", f"The document has more than {MAX_CHARACTERS:,} characters of text.")
    except ExtractionRefused as refused:
        return {"refused": refused.code, "note": str(refused)}
    except (MemoryError, RecursionError):
        return {"refused": "unreadable", "note": TOO_HARD}
    except Exception:
        return {"refused": "unreadable", "note": DAMAGED}
    return found


def parser_of(format: Format) -> Parser:
    """Import what reads this format; the parser of what is not installed refuses every document."""
    if format is Format.PDF:
        import pypdfium2 as pdfium  # type: ignore[import-untyped]

        return lambda content: _pdf(pdfium, content)
    if format in PLAIN:
        return lambda content: _plain(content, format)
    if format in PICTURES:
        return lambda content: {"text": "", "engine": "none", "pages": 1, "needs_ocr": True}
    return _docling(format)


def _checked(format: Format, content: bytes) -> dict[str, Any]:
    check(content, format)
    return {}


def _plain(content: bytes, format: Format) -> dict[str, Any]:
    text, note = decode(content)
    media_type = "text/markdown" if format is Format.MARKDOWN else "text/plain"
    return {"text": text, "engine": "text", "media_type": media_type, "note": note}


def _pdf(pdfium: Any, content: bytes) -> dict[str, Any]:
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if error.err_code in (pdfium.raw.FPDF_ERR_PASSWORD, pdfium.raw.FPDF_ERR_SECURITY):
            raise locked() from error
        raise ExtractionRefused("unreadable", DAMAGED) from error
    if len(document) > MAX_PAGES:
        raise ExtractionRefused("too-large", f"The PDF has more than {MAX_PAGES:,} pages. Ask for a shorter one.")
    texts: list[str] = []
    scans: list[int] = []
    for number in range(len(document)):
        page = document[number]
        # U+FFFE stands where a word was broken at the end of a line.
        text = clean(page.get_textpage().get_text_range().replace("\ufffe\r\n", "").replace("\ufffe", "")).strip()
        if _is_scan(pdfium, page, text):
            scans.append(number + 1)
        texts.append(text)
        page.close()
    return {
        "text": "\n\n".join(filter(None, texts)),
        "engine": f"pypdfium2 {pdfium.version.PYPDFIUM_INFO}",
        "pages": len(document),
        "needs_ocr": bool(scans),
        "note": f"Without text: {_listed(scans)}." if scans and len(document) > 1 else "",
    }


def _is_scan(pdfium: Any, page: Any, text: str) -> bool:
    if len(text) >= STAMP_CHARACTERS:
        return False
    drawn = {pdfium.raw.FPDF_PAGEOBJ_IMAGE, pdfium.raw.FPDF_PAGEOBJ_PATH, pdfium.raw.FPDF_PAGEOBJ_SHADING}
    if not text:
        return any(thing.type in drawn for thing in page.get_objects())
    area = page.get_width() * page.get_height()
    return any(_area(image) > SCAN_COVERS * area for image in page.get_objects([pdfium.raw.FPDF_PAGEOBJ_IMAGE]))


def _area(image: Any) -> float:
    left, bottom, right, top = image.get_bounds()
    return float((right - left) * (top - bottom))


def _listed(pages: list[int]) -> str:
    shown = ", ".join(map(str, pages[:20]))
    return f"page{'s' if len(pages) > 1 else ''} {shown}{' and others' if len(pages) > 20 else ''}"


def _docling(format: Format) -> Parser:
    try:
        from importlib.metadata import version

        from docling.datamodel.base_models import ConversionStatus, DocumentStream, InputFormat
        from docling.document_converter import DocumentConverter

        kind = InputFormat(str(format))
        converter = DocumentConverter(allowed_formats=[kind])
        # Loads the backend now, while the process may still load libraries.
        converter.initialize_pipeline(kind)
        engine = f"docling {version('docling-slim')}"
    except ImportError:
        return _not_installed(format)

    def parse(content: bytes) -> dict[str, Any]:
        stream = DocumentStream(name=f"document.{format}", stream=io.BytesIO(content))
        result = converter.convert(stream, raises_on_error=False)
        if result.status not in (ConversionStatus.SUCCESS, ConversionStatus.PARTIAL_SUCCESS):
            raise ExtractionRefused("unreadable", DAMAGED)
        document = result.document
        text = clean(document.export_to_markdown(image_placeholder="", escape_html=False, escape_underscores=False))
        pictures = len(document.pictures)
        notes = ["Parts of the document could not be read."] * (result.status is not ConversionStatus.SUCCESS)
        notes += [f"What its pictures show ({pictures}) is not in the text."] * bool(pictures)
        return {
            "text": text,
            "engine": engine,
            "pages": len(document.pages) or None if format in OFFICE and format is not Format.DOCX else None,
            "needs_ocr": bool(pictures) and not text.strip(),
            "media_type": "text/markdown",
            "note": " ".join(notes),
        }

    return parse


def _not_installed(format: Format) -> Parser:
    def refuse(content: bytes) -> dict[str, Any]:
        raise ExtractionRefused(
            "unsupported-type",
            f"{format.upper()} files cannot be read by this installation. Ask for a PDF, or have the extra"
            " “documents” installed (pip install 'placet[documents]').",
        )

    return refuse


def limit_process(megabytes: int, cpu_seconds: int) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, megabytes * MEGABYTE),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


def allow_only_reading() -> None:
    """From now on, for good: documents can name addresses and commands, and no parser needs either."""

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if writes or event.startswith(FORBIDDEN):
            raise PermissionError(f"A parser must not use {event}.")

    sys.addaudithook(refuse)


if __name__ == "__main__":
    limit_process(int(sys.argv[2]), int(sys.argv[3]))
    main(Format(sys.argv[1]))
