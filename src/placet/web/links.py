"""The page that a signed link opens: what is asked, and a form. Opening it never decides anything."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from placet.control.errors import Kind, Problem, invalid
from placet.control.links import Invitation
from placet.control.tasks import GivenAnswer
from placet.web import forms
from placet.web.answers import CLOSED, answer_inputs, given_by, typed
from placet.web.pages import STATUS, control_of, page, router, sent_by
from placet.web.shield import same_origin
from placet.web.words import later

routes = router()

HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@routes.get("/l/{token}")
async def show_link(token: str, request: Request) -> Response:
    return asked(request, token, await control_of(request).links.open(token))


@routes.post("/l/{token}")
async def answer_link(token: str, request: Request) -> Response:
    from_our_page(request)
    invitation = await control_of(request).links.open(token)
    return await _answered(request, token, invitation, await sent_by(request))


@routes.post("/l/{token}/signal-token")
async def issue_signal_token(token: str, request: Request) -> Response:
    from_our_page(request)
    issued = await control_of(request).links.signal_token(token)
    return JSONResponse(issued.value, status_code=201, headers={"Cache-Control": "no-store"})


@routes.get("/l/{token}/documents/{content_hash}")
async def show_link_document(token: str, content_hash: str, request: Request) -> Response:
    document = await control_of(request).links.document(token, content_hash)
    return Response(document.content, media_type=document.media_type, headers=document.headers)


def from_our_page(request: Request) -> None:
    """The link is the authority; this only keeps another site from sending the form on somebody's behalf. Our own page
    sends no referrer, for which browsers write the origin as "null"."""
    if not same_origin(request.headers, hidden=True):
        raise Problem("cross-site", later("This form was sent from another site; open the link in your mail."))


async def _answered(request: Request, token: str, invitation: Invitation, sent: Mapping[str, str]) -> Response:
    links = control_of(request).links
    given, faults = given_by(invitation.task, sent)
    if forms.MORE in sent:
        return asked(request, token, invitation, sent)
    try:
        answer = GivenAnswer(**given)
        if faults:
            raise Problem("invalid-request", later("Some fields are wrong."), faults=faults)
        await links.answer(token, answer)
    except ValidationError as error:
        return asked(request, token, invitation, sent, invalid(error))
    except Problem as problem:
        if problem.kind is Kind.INVALID or problem.code == "stale-subject":
            return asked(request, token, invitation, sent, problem)
        if problem.code in (*CLOSED, "case-paused"):
            return asked(request, token, await links.open(token), sent, status=STATUS[problem.kind])
        raise
    return asked(request, token, await links.open(token))


def asked(
    request: Request,
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
    errors = forms.errors_of(problem)
    answer = page(
        request,
        "link/link.html",
        status,
        token=token,
        person=invitation.person,
        task=task,
        documents={found: f"/l/{token}/documents/{found}" for found in invitation.documents},
        requested=invitation.requested,
        upload=upload,
        inputs=answer_inputs(task, sent, errors),
        sent=dict(sent or {}),
        typed=typed(task, sent),
        errors=errors,
        problem=problem,
        address=f"/l/{token}",
    )
    answer.headers.update(HEADERS)
    return answer
