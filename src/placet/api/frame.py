"""What holds for every answer: security headers, a request id, a bound on the body, and no fault shown in the raw."""

import logging
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.api.errors import OF_HTTP, problem_json
from placet.control.documents import Documents
from placet.web.pages import lost
from placet.web.uploads import START

MAX_BODY_BYTES = 1_000_000
# A client that is still sending would miss an early answer, so a body somewhat too large is read to its end.
DRAINED_BYTES = 16 * MAX_BODY_BYTES
# Beside its files, a form has names, texts and headers.
FORM_BYTES = MAX_BODY_BYTES
UPLOADS = re.compile(r"/(?:(?:api/v1/cases|l|tasks|cases)/[^/]+/documents|api/v1/documents)/?")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

log = logging.getLogger("placet.api")


class Frame:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        started = False

        async def framed(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await problem_json(404, *OF_HTTP[404])(scope, receive, framed)
            return
        try:
            await self._app(scope, receive, framed)
        except Exception:
            # The route, never the path: a path can be a signed link.
            route = getattr(scope.get("route"), "path", "unmatched")
            log.exception("request %s failed: %s %s", request_id, scope["method"], route)
            if started:
                raise
            detail = f"Something went wrong on our side; nothing was lost. Please report the number {request_id}."
            title = "Our mistake"
            answer = lost(scope, 500, title, detail) or problem_json(500, "internal-error", title, detail)
            await answer(scope, receive, framed)


def told(scope: Scope, limit: int) -> Response:
    """The usual refusal: a problem. (The framework's own limit answers in plain text.)"""
    code, title, _ = OF_HTTP[413]
    most = max(limit - FORM_BYTES, MAX_BODY_BYTES) // 1_000_000
    return problem_json(413, code, title, f"The body is too large; the most is {most} MB.")


class BodyLimit:
    """Answers 413 to a body beyond the limit, which is larger for forms with files; `refusal` makes the answer."""

    def __init__(
        self, app: ASGIApp, limit: int = MAX_BODY_BYTES, refusal: Callable[[Scope, int], Response] = told
    ) -> None:
        self._app = app
        self._limit = limit
        self._refusal = refusal

    def _limit_of(self, scope: Scope) -> int:
        form = Headers(scope=scope).get("content-type", "").lower().startswith("multipart/form-data")
        if scope["method"] != "POST" or not form:
            return self._limit
        documents: Documents = scope["app"].state.control.documents
        if START.fullmatch(scope["path"]):
            return documents.most_together + FORM_BYTES
        return documents.most_bytes + FORM_BYTES if UPLOADS.fullmatch(scope["path"]) else self._limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(scope, receive, send, 0, limit)
            return
        size = 0
        started = False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > limit:
                    raise _TooLarge
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            # What the application makes of the interruption is held back; the refusal below is the answer.
            if size <= limit or started:
                started = True
                await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, sent)
        if size > limit and not started:
            await self._refuse(scope, receive, send, size, limit)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, size: int, limit: int) -> None:
        more = True
        while more and size <= max(DRAINED_BYTES, 4 * limit):
            message = await receive()
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        await self._refusal(scope, limit)(scope, receive, send)


class _TooLarge(Exception):
    pass
