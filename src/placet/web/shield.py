"""What guards the pages in the browser: a strict policy with a nonce for each answer, and no act from another site.

Browsers say where a request comes from (Fetch Metadata); an older one at least names the origin. So no form needs a
token, and every form is covered. Requests with a bearer token come from no form. The pages behind signed links check
for themselves, as they send no referrer.
"""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = ("GET", "HEAD", "OPTIONS")
LINKS = "/l/"
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none';"
    " require-trusted-types-for 'script'; trusted-types placet"
)
HEADERS = {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}


class Shield:
    """`refusal` makes the answer to a request from another site."""

    def __init__(self, app: ASGIApp, refusal: Callable[[Scope], Response]) -> None:
        self._app = app
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["nonce"] = secrets.token_urlsafe(16)

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    guard(headers, scope)
            await send(message)

        headers = Headers(scope=scope)
        # Another site can have a browser send a name and a password along, but never a bearer token.
        by_token = headers.get("authorization", "").lower().startswith("bearer ")
        unsafe = scope["method"] not in SAFE and not by_token
        if unsafe and not scope["path"].startswith(LINKS) and not same_origin(headers):
            await self._refusal(scope)(scope, receive, shielded)
            return
        await self._app(scope, receive, shielded)


def guard(headers: MutableHeaders, scope: Scope) -> None:
    """What a page tells the browser, unless it has said otherwise."""
    headers.setdefault("Content-Security-Policy", POLICY.format(nonce=scope.get("nonce", "")))
    if scope["path"].startswith(LINKS):
        # The address itself is the key.
        headers.setdefault("Referrer-Policy", "no-referrer")
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def same_origin(headers: Headers, hidden: bool = False) -> bool:
    """Whether our own page, or no page at all, sent this; `hidden` for pages that do not say where they are."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin == "null":
        return hidden
    return origin is None or urlsplit(origin).netloc == headers.get("host")
