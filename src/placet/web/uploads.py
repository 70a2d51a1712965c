"""Sending documents by a form: from a signed link, or from a page."""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Scope

from placet.control.documents import Sending
from placet.control.errors import Kind, Problem
from placet.web.links import HEADERS, asked, from_our_page
from placet.web.pages import control_of, router, sorry, speak
from placet.web.words import _, later

START = re.compile(r"/catalogue/[^/]+/start/?")
"""Where a form starts a case, with several files at once."""
MOST_PARTS = 20
MOST_INPUTS = 200
"""A form may have so many inputs for files; browsers send a part for each, also without a file."""

routes = router()


@routes.post("/l/{token}/documents")
async def give_documents(token: str, request: Request) -> Response:
    from_our_page(request)
    links = control_of(request).links
    try:
        await refusing_politely(request, links.may_give(token, announced(request)))
        async with sent_files(request) as files:
            await links.give(token, files)
    except Problem as problem:
        if problem.kind not in (Kind.INVALID, Kind.TOO_LARGE, Kind.CONFLICT):
            raise
        return asked(request, token, await links.open(token), upload=problem)
    return RedirectResponse(f"/l/{token}", 303)


def too_large(scope: Scope) -> Response | None:
    """The page that says so, for a form that somebody sent; None for programs."""
    if scope["path"].startswith("/api/"):
        return None
    request = Request(scope)
    if not scope["path"].startswith("/l/") and "text/html" not in request.headers.get("accept", ""):
        return None
    speak(request)
    documents, path = control_of(request).documents, scope["path"].rstrip("/")
    most = documents.most_bytes // 1_000_000
    detail = _(
        "What you sent is too large: a file may have at most %(most)s MB. Go back, and send a smaller one.", most=most
    )
    if START.fullmatch(path):
        detail = _(
            "Together, the files are too large: those of one form may have at most %(together)s MB in all, each at "
            "most %(most)s MB. Nothing was kept. Go back, and leave some out or choose smaller ones.",
            together=documents.most_together // 1_000_000,
            most=most,
        )
    answer = sorry(request, Problem("too-large", detail), path.removesuffix("/documents"))
    answer.headers.update(HEADERS)
    return answer


def announced(request: Request) -> int:
    """How long the body will be, as far as the sender says."""
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdigit() else 0


async def refusing_politely(request: Request, check: Awaitable[None]) -> None:
    """Run the check before the body is read; when it fails, read the body to its end, or the answer may be missed."""
    try:
        await check
    except Problem:
        async for _ in request.stream():
            pass
        raise


@asynccontextmanager
async def sent_files(request: Request, named: bool = True) -> AsyncIterator[list[Sending]]:
    """The files of a form, each with the name of its document: one `name` for all, or one for each, in order.

    Without `named` they have none yet.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        fields = "the fields name and file" if named else "the field file"
        raise Problem("invalid-request", f"Send a form (multipart/form-data) with {fields}.")
    try:
        # Beyond 1 MB a file waits on the disk, not in memory.
        form = await request.form(max_files=MOST_PARTS, max_fields=MOST_PARTS, max_part_size=1000)
    except HTTPException as error:
        raise Problem("invalid-request", f"The form could not be read. {error.detail}") from error
    try:
        names = [value for value in form.getlist("name") if isinstance(value, str)] if named else [""]
        # Browsers send an empty part for a field without a file.
        files = [value for value in form.getlist("file") if isinstance(value, UploadFile) and value.filename]
        if len(names) not in (1, len(files)):
            raise Problem(
                "invalid-request", later("Say which document it is: one name, or one for each file."), field="name"
            )
        if len(names) == 1:
            names *= len(files)
        yield [Sending(name, file) for name, file in zip(names, files, strict=True)]
    finally:
        await form.close()


@asynccontextmanager
async def filled_in(request: Request) -> AsyncIterator[tuple[dict[str, str], dict[str, UploadFile]]]:
    """The texts of a form, and its files: of texts with one name the last, as `sent_by` has it.

    An input for files has all its texts, one on each line; a word that nobody else can know stands there for each file.
    """
    try:
        form = await _form_of(request)
    except MultiPartException as error:
        raise Problem("invalid-request", f"The form could not be read. {error.message}") from error
    try:
        sent: dict[str, str] = {}
        files: dict[str, UploadFile] = {}
        for name in form:
            values = form.getlist(name)
            texts = [value for value in values if isinstance(value, str)]
            if len(texts) == len(values):
                sent[name] = texts[-1]
                continue
            chosen = {secrets.token_hex(16): one for one in values if isinstance(one, UploadFile) and one.filename}
            sent[name] = "\n".join((*texts, *chosen))
            files |= chosen
        yield sent, files
    finally:
        await form.close()


class _ManyFiles(MultiPartParser):
    """So many files may come that even a small one waits on the disk."""

    spool_max_size = 64 * 1024


async def _form_of(request: Request) -> FormData:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.form()
    return await _ManyFiles(request.headers, request.stream(), max_files=MOST_INPUTS).parse()
