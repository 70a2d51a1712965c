"""The page of one case: where it stands and how it came there, its decisions and documents, and steering it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.comments import GivenComment
from placet.control.errors import Problem, invalid
from placet.control.sent import Because, Paging
from placet.web import timeline
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.process import listed, picture
from placet.web.session import Visitor
from placet.web.task import STAYS
from placet.web.uploads import announced, refusing_politely, sent_files
from placet.web.words import _

routes = router()

LINES = 50
COMMENTS = 100
Cursor = Annotated[str | None, Query(max_length=500)]


@routes.get("/cases/{case_id}")
async def show(
    request: Request, visitor: Visitor, case_id: str, cursor: Cursor = None, talk: Cursor = None, reply: Cursor = None
) -> Response:
    """`talk` leads on in the discussion, `reply` names the comment that one is about to answer."""
    return await _page(request, visitor, case_id, sent={"reply_to": reply or ""}, cursor=cursor, talk=talk)


@routes.get("/cases/{case_id}/documents/{content_hash}")
async def show_document(request: Request, visitor: Visitor, case_id: str, content_hash: str) -> Response:
    document = await control_of(request).documents.get(visitor.person, case_id, content_hash)
    return Response(document.content, media_type=document.media_type, headers=document.headers)


@routes.post("/cases/{case_id}/pause")
async def pause(request: Request, visitor: Visitor, case_id: str) -> Response:
    return await _steered(request, visitor, case_id, "pause", _("The case is paused."))


@routes.post("/cases/{case_id}/resume")
async def resume(request: Request, visitor: Visitor, case_id: str) -> Response:
    return await _steered(request, visitor, case_id, "resume", _("The case goes on."))


@routes.post("/cases/{case_id}/cancel")
async def cancel(request: Request, visitor: Visitor, case_id: str) -> Response:
    return await _steered(request, visitor, case_id, "cancel", _("The case is being cancelled."))


def anchor(comment_id: str) -> str:
    """Where a comment stands on the page."""
    return f"said-{comment_id.rpartition('.')[2]}"


async def _steered(request: Request, visitor: Visitor, case_id: str, how: str, said: str) -> Response:
    cases = control_of(request).cases
    acts = {"pause": cases.pause, "resume": cases.resume, "cancel": cases.cancel}
    sent = await sent_by(request)
    try:
        because = Because(reason=sent.get("reason", "").replace("\r\n", "\n"))
        await acts[how](visitor.person, case_id, because, once(request, sent))
    except ValidationError as error:
        return await _page(request, visitor, case_id, {how: invalid(error)}, sent)
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _page(request, visitor, case_id, {how: problem}, sent)
    return see_other(f"/cases/{case_id}", said)


@routes.post("/cases/{case_id}/comments")
async def comment(request: Request, visitor: Visitor, case_id: str) -> Response:
    """Say something about the case."""
    sent = await sent_by(request)
    try:
        text = sent.get("text", "").replace("\r\n", "\n").strip()
        given = GivenComment(text=text, reply_to=sent.get("reply_to") or None)
        done = await control_of(request).comments.add(visitor.person, case_id, given, once(request, sent))
    except ValidationError as error:
        return await _page(request, visitor, case_id, {"discussion": invalid(error)}, sent)
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _page(request, visitor, case_id, {"discussion": problem}, sent)
    return see_other(f"/cases/{case_id}#{anchor(done.value['id'])}", _("Your comment is there."))


@routes.post("/cases/{case_id}/documents")
async def give_documents(request: Request, visitor: Visitor, case_id: str) -> Response:
    """Add documents to the case, as its coordinator."""
    documents = control_of(request).documents
    try:
        await refusing_politely(request, documents.admit(visitor.person, case_id, announced(request)))
        async with sent_files(request) as files:
            await documents.give(visitor.person, case_id, files)
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _page(request, visitor, case_id, {"documents": problem})
    return see_other(f"/cases/{case_id}#documents", _("Received."))


async def _page(
    request: Request,
    visitor: Visitor,
    case_id: str,
    problems: Mapping[str, Problem] | None = None,
    sent: Mapping[str, str] | None = None,
    cursor: str | None = None,
    talk: str | None = None,
) -> Response:
    control, person = control_of(request), visitor.person
    case = await control.cases.get(person, case_id)
    lines = await control.cases.events(person, case_id, Paging(limit=LINES, cursor=cursor), newest=True)
    values = [case.request, *(step.result for step in case.steps)]
    shown = await control.documents.mentioned(person, case_id, values)
    said = await control.comments.listed(person, case_id, Paging(limit=COMMENTS, cursor=talk))
    speakers = {one.person for one in said.items}
    names = await control.people.names({case.requester} | speakers | timeline.people_of(lines.items))
    votes = await control.inbox.votes(person, case_id)
    status = next((STATUS[problem.kind] for problem in (problems or {}).values()), 200)
    return page(
        request,
        "case/case.html",
        status,
        case=case,
        course=(course := await control.processes.get(person, case_id)),
        listed=listed(course),
        picture=picture(course, case.title),
        lines=timeline.told(lines.items, case, names),
        older=lines.next_cursor,
        later=cursor is not None,
        entries=(await control.documents.listed(person, case_id)).items,
        documents={found: f"/cases/{case_id}/documents/{found}" for found in shown},
        comments=said.items,
        more_comments=said.next_cursor,
        answered=next((one for one in said.items if sent and one.id == sent.get("reply_to")), None),
        related=await control.cases.related(person, case_id),
        names=names,
        votes=votes,
        problems=dict(problems or {}),
        sent=dict(sent or {}),
    )
