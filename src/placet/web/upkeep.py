"""What administrators mend: steps that failed, each with its ways on, and what is owed to the engine or by mail."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from placet.control.cursor import BIGGEST
from placet.control.errors import Kind, Problem
from placet.control.sent import Paging
from placet.control.tasks import GivenAnswer
from placet.control.views import TaskView
from placet.domain.people import Person
from placet.web.desk import desk
from placet.web.mails import told
from placet.web.pages import STATUS, control_of, once, router, see_other, sent_by
from placet.web.previews import INERT
from placet.web.session import Visitor
from placet.web.task import STAYS
from placet.web.words import _

routes = router()

Number = Annotated[int, Path(ge=1, le=BIGGEST)]

STEPS, OUTBOX = "/admin/steps", "/admin/outbox"
MOST_STEPS = 20
# A mail brings its styles along, and nothing else.
LOOKED_AT = INERT | {"Content-Security-Policy": f"{INERT['Content-Security-Policy']}; style-src 'unsafe-inline'"}


@routes.get(STEPS)
async def steps(
    request: Request, visitor: Visitor, cursor: Annotated[str | None, Query(max_length=500)] = None
) -> Response:
    """The cases that cannot go on by themselves."""
    return await _steps(request, visitor.person, cursor)


@routes.post(STEPS)
async def settle(request: Request, visitor: Visitor) -> Response:
    """Say how a case goes on, by answering the task that asks."""
    sent = await sent_by(request)
    try:
        # Who may not see the others' cases learns nothing of this one.
        await control_of(request).administration.failed_steps(visitor.person, Paging(limit=1))
        given = GivenAnswer(outcome=sent.get("outcome", "")[:100])
        await control_of(request).tasks.answer(visitor.person, sent.get("task", ""), given, "web", once(request, sent))
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _steps(request, visitor.person, None, sent, problem)
    return see_other(STEPS, _("The case goes on as you said."))


@routes.get(OUTBOX)
async def outbox(request: Request, visitor: Visitor) -> Response:
    """What the engine has not confirmed, and mails that wait or could not be delivered."""
    return desk(
        request,
        visitor.person,
        "admin/outbox.html",
        box=await control_of(request).administration.outbox(visitor.person),
    )


@routes.get(OUTBOX + "/{message_id}")
async def look_at_mail(request: Request, visitor: Visitor, message_id: Number) -> Response:
    """A mail as it looks to whoever gets it, in the sandbox of a document."""
    control = control_of(request)
    mail, telling = await control.messages.get(visitor.person, message_id)
    return HTMLResponse(told(mail, telling, control.door.store.house.base_url).html, headers=LOOKED_AT)


@routes.post(OUTBOX + "/{message_id}/retry")
async def retry(request: Request, visitor: Visitor, message_id: Number) -> Response:
    """Send a mail again that could not be delivered."""
    control, sent = control_of(request), await sent_by(request)
    try:
        await control.administration.retry(visitor.person, message_id, once(request, sent))
    except Problem as problem:
        if problem.kind is not Kind.CONFLICT:
            raise
        return see_other(OUTBOX, problem.detail, "bad")
    return see_other(OUTBOX, _("The mail is being sent again."))


async def _steps(
    request: Request,
    person: Person,
    cursor: str | None,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    control = control_of(request)
    found = await control.administration.failed_steps(person, Paging(limit=MOST_STEPS, cursor=cursor))
    asking: dict[str, TaskView] = {}
    for line in found.items:
        if line.task:
            try:
                asking[line.case_id] = await control.tasks.get(person, line.task)
            except Problem:
                # Decided, or hidden, since the list was made.
                continue
    status = STATUS[problem.kind] if problem else 200
    return desk(
        request, person, "admin/steps.html", status, found=found, asking=asking, problem=problem, sent=dict(sent or {})
    )
