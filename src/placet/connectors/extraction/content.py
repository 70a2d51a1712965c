"""What a document is by its content, and the checks before anything parses it. Imports nothing heavy: see `parse`."""

from enum import StrEnum
from pathlib import PurePosixPath

from placet.connectors.blobs.packages import EICAR, content_types
from placet.connectors.blobs.unfit import Unfit

MEGABYTE = 1024 * 1024
MAX_BYTES = 30 * MEGABYTE
OLE_CONTAINER = bytes.fromhex("d0cf11e0a1b11ae1")
GUESSED = "The text is not in UTF-8; some of its characters may be shown wrongly."
DAMAGED = "The document is damaged and cannot be read. Ask for it again."
TOO_HARD = "Reading the document takes more memory or time than allowed. Ask for it as a plain PDF."


class ExtractionRefused(Exception):
    """Reading the same content again cannot help; `code` is stable and the text says what to do.

    Codes: `encrypted`, `unreadable`, `too-large`, `unsupported-type`, `malware-test-string`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Format(StrEnum):
    """The formats that can be read; the value is the ending of such a file's name."""

    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"
    PPTX = "pptx"
    HTML = "html"
    MARKDOWN = "md"
    CSV = "csv"
    TEXT = "txt"
    PNG = "png"
    JPEG = "jpg"
    TIFF = "tiff"


PLAIN = frozenset({Format.TEXT, Format.CSV, Format.MARKDOWN})
OFFICE = {
    Format.DOCX: "wordprocessingml.document",
    Format.XLSX: "spreadsheetml.sheet",
    Format.PPTX: "presentationml.presentation",
}
OFFICE_TYPE = "application/vnd.openxmlformats-officedocument."
PICTURES = {Format.PNG: (b"\x89PNG",), Format.JPEG: (b"\xff\xd8\xff",), Format.TIFF: (b"II*\x00", b"MM\x00*")}
MEDIA_TYPES = {OFFICE_TYPE + kind: format for format, kind in OFFICE.items()} | {
    "application/pdf": Format.PDF,
    "text/html": Format.HTML,
    "text/markdown": Format.MARKDOWN,
    "text/csv": Format.CSV,
    "text/plain": Format.TEXT,
    "image/png": Format.PNG,
    "image/jpeg": Format.JPEG,
    "image/tiff": Format.TIFF,
}
ENDINGS = {str(format): format for format in Format} | {"htm": Format.HTML, "jpeg": Format.JPEG, "tif": Format.TIFF}
SAYS_NOTHING = frozenset({"", "application/octet-stream", "application/zip"})


def format_of(media_type: str, filename: str) -> Format:
    """The format that a document claims to have; its name counts only where the media type says nothing."""
    named = media_type.partition(";")[0].strip().lower()
    found = MEDIA_TYPES.get(named)
    if found is None and named in SAYS_NOTHING:
        found = ENDINGS.get(PurePosixPath(filename.replace("\\", "/")).suffix.removeprefix(".").lower())
    if found is None:
        raise ExtractionRefused(
            "unsupported-type", f"Documents of the type {named or 'unknown'} cannot be read. Ask for a PDF instead."
        )
    return found


def check(content: bytes, format: Format) -> None:
    """Raise ExtractionRefused for content that must not reach a parser: wrong, locked, too large or made to do harm."""
    if len(content) > MAX_BYTES:
        raise ExtractionRefused(
            "too-large", f"The document is larger than {MAX_BYTES // MEGABYTE} MB. Ask for a smaller one."
        )
    if content.startswith(EICAR):
        raise _malware()
    if not content:
        raise ExtractionRefused("unreadable", "The document is empty. Ask for it again.")
    if format in OFFICE:
        _check_office(content, format)
    elif (format is Format.PDF and b"%PDF-" not in content[:1024]) or (
        format in PICTURES and not content.startswith(PICTURES[format])
    ):
        raise _not_really(format)


def decode(content: bytes) -> tuple[str, str]:
    """Text, and a note when its encoding was a guess: UTF-8, UTF-16 with its mark, else Western; binary is refused."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return clean(content.decode("utf-16", "replace")), ""
    if b"\x00" in content[:4096]:
        raise ExtractionRefused("unreadable", "The document is not text. Ask for it again.")
    try:
        return clean(content.decode("utf-8-sig")), ""
    except UnicodeDecodeError:
        return clean(content.decode("cp1252", "replace")), GUESSED


def clean(text: str) -> str:
    """Without what databases and pages cannot carry: control characters and halves of surrogate pairs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in text if char in "\n\t" or (char.isprintable() or char.isspace()))
    return kept.encode("utf-8", "replace").decode()


def _check_office(content: bytes, format: Format) -> None:
    if content.startswith(OLE_CONTAINER):
        # Office keeps a file with a password as a stream of this name in an old-style container.
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise locked()
        raise ExtractionRefused(
            "unsupported-type", f"This is a file of an old Office version. Ask for it as {format.upper()} or PDF."
        )
    try:
        types = content_types(content)
    except Unfit as unfit:
        raise _office_refusal(unfit, format) from unfit
    if f"{OFFICE_TYPE}{OFFICE[format]}.main+xml" not in types:
        raise _not_really(format)


def _office_refusal(unfit: Unfit, format: Format) -> ExtractionRefused:
    match unfit.code:
        case "encrypted":
            return locked()
        case "unpacks-too-large":
            return ExtractionRefused(
                "too-large", "The document unpacks to far more than it should. Ask for it again, as a PDF if possible."
            )
        case "malware":
            return _malware()
        case "macros":
            return ExtractionRefused("unreadable", "The document contains macros. Ask for a copy without them.")
        case _:
            return _not_really(format)


def _malware() -> ExtractionRefused:
    return ExtractionRefused("malware-test-string", "This is a test file of virus scanners, not a document.")


def _not_really(format: Format) -> ExtractionRefused:
    return ExtractionRefused(
        "unreadable", f"The document is damaged, or is not really {format.upper()}. Ask for it again."
    )


def locked() -> ExtractionRefused:
    return ExtractionRefused("encrypted", "The document is protected by a password. Ask for a copy without one.")
