"""Tasks: what waits for me, one task, and the acts on it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import Field, field_validator

from placet.control import asked, reading
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found, not_found, uncounted
from placet.control.sent import Paging, Reason, Sent
from placet.control.views import ActView, AnswerView, InboxLine, Page, ReceiptView, SignalTokenView, TaskView, WhyNot
from placet.domain import task as rule
from placet.domain.access import Action, permitted
from placet.domain.audit import canonical
from placet.domain.dossier import Entry
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import acts, documents, people, signals
from placet.store import tables as t
from placet.store.acts import MAX_COMMENT, Answer, Counted, NotCounted
from placet.store.cases import LockedCase
from placet.store.engine import Tx
from placet.store.sight import sees_case
from placet.store.tasks import LockedTask

MAX_DATA_BYTES = 64 * 1024
SIGNAL_LIFE = timedelta(days=7)


class GivenAnswer(Sent):
    """An answer as people send it; with `subject_hash`, it counts only for what they looked at."""

    outcome: str = Field(max_length=100)
    comment: str = Field(default="", max_length=MAX_COMMENT)
    data: dict[str, Any] = Field(default_factory=dict)
    subject_hash: str | None = Field(default=None, max_length=64)

    @field_validator("data")
    @classmethod
    def _of_sensible_size(cls, data: dict[str, Any]) -> dict[str, Any]:
        if len(canonical(data)) > MAX_DATA_BYTES:
            raise ValueError("The data of an answer may have at most 64 KiB.")
        return data


class PassOn(Sent):
    """To whom a task goes, and why."""

    to: str = Field(min_length=1, max_length=320)
    comment: Reason = ""


Acting = Callable[[Tx, Person], Counted | NotCounted]


class Tasks:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def mine(self, person: Person, page: Paging) -> Page[InboxLine]:
        """Open tasks that this person may be the one to answer: earliest deadline first, those without one last."""
        return await self._door.read_settled(partial(asked.listed, person, page))

    async def get(self, person: Person, task_id: str) -> TaskView:
        def look(tx: Tx, check: reading.Check) -> TaskView | None:
            case = _case_of(tx, person, task_id)
            if case is None:
                return None
            check(tx, [case["id"]])
            return _task_view(tx, person, reading.tasks(tx, t.decision.c.id == task_id)[0], case)

        return found(await self._door.read_settled(look))

    async def requested(self, person: Person, task_id: str) -> tuple[tuple[Entry, ...], int]:
        """The documents that a task asks for, each with where it stands, and the round in which they count."""

        def look(tx: Tx) -> tuple[tuple[Entry, ...], int] | None:
            case = _case_of(tx, person, task_id)
            if case is None:
                return None
            rules = reading.tasks(tx, t.decision.c.id == task_id)[0].rules
            names = {request.name for request in rules.documents}
            entries = documents.entries(tx, case["id"]) if names else ()
            return tuple(entry for entry in entries if entry.name in names), rules.round

        return found(await self._door.read(look))

    async def answer(
        self, person: Person, task_id: str, given: GivenAnswer, door: str, once: Once | None = None
    ) -> Done:
        """Take an answer; `door` is where it came in (`api`, `link`, `web`, `cli`)."""
        answer = Answer(**given.model_dump())
        return await self._act(
            person, task_id, "task.answer", lambda tx, present: acts.answer(tx, present, task_id, answer, door), once
        )

    async def claim(self, person: Person, task_id: str, once: Once | None = None) -> Done:
        return await self._act(
            person, task_id, "task.claim", lambda tx, present: acts.claim(tx, present, task_id), once
        )

    async def release(self, person: Person, task_id: str, once: Once | None = None) -> Done:
        return await self._act(
            person, task_id, "task.release", lambda tx, present: acts.release(tx, present, task_id), once
        )

    async def delegate(self, person: Person, task_id: str, given: PassOn, once: Once | None = None) -> Done:
        """Pass the task on; whoever passes it on can no longer answer it."""

        def passed(tx: Tx, present: Person) -> Counted | NotCounted:
            return acts.delegate(tx, present, task_id, people.called(tx, given.to), given.comment)

        return await self._act(person, task_id, "task.delegate", passed, once)

    async def reassign(self, person: Person, task_id: str, given: PassOn, once: Once | None = None) -> Done:
        """A coordinator puts the task to one other person."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            case = _case_of(tx, present, task_id)
            if case is not None and not permitted(present, Action.REASSIGN, case["scope"]):
                detail = Said(
                    "Only coordinators of %(scope)s and administrators may put a task to somebody else.",
                    scope=case["scope"],
                )
                return forbidden(tx, present, "task.reassign", detail, {"task": task_id})
            return _done(task_id, acts.reassign(tx, present, task_id, people.called(tx, given.to), given.comment))

        return await self._door.act(person, "task.reassign", act, once)

    async def signal_token(self, person: Person, task_id: str) -> Done:
        """A single-use token for answering by a Temporal signal. Only its hash is kept, so each call issues another."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            case = _case_of(tx, present, task_id)
            if case is None:
                return not_found()
            task = reading.tasks(tx, t.decision.c.id == task_id)[0]
            if why := _why_not(tx, present, task, case):
                acts.audit_refusal(tx, present.id, "task.signal-token", why.code, {"task": task_id})
                return uncounted(NotCounted(refusal=why, verdict=task.verdict))
            token = signals.issue(tx, present, task_id, SIGNAL_LIFE)
            view = SignalTokenView(token=token, expires_at=tx.now + SIGNAL_LIFE)
            return Done(view.model_dump(mode="json"), created=True)

        return await self._door.act(person, "task.signal-token", act)

    async def _act(self, person: Person, task_id: str, attempt: str, acting: Acting, once: Once | None) -> Done:
        return await self._door.act(person, attempt, lambda tx, present: _done(task_id, acting(tx, present)), once)


def _done(task_id: str, result: Counted | NotCounted) -> Done | Problem:
    if isinstance(result, NotCounted):
        return uncounted(result)
    receipt = ReceiptView.model_validate(result.receipt.model_dump()) if result.receipt else None
    view = ActView(task=task_id, receipt=receipt, tally=result.tally, verdict=result.verdict)
    return Done(view.model_dump(mode="json"))


def _case_of(tx: Tx, person: Person, task_id: str) -> Mapping[Any, Any] | None:
    """The case of the task, if this person may see it."""
    query = (
        sa.select(t.case)
        .join_from(t.case, t.decision, t.decision.c.case_id == t.case.c.id)
        .where(t.decision.c.id == task_id, t.decision.c.form == LockedTask.form, sees_case(person))
    )
    return tx.conn.execute(query).mappings().one_or_none()


def _why_not(tx: Tx, person: Person, task: reading.TaskFacts, case: Mapping[Any, Any]) -> Refusal | None:
    """Why this person cannot answer now, by the same rules as the act itself."""
    if not task.is_open:
        return Refusal(code="task-closed", detail=Said("This task is closed; the verdict stands."))
    standing = acts.standing(LockedTask(LockedCase(tx, case), task.row), person)
    if why := rule.refusal(task.rules, task.progress, standing):
        return why
    if case["paused_at"] is not None:
        return Refusal(
            code="case-paused", detail=Said("The case is paused; nothing can be decided until it is resumed.")
        )
    return None


def _task_view(tx: Tx, person: Person, task: reading.TaskFacts, case: Mapping[Any, Any]) -> TaskView:
    row, rules = task.row, task.rules
    a = t.act
    given = tx.conn.execute(sa.select(a).where(a.c.decision_id == row["id"]).order_by(a.c.at, a.c.person_id)).all()
    answers = [
        AnswerView(
            person=act.person_id,
            outcome=act.outcome,
            comment=act.comment,
            data=act.data,
            at=act.at,
            receipt=act.receipt,
        )
        for act in given
    ]
    why = _why_not(tx, person, task, case)
    return TaskView(
        id=row["id"],
        case_id=case["id"],
        case=reading.case_ref(case),
        name=row["name"],
        title=rules.title,
        instructions=rules.instructions,
        state=row["state"],
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        closed_at=row["closed_at"],
        outcomes=reading.outcomes(rules),
        seats=rules.seats,
        tally=row["tally"],
        subject=row["subject"],
        subject_hash=rules.subject_hash,
        form=rules.form,
        candidates=task.candidates,
        claimed_by=task.claims,
        answers=answers,
        can_answer=why is None,
        can_reassign=task.is_open and permitted(person, Action.REASSIGN, case["scope"]),
        why_not=WhyNot(code=why.code, detail=why.detail) if why else None,
        my_answer=next((answer for answer in answers if answer.person == person.id), None),
        waiting_for=reading.sentence(task, case["scope"], case["paused_at"] or tx.now)
        if task.is_open
        else reading.closed(task.verdict, rules.outcomes),
        silence=reading.silence(task, case),
        verdict=task.verdict,
    )
