"""What holds for every answer: security headers, a request id, a bound on the body, and no fault shown in the raw."""

import logging
import secrets
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from placet.api.errors import OF_HTTP, problem_json

MAX_BODY_BYTES = 1_000_000
# A client that is still sending would miss an early answer, so a body somewhat too large is read to its end.
DRAINED_BYTES = 16 * MAX_BODY_BYTES

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
            await problem_json(500, "internal-error", "Our mistake", detail)(scope, receive, framed)


class BodyLimit:
    """Answers 413 as a problem. (The framework's own limit answers in plain text.)"""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send, 0)
            return
        size = 0
        started = False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > self._limit:
                    raise _TooLarge
            return message

        async def sent(message: Message) -> None:
            nonlocal started
            # What the application makes of the interruption is held back; the refusal below is the answer.
            if size <= self._limit or started:
                started = True
                await send(message)

        with suppress(_TooLarge):
            await self._app(scope, counted, sent)
        if size > self._limit and not started:
            await self._refuse(scope, receive, send, size)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, size: int) -> None:
        more = True
        while more and size <= DRAINED_BYTES:
            message = await receive()
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        await problem_json(413, *OF_HTTP[413])(scope, receive, send)


class _TooLarge(Exception):
    pass
