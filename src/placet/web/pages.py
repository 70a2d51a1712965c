"""Making pages: templates with what every page knows, redirects with a word on top, and refusals as pages."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.types import Scope

from placet.control.control import Control
from placet.control.documents import ACCEPTED, HASH
from placet.control.door import Once
from placet.control.errors import Kind, Problem
from placet.control.markdown import rendered
from placet.store.engine import StoreUnavailable
from placet.web import forms, money, pictures, retelling, telling, times, words
from placet.web.assets import asset
from placet.web.navigation import ways
from placet.web.shield import guard
from placet.web.words import Reader, _, languages, preferred, read_by, reader, zone_of

STATUS = {
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.INVALID: 422,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
}
SIGN_IN = "/signin"
FLASH = "flash"
LOOK = "placet-look"
"""The header with which the script fetches a page again, to see what has changed."""
ZONE = "zone"
LANGUAGE = "language"
KEY = re.compile(r"[\x20-\x7e]{8,200}")


def label(key: object) -> str:
    """A name of the data as a heading: `term_months` is “Term months”."""
    return str(key).replace("_", " ").replace("-", " ").strip().capitalize()


PAGES = Environment(
    loader=PackageLoader("placet.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
    extensions=["jinja2.ext.i18n"],
)
PAGES.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
PAGES.policies["ext.i18n.trimmed"] = True
PAGES.filters |= {
    "label": label,
    "told": lambda text: _(str(text)),
    "written": retelling.retold,
    "outcome": words.outcome,
    "moment": times.moment,
    "ago": times.ago,
    "both": times.both,
    "countdown": times.countdown,
    "markdown": lambda text: Markup(rendered(str(text))),
    "is_hash": lambda value: bool(HASH.fullmatch(str(value))),
    "number": lambda comment_id: str(comment_id).rpartition(".")[2],
    "chain": money.chain,
    "groups": money.groups,
    **telling.FILTERS,
}
PAGES.globals |= {
    "places": forms.places,
    "labels": forms.labels,
    "asset": asset,
    "accepted": ACCEPTED,
    "pictures": pictures,
    "new_key": lambda: secrets.token_hex(16),
    "languages": languages,
}


class PageRoute(APIRoute):
    """A route that answers with pages, also when something is refused; who is not signed in is sent to do so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            speak(request)
            try:
                return await answer(request)
            except Problem as problem:
                if problem.code == "unauthenticated":
                    return to_sign_in(request)
                return sorry(request, problem)
            except StoreUnavailable as error:
                return sorry(request, error)
            except RequestValidationError as error:
                return sorry(request, Problem("invalid-request", str(error.errors()[0]["msg"])))

        return handle


def router() -> APIRouter:
    """A router for one area of pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse)


def speak(request: Request) -> None:
    """Make pages for whoever this browser seems to be, until more is known of them."""
    cookies = request.cookies
    language = preferred(cookies.get(LANGUAGE), request.headers.get("accept-language", ""))
    read_by(Reader(language=language, zone=zone_of(cookies.get(ZONE))))


def control_of(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """The page, for the person of this request if somebody is signed in."""
    visitor = getattr(request.state, "visitor", None)
    flash = _flash(request)
    body = PAGES.get_template(template).render(
        request=request,
        path=request.scope["path"],
        nonce=request.scope.get("nonce", ""),
        visitor=visitor,
        ways=ways(visitor.person) if visitor else [],
        reader=reader(),
        flash=flash,
        **context,
    )
    response = HTMLResponse(body, status)
    if flash is not None:
        response.delete_cookie(FLASH)
    return response


def see_other(to: str, said: str | None = None, kind: str = "good") -> Response:
    """Send the browser on after an act; `said` is told on top of the page that it leads to, and of no other."""
    response = RedirectResponse(to, 303)
    if said:
        page = to.partition("#")[0].partition("?")[0]
        told = base64.urlsafe_b64encode(json.dumps([kind, said, page]).encode()).decode()
        response.set_cookie(FLASH, told, max_age=60, httponly=True, samesite="lax")
    return response


def to_sign_in(request: Request) -> Response:
    """After signing in one comes back; what was sent has to be sent again."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = asked if request.method == "GET" else "/"
    return RedirectResponse(f"{SIGN_IN}?next={quote(back, safe='/')}" if back != "/" else SIGN_IN, 303)


def sorry(request: Request, error: Exception, back: str = "") -> Response:
    """A refusal as a page; `back` is the address of the page that one comes from."""
    detail = _("The database cannot take this now; nothing was changed. Try again in a moment.")
    told = error if isinstance(error, Problem) else Problem("unavailable", detail)
    answer = page(request, "sorry.html", STATUS[told.kind], problem=told, back=back)
    if told.kind is Kind.UNAVAILABLE:
        answer.headers["Retry-After"] = "1"
    return answer


def reads_pages(request: Request) -> bool:
    """Whether a person asks, with a browser, and not a program."""
    return not request.scope["path"].startswith("/api/") and "text/html" in request.headers.get("accept", "")


def lost(scope: Scope, status: int, title: str, detail: str) -> Response | None:
    """A page for what no route answers, for those who read pages; None for programs."""
    request = Request(scope)
    if not reads_pages(request):
        return None
    if not hasattr(request.state, "visitor"):
        speak(request)
    answer = page(request, "lost.html", status, title=title, detail=detail)
    guard(answer.headers, scope)
    return answer


def local(path: str | None) -> str:
    """The path if it leads to one of our own pages, else the inbox."""
    good = path and re.fullmatch(r"/(?![/\\])[^\x00-\x20\\]*", path)
    return path if path and good and not path.startswith(SIGN_IN) else "/"


def once(request: Request, sent: Mapping[str, str], *parts: str) -> Once | None:
    """The key of a form, under which what it sends counts once."""
    key = sent.get("key", "")
    if not KEY.fullmatch(key):
        return None
    content = json.dumps([request.url.path, parts, sorted(sent.items())], ensure_ascii=False)
    return Once(key=f"web-{key}", fingerprint=hashlib.sha256(content.encode()).hexdigest())


async def sent_by(request: Request) -> dict[str, str]:
    """The texts of a sent form; of several with one name, the last."""
    return {key: value for key, value in (await request.form()).items() if isinstance(value, str)}


def _flash(request: Request) -> tuple[str, str] | None:
    if LOOK in request.headers:
        # It is for the page that is on its way, not for the one that still looks for changes, here or in another tab.
        return None
    try:
        kind, said, page = json.loads(base64.urlsafe_b64decode(request.cookies[FLASH]))
    except (KeyError, ValueError, TypeError):
        return None
    if unquote(str(page)) != request.scope["path"]:
        return None
    return (kind if kind in ("good", "bad") else "good", str(said)[:500])
