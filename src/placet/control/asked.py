"""What waits for a person: every reason for which they are asked has an index in the order of deadlines."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.control import cursor, reading
from placet.control.merging import merged
from placet.control.sent import Paging
from placet.control.views import InboxLine, Page
from placet.domain.people import Person
from placet.domain.said import Said, together
from placet.store import tables as t
from placet.store.decisions import REASSIGNED
from placet.store.engine import Tx
from placet.store.sight import reasons
from placet.store.tasks import LockedTask

Place = tuple[datetime | None, str]

_c, _d, _k, _x, _a = t.candidate.c, t.decision.c, t.case.c, t.exclusion.c, t.act.c
# In plain words: SQLite knows a partial index only by them.
LIVE = sa.text("candidate.live")


def listed(person: Person, page: Paging, tx: Tx, check: reading.Check) -> Page[InboxLine]:
    """One page: earliest deadline first, tasks without one last."""
    after: Place | None = None
    if page.cursor is not None:
        due, last = cursor.decode(page.cursor, (int, type(None)), str)
        after = (None if due is None else cursor.moment(due), last)
    found = places(tx, person, after, page.limit + 1)
    shown = [task_id for task_id, _ in found[: page.limit]]
    facts = {task.row["id"]: task for task in reading.tasks(tx, _d.id.in_(shown))} if shown else {}
    cases = reading.cases(tx, {task.row["case_id"] for task in facts.values()})
    check(tx, list(cases))
    lines = [_line(person, facts[task_id], cases[facts[task_id].row["case_id"]]) for task_id in shown]
    following = None
    if len(found) > page.limit:
        task_id, due_at = found[page.limit - 1]
        following = cursor.encode(cursor.micros(due_at) if due_at else None, task_id)
    return Page(items=lines, next_cursor=following)


def places(tx: Tx, person: Person, after: Place | None, most: int) -> list[tuple[str, datetime | None]]:
    """The next tasks that this person may still answer, and their deadlines."""
    if after is not None and after[0] is None:
        return _sorted(tx, _undated(person, after[1], most), most)
    found = _sorted(tx, _dated(person, after, most), most)
    return found if len(found) == most else found + _sorted(tx, _undated(person, "", most - len(found)), most)


def _sorted(tx: Tx, branches: Iterator[sa.Select[Any]], most: int) -> list[tuple[str, datetime | None]]:
    # All of one call have a deadline, or none has.
    return sorted(merged(tx, branches), key=lambda one: (one[1] or cursor.EPOCH, one[0]))[:most]


def _dated(person: Person, after: Place | None, most: int) -> Iterator[sa.Select[Any]]:
    for query in _branches(person):
        query = query.where(_c.due_at.is_not(None))
        if after is not None:
            place = sa.tuple_(sa.literal(after[0], _c.due_at.type), sa.literal(after[1]))
            query = query.where(sa.tuple_(_c.due_at, _c.decision_id) > place)
        yield query.order_by(_c.due_at, _c.decision_id).limit(most)


def _undated(person: Person, last: str, most: int) -> Iterator[sa.Select[Any]]:
    for query in _branches(person):
        yield query.where(_c.due_at.is_(None), _c.decision_id > last).order_by(_c.decision_id).limit(most)


def _branches(person: Person) -> Iterator[sa.Select[Any]]:
    """The open tasks that mean this person now and that they may still answer, reason by reason."""
    excluded = sa.exists().where(_x.decision_id == _c.decision_id, _x.person_id == person.id)
    answered = sa.exists().where(_a.decision_id == _c.decision_id, _a.person_id == person.id)
    for reason in reasons(person):
        yield (
            sa.select(_c.decision_id, _c.due_at)
            .distinct()
            .join_from(t.candidate, t.decision, _d.id == _c.decision_id)
            .join(t.case, _k.id == _d.case_id)
            .where(LIVE, reason, _d.state == "open", _d.form == LockedTask.form, _k.is_open, ~excluded, ~answered)
        )


def _line(person: Person, task: reading.TaskFacts, case: Mapping[Any, Any]) -> InboxLine:
    return InboxLine(
        id=task.row["id"],
        case_id=case["id"],
        case=reading.case_ref(case),
        title=task.rules.title,
        opened_at=task.row["opened_at"],
        due_at=task.row["due_at"],
        why=_why_me(person, task),
        silence=reading.silence(task, case),
        claimed_by=task.claims,
        outcomes=reading.outcomes(task.rules),
        subject_hash=task.rules.subject_hash,
    )


def _why_me(person: Person, task: reading.TaskFacts) -> Said:
    """Why this task is this person's: the most personal reason there is."""
    mine = [
        candidate
        for candidate in task.candidates
        if candidate.person == person.id
        or (
            candidate.role is not None and candidate.scope is not None and person.holds(candidate.role, candidate.scope)
        )
    ]
    if not mine:
        return Said("You were asked.")
    chosen = next((candidate for candidate in mine if candidate.person == person.id), mine[0])
    you = (
        Said("You are named.")
        if chosen.person
        else Said("You are %(role)s of %(scope)s.", role=chosen.role or "", scope=chosen.scope or "")
    )
    if chosen.via == "asked":
        return you
    if chosen.via == "escalation":
        return together(Said("Nobody had answered, so it came to you."), you)
    how, _, whom = chosen.via.partition(" by ")
    if how == REASSIGNED:
        return Said("It was reassigned by %(person)s.", person=whom)
    return Said("It was delegated by %(person)s.", person=whom)
