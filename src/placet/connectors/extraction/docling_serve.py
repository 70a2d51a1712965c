"""Text of documents through a docling-serve server, which also knows layout, tables and OCR."""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, Field, HttpUrl, ValidationError

from placet.connectors.extraction.content import (
    MEDIA_TYPES,
    MEGABYTE,
    PICTURES,
    PLAIN,
    ExtractionRefused,
    Format,
    check,
    clean,
    decode,
    format_of,
    locked,
)
from placet.connectors.extraction.port import Extraction, ExtractionUnavailable
from placet.domain.model import Strict

MAX_ANSWER = 40 * MEGABYTE
PICTURE = re.compile(r"<!-- image -->|!\[[^\]]*\]\([^)]*\)")
WAITING = {"pending", "started"}
UNDERSTOOD = {"success", "partial_success"}
# The server's own names of formats, where they are not the usual endings.
SERVER_NAMES = {picture: "image" for picture in PICTURES}
OFFICIAL = {format: media_type for media_type, format in MEDIA_TYPES.items()}

Shape = TypeVar("Shape", bound=BaseModel)


class DoclingServeSettings(Strict):
    """The server, and the name of the environment variable that holds its key, if it asks for one."""

    url: HttpUrl
    api_key_env: str | None = None
    ocr: bool = True
    ocr_languages: tuple[str, ...] = ()
    timeout_seconds: float = Field(default=50, gt=0)
    poll_seconds: float = Field(default=5, gt=0, le=60)


class _Failure(BaseModel):
    message: str = ""
    category: str = ""
    retryable: bool = False


class _Task(BaseModel):
    task_id: str
    task_status: str
    error_message: str | None = None
    failure: _Failure | None = None


class _Document(BaseModel):
    md_content: str | None = None


class _Problem(BaseModel):
    error_message: str = ""
    page_no: int | None = None


class _Confidence(BaseModel):
    pages: dict[str, Any] | None = None


class _Result(BaseModel):
    document: _Document | None = None
    status: str = "failure"
    errors: list[_Problem] = []
    confidence: _Confidence | None = None
    failure: _Failure | None = None


class DoclingServeExtractor:
    """Sends a document as a task, waits for it and fetches its text."""

    def __init__(self, settings: DoclingServeSettings, environment: Mapping[str, str]) -> None:
        """Read the key from `environment`; raises ValueError when the named variable is missing."""
        self._settings = settings
        self._headers = {}
        if settings.api_key_env is not None:
            key = environment.get(settings.api_key_env)
            if not key:
                raise ValueError(
                    f"The environment variable {settings.api_key_env} is empty. Set it to the server's key."
                )
            self._headers["X-Api-Key"] = key

    async def extract(self, content: bytes, media_type: str, filename: str) -> Extraction:
        format = format_of(media_type, filename)
        await asyncio.to_thread(check, content, format)
        if format in PLAIN:
            text, note = decode(content)
            return Extraction(
                text=text,
                engine="text",
                note=note,
                media_type="text/markdown" if format is Format.MARKDOWN else "text/plain",
            )
        try:
            return await self._converted(content, format)
        except ExtractionRefused as refused:
            # Not every server tells why it could not open a file.
            if refused.code == "unreadable" and format is Format.PDF and b"/Encrypt" in content:
                raise locked() from refused
            raise

    async def _converted(self, content: bytes, format: Format) -> Extraction:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds), self._client() as client:
                task = await self._send(client, content, format)
                while task.task_status in WAITING:
                    asked = {"wait": self._settings.poll_seconds}
                    task = _as(_Task, await self._call(client, "GET", f"/v1/status/poll/{task.task_id}", params=asked))
                if task.task_status not in UNDERSTOOD:
                    raise _failed(task.failure, task.error_message)
                result = _as(_Result, await self._call(client, "GET", f"/v1/result/{task.task_id}"))
        except (TimeoutError, httpx2.TimeoutException) as late:
            raise ExtractionUnavailable("The docling server took too long to read the document.") from late
        except httpx2.HTTPError as error:
            raise ExtractionUnavailable(f"The docling server cannot be reached: {error}") from error
        return _extraction(result)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=str(self._settings.url).rstrip("/"),
            headers=self._headers,
            timeout=httpx2.Timeout(10, read=self._settings.timeout_seconds),
        )

    async def _send(self, client: httpx2.AsyncClient, content: bytes, format: Format) -> _Task:
        form: dict[str, Any] = {
            "from_formats": [SERVER_NAMES.get(format, str(format))],
            "to_formats": ["md"],
            "image_export_mode": "placeholder",
            "target_type": "inbody",
            "do_ocr": str(self._settings.ocr).lower(),
            "abort_on_error": "false",
        }
        if self._settings.ocr_languages:
            form["ocr_lang"] = list(self._settings.ocr_languages)
        # A name of our own: people's file names belong into no other system's log.
        files = {"files": (f"document.{format}", content, OFFICIAL[format])}
        return _as(_Task, await self._call(client, "POST", "/v1/convert/file/async", data=form, files=files))

    async def _call(self, client: httpx2.AsyncClient, method: str, path: str, **options: Any) -> bytes:
        async with client.stream(method, path, **options) as response:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_ANSWER:
                    raise ExtractionRefused("too-large", "The document holds far more text than it should.")
            if response.is_success:
                return bytes(body)
            raise _refusal(method, response.status_code, bytes(body))


def _extraction(result: _Result) -> Extraction:
    if result.document is None or result.status not in UNDERSTOOD:
        problem = result.errors[0].error_message if result.errors else None
        raise _failed(result.failure, problem)
    text = clean(PICTURE.sub("", result.document.md_content or "")).strip()
    pages = result.confidence.pages if result.confidence else None
    return Extraction(
        text=text,
        engine="docling-serve",
        pages=len(pages) if pages else None,
        # Also after OCR: then the server has found a picture and no words in it.
        needs_ocr=not text,
        media_type="text/markdown",
        note=_unread(result.errors) if result.status == "partial_success" else "",
    )


def _unread(errors: list[_Problem]) -> str:
    pages = sorted({error.page_no for error in errors if error.page_no is not None})
    return f"Not read: page {', '.join(map(str, pages))}." if pages else "Parts of the document could not be read."


def _failed(failure: _Failure | None, message: str | None) -> ExtractionRefused | ExtractionUnavailable:
    """What a task that has failed means; servers of older versions give no reason."""
    said = clean((failure.message if failure else message) or "no reason given")[:300]
    if failure is not None and (failure.retryable or failure.category in {"capacity", "target_unavailable"}):
        return ExtractionUnavailable(f"The docling server could not read the document now: {said}")
    if "password" in said.lower() or "encrypted" in said.lower():
        return locked()
    if failure is not None and failure.category == "timeout":
        return ExtractionRefused("unreadable", "Reading the document takes too long. Ask for a shorter or plainer one.")
    return ExtractionRefused("unreadable", f"The document cannot be read ({said}). Ask for it again.")


def _refusal(method: str, status: int, body: bytes) -> ExtractionRefused | ExtractionUnavailable:
    said = body[:300].decode("utf-8", "replace")
    match status:
        case 413:
            return ExtractionRefused("too-large", "The document is too large for the docling server.")
        case 415:
            return ExtractionRefused("unsupported-type", "The docling server does not read documents of this type.")
        case 401 | 403:
            return ExtractionUnavailable("The docling server refuses the key. Correct the key in the settings.")
        case 404 if method == "GET":
            return ExtractionUnavailable("The docling server no longer knows the task; it may have been restarted.")
        case _:
            return ExtractionUnavailable(f"The docling server answered {status}: {said}")


def _as(shape: type[Shape], body: bytes) -> Shape:
    try:
        return shape.model_validate(json.loads(body))
    except (ValidationError, ValueError) as error:
        raise ExtractionUnavailable("The docling server gave an answer that makes no sense. Check its URL.") from error
