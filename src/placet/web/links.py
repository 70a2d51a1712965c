"""The page that a signed link opens: what is asked, and a form. Opening it never decides anything."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import ValidationError

from placet.control.control import Control
from placet.control.documents import HASH
from placet.control.errors import Kind, Problem, invalid
from placet.control.links import Invitation
from placet.control.tasks import GivenAnswer
from placet.domain.explain import in_full
from placet.domain.forms import Fault
from placet.store.engine import StoreUnavailable
from placet.web import forms

STATUS = {
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.GONE: 410,
    Kind.INVALID: 422,
    Kind.TOO_LARGE: 413,
    Kind.UNAVAILABLE: 503,
    Kind.UNAUTHENTICATED: 403,
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
STATIC = Path(__file__).parent / "static"
CLOSED = ("task-closed", "seats-taken", "already-answered")


def _label(key: str) -> str:
    return key.replace("_", " ").replace("-", " ").strip().capitalize()


PAGES = Environment(
    loader=PackageLoader("placet.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
PAGES.filters |= {"in_full": in_full, "label": _label, "is_hash": lambda value: bool(HASH.fullmatch(str(value)))}


def install(app: FastAPI) -> None:
    """Add the page and its style sheet."""
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/l/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def show_link(token: str, request: Request) -> Response:
        try:
            return asked(token, await control_of(request).links.open(token))
        except (Problem, StoreUnavailable) as error:
            return sorry(error)

    @app.post("/l/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def answer_link(token: str, request: Request) -> Response:
        try:
            if not same_origin(request):
                raise Problem("cross-site", "This form was sent from another site; open the link in your mail.")
            control = control_of(request)
            invitation = await control.links.open(token)
            sent = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
            return await _answered(control, token, invitation, sent)
        except (Problem, StoreUnavailable) as error:
            return sorry(error)

    @app.post("/l/{token}/signal-token", include_in_schema=False)
    async def issue_signal_token(token: str, request: Request) -> Response:
        if not same_origin(request):
            raise Problem("cross-site", "This was sent from another site; open the link in your mail.")
        issued = await control_of(request).links.signal_token(token)
        return JSONResponse(issued.value, status_code=201, headers={"Cache-Control": "no-store"})

    @app.get("/l/{token}/documents/{content_hash}", response_class=Response, include_in_schema=False)
    async def show_link_document(token: str, content_hash: str, request: Request) -> Response:
        try:
            document = await control_of(request).links.document(token, content_hash)
        except (Problem, StoreUnavailable) as error:
            return sorry(error)
        return Response(document.content, media_type=document.media_type, headers=document.headers)


def control_of(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


async def _answered(control: Control, token: str, invitation: Invitation, sent: Mapping[str, str]) -> Response:
    outcome = sent.get("outcome", "")
    chosen = next((choice for choice in invitation.task.outcomes if choice.name == outcome), None)
    data, faults = forms.read(sent, forms.fields(chosen.form if chosen else None))
    if chosen is None:
        faults.append(Fault(pointer="/outcome", detail="Choose one of the answers."))
    comment = sent.get("comment", "").replace("\r\n", "\n")
    try:
        given = GivenAnswer(outcome=outcome, comment=comment, data=data, subject_hash=sent.get("subject_hash") or None)
        if faults:
            raise Problem("invalid-request", "Some fields are wrong.", faults=faults)
        await control.links.answer(token, given)
    except ValidationError as error:
        return asked(token, invitation, sent, invalid(error))
    except Problem as problem:
        if problem.kind is Kind.INVALID or problem.code == "stale-subject":
            return asked(token, invitation, sent, problem)
        if problem.code in CLOSED:
            return asked(token, await control.links.open(token), status=STATUS[problem.kind])
        raise
    return asked(token, await control.links.open(token))


def asked(
    token: str,
    invitation: Invitation,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    status: int | None = None,
    upload: Problem | None = None,
) -> Response:
    """The page for where the task stands: the form, the receipt of one's answer, or how it was closed without one.

    `problem` is why an answer was not taken, `upload` why a document was not.
    """
    task = invitation.task
    closed = task.my_answer is None and task.state != "open"
    if status is None:
        why = problem or upload
        status = STATUS[why.kind] if why else 409 if closed else 200
    inputs: dict[str, tuple[forms.Field, list[str]]] = {}
    for outcome in task.outcomes:
        for one in forms.fields(outcome.form):
            inputs.setdefault(one.name, (one, []))[1].append(outcome.label)
    shown = PAGES.get_template("link.html").render(
        token=token,
        person=invitation.person,
        task=task,
        documents=invitation.documents,
        requested=invitation.requested,
        upload=upload,
        inputs=[(one, [] if len(labels) == len(task.outcomes) else labels) for one, labels in inputs.values()],
        sent=dict(sent or {}),
        errors=_messages(problem),
        problem=problem,
    )
    return HTMLResponse(shown, status, HEADERS)


def _messages(problem: Problem | None) -> dict[str, str]:
    """What is wrong, by the name of the input."""
    if problem is None:
        return {}
    named = {fault.pointer.strip("/").replace("/", "."): fault.detail for fault in problem.faults}
    if problem.field and problem.field not in named:
        named[problem.field] = problem.detail
    return named


def sorry(error: Exception) -> Response:
    told = (
        error if isinstance(error, Problem) else Problem("unavailable", "Try again in a moment; nothing was changed.")
    )
    headers = HEADERS | ({"Retry-After": "1"} if told.kind is Kind.UNAVAILABLE else {})
    page = PAGES.get_template("sorry.html").render(title=told.title, detail=told.detail)
    return HTMLResponse(page, STATUS[told.kind], headers)


def same_origin(request: Request) -> bool:
    """The link is the authority; this only keeps another site from sending the form on somebody's behalf."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    # Our own page sends no referrer, for which browsers write the origin as "null".
    return origin in (None, "null") or urlsplit(origin).netloc == request.headers.get("host")
