"""The inbox: what awaits the one who is signed in, most urgent first; several tasks can be answered at once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.errors import Problem, invalid
from placet.control.inbox import MOST_VOTES, Awaiting, InboxView
from placet.control.sent import Paging
from placet.control.tasks import GivenAnswer
from placet.control.views import OutcomeView
from placet.web import money
from placet.web.pages import control_of, once, page, router, sent_by
from placet.web.session import Visitor
from placet.web.words import _, reader

routes = router()

Show = Literal["all", "tasks", "votes", "payments", "claimed"]
SOON = timedelta(days=1)
AT_ONCE = 100


@dataclass(frozen=True)
class Result:
    """What became of one of several answers."""

    id: str
    title: str
    receipt: str | None = None
    problem: Problem | None = None


@routes.get("/")
async def show(
    request: Request,
    visitor: Visitor,
    show: Show = "all",
    scope: Annotated[str, Query(max_length=64)] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    inbox = await control_of(request).inbox.of(visitor.person, Paging(limit=50, cursor=cursor))
    return page(
        request,
        "inbox/inbox.html",
        items=[one for one in inbox.items if _wanted(one, show, visitor.person.id) and scope in ("", one.case.scope)],
        counts={name: sum(_wanted(one, name, visitor.person.id) for one in inbox.items) for name in SHOWN},
        scopes=sorted({one.case.scope for one in inbox.items}),
        show=show,
        scope=scope,
        next_cursor=inbox.next_cursor,
        more_votes=sum(one.form == "ballot" for one in inbox.items) == MOST_VOTES,
        alike=alike(inbox),
        urgency=urgency,
        sums={
            one.id: money.price(one.intent.units, one.intent.token, control_of(request).currencies).told
            for one in inbox.items
            if one.intent is not None
        },
    )


SHOWN: tuple[Show, ...] = ("all", "tasks", "votes", "payments", "claimed")


def _wanted(one: Awaiting, show: Show, me: str) -> bool:
    match show:
        case "tasks":
            return one.form == "task"
        case "votes":
            return one.form == "ballot"
        case "payments":
            return one.form == "multisig"
        case "claimed":
            return me in one.claimed_by
    return True


def urgency(one: Awaiting) -> str:
    """`late` when the time is over, `soon` in the last day, else nothing."""
    if one.due_at is None:
        return ""
    left = one.due_at - reader().now
    return "late" if left <= timedelta() else "soon" if left < SOON else ""


def alike(inbox: InboxView) -> list[OutcomeView]:
    """The outcomes that several of these tasks can get at once: those that take no form."""
    found: dict[str, OutcomeView] = {}
    for one in inbox.items:
        for outcome in one.outcomes:
            if outcome.form is None:
                kept = found.setdefault(outcome.name, outcome)
                # A comment is asked for if one of the tasks wants it.
                if outcome.comment_required and not kept.comment_required:
                    found[outcome.name] = kept.model_copy(update={"comment_required": True})
    return list(found.values())


@routes.post("/answers")
async def answer_several(request: Request, visitor: Visitor) -> Response:
    """Answer the chosen tasks alike, each by itself: one that is refused keeps back none of the others."""
    form = await request.form()
    chosen = [task for task in form.getlist("task") if isinstance(task, str)][:AT_ONCE]
    sent = await sent_by(request)
    results = [await _one(request, visitor, task, sent) for task in chosen]
    if not chosen:
        results = [
            Result("", _("Nothing was sent"), problem=Problem("invalid-request", _("Choose at least one task.")))
        ]
    return page(
        request,
        "inbox/results.html",
        results=results,
        counted=_counted(results),
        unsaid=[one.id for one in results if one.problem is not None and one.problem.code == "comment-required"],
        sent=sent,
    )


def _counted(results: Iterable[Result]) -> int:
    return sum(one.receipt is not None for one in results)


async def _one(request: Request, visitor: Visitor, task_id: str, sent: dict[str, str]) -> Result:
    tasks = control_of(request).tasks
    result = Result(task_id, task_id)
    try:
        task = await tasks.get(visitor.person, task_id)
        result = replace(result, title=f"{task.title}: {task.case.title}")
        # Each answers for itself, so what was sent about the others is no part of it.
        mine = {name: sent.get(name, "") for name in ("key", "outcome", "comment")}
        mine["subject_hash"] = sent.get(f"hash.{task_id}", "")
        given = GivenAnswer(
            outcome=mine["outcome"],
            comment=mine["comment"].replace("\r\n", "\n"),
            subject_hash=mine["subject_hash"] or None,
        )
        key = once(request, mine, task_id)
        done = await tasks.answer(
            visitor.person, task_id, given, "web", key and replace(key, key=f"{key.key}/{task_id}")
        )
    except ValidationError as error:
        return replace(result, problem=invalid(error))
    except Problem as problem:
        return replace(result, problem=problem)
    return replace(result, receipt=done.value["receipt"]["receipt"])
