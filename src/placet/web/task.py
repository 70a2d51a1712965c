"""The page of one task: what is asked and shown, answering it, and keeping or passing it on."""

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.door import Done
from placet.control.errors import Kind, Problem, invalid
from placet.control.tasks import GivenAnswer, PassOn
from placet.control.views import TaskView
from placet.web import forms
from placet.web.answers import CLOSED, answer_inputs, given_by, typed
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.session import Visitor
from placet.web.uploads import announced, refusing_politely, sent_files
from placet.web.words import _, later

routes = router()

STAYS = (Kind.INVALID, Kind.CONFLICT, Kind.TOO_LARGE, Kind.FORBIDDEN)
"""Refusals after which one stays on the page, with what one has written."""


@routes.get("/tasks/{task_id}")
async def show(request: Request, visitor: Visitor, task_id: str) -> Response:
    return await _page(request, visitor, await control_of(request).tasks.get(visitor.person, task_id))


@routes.post("/tasks/{task_id}")
async def answer(request: Request, visitor: Visitor, task_id: str) -> Response:
    """Answer; afterwards the page shows the receipt."""
    tasks = control_of(request).tasks
    task = await tasks.get(visitor.person, task_id)
    sent = await sent_by(request)
    if forms.MORE in sent:
        return await _page(request, visitor, task, sent)
    given, faults = given_by(task, sent)
    try:
        checked = GivenAnswer(**given)
        if faults:
            raise Problem("invalid-request", later("Some fields are wrong."), faults=faults)
        await tasks.answer(visitor.person, task_id, checked, "web", once(request, sent))
    except ValidationError as error:
        return await _page(request, visitor, task, sent, invalid(error))
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        # Others may have acted meanwhile: what is said must fit what is shown.
        now = await tasks.get(visitor.person, task_id)
        return await _page(request, visitor, now, sent, problem)
    return see_other(f"/tasks/{task_id}")


@routes.post("/tasks/{task_id}/claim")
async def claim(request: Request, visitor: Visitor, task_id: str) -> Response:
    await control_of(request).tasks.claim(visitor.person, task_id, once(request, await sent_by(request)))
    return see_other(f"/tasks/{task_id}", _("It is kept for you."))


@routes.post("/tasks/{task_id}/release")
async def release(request: Request, visitor: Visitor, task_id: str) -> Response:
    await control_of(request).tasks.release(visitor.person, task_id, once(request, await sent_by(request)))
    return see_other(f"/tasks/{task_id}", _("You have given it back; others can take it now."))


@routes.post("/tasks/{task_id}/delegate")
async def delegate(request: Request, visitor: Visitor, task_id: str) -> Response:
    """Pass the task on."""
    return await _passed(request, visitor, task_id, "delegate")


@routes.post("/tasks/{task_id}/reassign")
async def reassign(request: Request, visitor: Visitor, task_id: str) -> Response:
    """Put the task to one other person."""
    return await _passed(request, visitor, task_id, "reassign")


async def _passed(request: Request, visitor: Visitor, task_id: str, how: str) -> Response:
    tasks = control_of(request).tasks
    sent = await sent_by(request)
    act = tasks.delegate if how == "delegate" else tasks.reassign
    try:
        given = PassOn(to=sent.get("to", ""), comment=sent.get("why", "").replace("\r\n", "\n"))
        done: Done = await act(visitor.person, task_id, given, once(request, sent))
    except ValidationError as error:
        task = await tasks.get(visitor.person, task_id)
        return await _page(request, visitor, task, sent, passing={how: invalid(error)})
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        task = await tasks.get(visitor.person, task_id)
        return await _page(request, visitor, task, sent, passing={how: problem})
    assert done.value["task"] == task_id
    return see_other(f"/tasks/{task_id}", _("It was passed on to %(person)s.", person=given.to))


@routes.post("/tasks/{task_id}/documents")
async def give_documents(request: Request, visitor: Visitor, task_id: str) -> Response:
    """Send documents that the task asks for."""
    control = control_of(request)
    task = await control.tasks.get(visitor.person, task_id)
    _asked, round = await control.tasks.requested(visitor.person, task_id)
    try:
        allowed = control.documents.admit(visitor.person, task.case_id, announced(request), round)
        await refusing_politely(request, allowed)
        async with sent_files(request) as files:
            await control.documents.give(visitor.person, task.case_id, files, round=round)
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _page(request, visitor, task, upload=problem)
    return see_other(f"/tasks/{task_id}#documents", _("Received."))


async def _page(
    request: Request,
    visitor: Visitor,
    task: TaskView,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
    passing: Mapping[str, Problem] | None = None,
    upload: Problem | None = None,
) -> Response:
    control = control_of(request)
    why = problem or upload or next(iter((passing or {}).values()), None)
    # Whoever lost a race sees how things stand, without the form.
    told = None if problem and problem.code in CLOSED and not task.can_answer else problem
    errors = forms.errors_of(told)
    asked, _round = await control.tasks.requested(visitor.person, task.id)
    shown = await control.documents.mentioned(visitor.person, task.case_id, task.subject)
    request_of_case = await control.cases.request(visitor.person, task.case_id)
    people = {*task.claimed_by, *(one.person for one in task.answers), *(one.person for one in task.candidates)}
    return page(
        request,
        "task/task.html",
        STATUS[why.kind] if why else 200,
        task=task,
        requested=asked,
        documents={found: f"/cases/{task.case_id}/documents/{found}" for found in shown},
        asked_for=request_of_case if request_of_case != task.subject else None,
        names=await control.people.names(one for one in people if one),
        inputs=answer_inputs(task, sent if not passing else None, errors),
        sent=dict(sent or {}),
        typed=typed(task, None if passing else sent),
        errors=errors,
        problem=told,
        passing=dict(passing or {}),
        upload=upload,
    )
