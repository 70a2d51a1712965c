"""Sending documents by a signed link: a plain form with files, and the answer on the same page."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Scope

from placet.control.documents import Sending
from placet.control.errors import Kind, Problem
from placet.store.engine import StoreUnavailable
from placet.web.links import asked, control_of, same_origin, sorry

MOST_PARTS = 20


def install(app: FastAPI) -> None:
    """Add the address to which the page sends files."""

    @app.post("/l/{token}/documents", response_class=HTMLResponse, include_in_schema=False)
    async def give_documents(token: str, request: Request) -> Response:
        links = control_of(request).links
        try:
            if not same_origin(request):
                raise Problem("cross-site", "This form was sent from another site; open the link in your mail.")
            try:
                await refusing_politely(request, links.may_give(token, announced(request)))
                async with sent_files(request) as files:
                    await links.give(token, files)
            except Problem as problem:
                if problem.kind not in (Kind.INVALID, Kind.TOO_LARGE, Kind.CONFLICT):
                    raise
                return asked(token, await links.open(token), upload=problem)
        except (Problem, StoreUnavailable) as error:
            return sorry(error)
        return RedirectResponse(f"/l/{token}", 303)


def too_large(scope: Scope) -> Response | None:
    """The page that says so, for a form that somebody sent by a link."""
    if not scope["path"].startswith("/l/"):
        return None
    most = scope["app"].state.control.documents.most_bytes // 1_000_000
    detail = f"What you sent is too large: a file may have at most {most} MB. Go back, and send a smaller one."
    return sorry(Problem("too-large", detail))


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
async def sent_files(request: Request) -> AsyncIterator[list[Sending]]:
    """The files of a form, each with the name of its document: one `name` for all, or one for each, in order."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem("invalid-request", "Send a form (multipart/form-data) with the fields name and file.")
    try:
        # Beyond 1 MB a file waits on the disk, not in memory.
        form = await request.form(max_files=MOST_PARTS, max_fields=MOST_PARTS, max_part_size=1000)
    except HTTPException as error:
        raise Problem("invalid-request", f"The form could not be read. {error.detail}") from error
    try:
        names = [value for value in form.getlist("name") if isinstance(value, str)]
        # Browsers send an empty part for a field without a file.
        files = [value for value in form.getlist("file") if isinstance(value, UploadFile) and value.filename]
        if len(names) not in (1, len(files)):
            raise Problem("invalid-request", "Say which document it is: one name, or one for each file.", field="name")
        if len(names) == 1:
            names *= len(files)
        yield [Sending(name, file) for name, file in zip(names, files, strict=True)]
    finally:
        await form.close()
