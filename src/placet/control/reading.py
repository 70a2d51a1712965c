"""Facts about cases and their decisions as pages need them, loaded for a whole list at once."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from placet.control.views import CandidateView, CaseLine, CaseRef, OutcomeView, TaskLine
from placet.domain.explain import silence_sentence, task_sentence
from placet.domain.people import Audience, External, Named, Person, Role
from placet.domain.said import Said, later, together
from placet.domain.task import Outcome, Progress, TaskRules, Verdict
from placet.store import tables as t
from placet.store.cases import CaseState, locked
from placet.store.engine import Tx
from placet.store.forms import open_decisions
from placet.store.sight import sees_case
from placet.store.tasks import progress_of

Check = Callable[[Tx, Iterable[str]], None]


class Overdue(Exception):
    """A moment has passed in these cases that nobody has applied yet."""

    def __init__(self, cases: Iterable[str]) -> None:
        super().__init__()
        self.cases = sorted(cases)


def nothing_due(tx: Tx, cases: Iterable[str]) -> None:
    """Raise Overdue if the clock should already have acted in one of these cases."""
    wanted = sorted(set(cases))
    if not wanted:
        return
    d, c = t.decision.c, t.case.c
    query = (
        sa.select(d.case_id)
        .join_from(t.decision, t.case, c.id == d.case_id)
        .where(d.case_id.in_(wanted), d.state == "open", d.next_at <= tx.now, c.is_open)
        .where(c.paused_at.is_(None))
    )
    if late := set(tx.conn.execute(query).scalars()):
        raise Overdue(late)


def settle_case(tx: Tx, case_id: str) -> None:
    """Apply what is due in one case. Never two in one transaction: a verdict locks the budget, behind its case."""
    with locked(tx, case_id) as case:
        for decision in open_decisions(case):
            decision.settle()


def seen_case(tx: Tx, person: Person, case_id: str) -> Mapping[Any, Any] | None:
    """The case row if this person may see it."""
    query = sa.select(t.case).where(t.case.c.id == case_id, sees_case(person))
    return tx.conn.execute(query).mappings().one_or_none()


_FACTS = [column for column in t.case.c if column.name not in ("opening", "past_runs")]


def cases(tx: Tx, ids: Iterable[str]) -> dict[str, Mapping[Any, Any]]:
    """What lists tell of these cases: their rows, without what they were opened with."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = tx.conn.execute(sa.select(*_FACTS).where(t.case.c.id.in_(wanted))).mappings()
    return {row["id"]: row for row in found}


class Waits(Protocol):
    """A decision that a case waits for while it is open."""

    @property
    def row(self) -> Mapping[Any, Any]: ...

    def waits(self, scope: str, now: datetime) -> Said:
        """For whom or what, and what the clock will do."""


Facts = TypeVar("Facts", bound=Waits)


@dataclass
class TaskFacts:
    """A decision with those who may fill its seats now, and those who have claimed one."""

    row: Mapping[Any, Any]
    rules: TaskRules
    progress: Progress
    to: list[Audience] = field(default_factory=list)
    candidates: list[CandidateView] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """What those are called who may fill a seat or have claimed one, by id."""

    @property
    def verdict(self) -> Verdict | None:
        return Verdict.model_validate(self.row["verdict"]) if self.row["verdict"] else None

    @property
    def is_open(self) -> bool:
        return bool(self.row["state"] == "open")

    def waits(self, scope: str, now: datetime) -> Said:
        return sentence(self, scope, now)


def tasks(tx: Tx, which: sa.ColumnElement[bool]) -> list[TaskFacts]:
    """The tasks that fulfil the condition, oldest first."""
    d, c, cl, p = t.decision, t.candidate.c, t.claim.c, t.person.c
    query = sa.select(d).where(which, d.c.form == "task").order_by(d.c.opened_at, d.c.id)
    rows = tx.conn.execute(query).mappings().all()
    facts = {
        row["id"]: TaskFacts(row=row, rules=TaskRules.model_validate(row["rules"]), progress=progress_of(row))
        for row in rows
    }
    if not facts:
        return []
    ids = list(facts)
    asked = (
        sa.select(c.decision_id, c.person_id, c.role, c.scope, c.via, p.name, p.email, p.external)
        .join_from(t.candidate, t.person, p.id == c.person_id, isouter=True)
        .where(c.decision_id.in_(ids), c.live)
        .order_by(c.id)
    )
    for row in tx.conn.execute(asked):
        found = facts[row.decision_id]
        found.candidates.append(CandidateView(person=row.person_id, role=row.role, scope=row.scope, via=row.via))
        if row.role is not None:
            found.to.append(Role(name=row.role, scope=row.scope))
        elif row.external:
            found.to.append(External(name=row.name, email=row.email))
        else:
            found.to.append(Named(person=row.person_id))
            found.names[row.person_id] = row.name
    claims = (
        sa.select(cl.decision_id, cl.person_id, p.name)
        .join_from(t.claim, t.person, p.id == cl.person_id, isouter=True)
        .where(cl.decision_id.in_(ids))
        .order_by(cl.at, cl.person_id)
    )
    for decision_id, holder, name in tx.conn.execute(claims):
        facts[decision_id].claims.append(holder)
        facts[decision_id].names[holder] = name or holder
    return list(facts.values())


def by_case(found: Iterable[Facts]) -> dict[str, list[Facts]]:
    grouped: dict[str, list[Facts]] = {}
    for one in found:
        grouped.setdefault(one.row["case_id"], []).append(one)
    return grouped


def open_in(cases: Sequence[str]) -> sa.ColumnElement[bool]:
    return t.decision.c.case_id.in_(cases) & (t.decision.c.state == "open")


def sentence(task: TaskFacts, scope: str, now: datetime) -> Said:
    """Whom this task waits for, and what the clock will do."""
    holder = task.claims[0] if len(task.claims) == 1 else None
    return task_sentence(task.rules, task.progress, task.to, scope, now, holder, task.names)


def silence(task: TaskFacts, case: Mapping[Any, Any]) -> Said:
    """What happens to this task if nobody acts."""
    if case["paused_at"] is not None:
        return Said("No clock runs until the case is resumed.")
    return silence_sentence(task.rules, task.progress)


def closed(verdict: Verdict | None, outcomes: Iterable[Outcome] = ()) -> Said:
    """Of a decision that waits no more: how it was closed."""
    if verdict is None:
        return Said("Closed.")
    label = next((one.label for one in outcomes if one.name == verdict.outcome), verdict.outcome)
    return Said("Closed: %(outcome)s.", outcome=Said(label))


def waiting_for(case: Mapping[Any, Any], waiting: Sequence[Waits], now: datetime) -> Said:
    """One sentence for a case: what it waits for, or how it ended."""
    if not case["is_open"]:
        state, reason = case["state"], (case["outcome"] or {}).get("reason")
        ended = Said("It ended on %(at)s: %(state)s.", at=case["closed_at"], state=Said(state))
        return together(ended, Said(reason)) if reason else ended
    since = case["paused_at"] or now
    told = together(*(one.waits(case["scope"], since) for one in waiting if one.row["state"] == "open"))
    if case["paused_at"] is not None:
        paused = later("Paused since %(at)s: no act is taken and no clock runs until it is resumed.")
        return together(Said(paused, at=case["paused_at"]), told)
    if told:
        return told
    if case["cancelled_by"] is not None or case["state"] == CaseState.COMPENSATING:
        return Said("What was done is being taken back; nobody needs to act.")
    if case["state"] == CaseState.STARTING:
        return Said("It is about to start; nobody needs to act.")
    if case["state"] == CaseState.NEEDS_ATTENTION:
        return Said("It needs the attention of a coordinator or an administrator.")
    return Said("It is at work on its next step; nobody needs to act.")


def case_line(case: Mapping[Any, Any], waiting: Sequence[Waits], now: datetime) -> CaseLine:
    return CaseLine(
        id=case["id"],
        kind=case["kind"],
        title=case["title"],
        scope=case["scope"],
        requester=case["requester"],
        state=case["state"],
        paused=case["paused_at"] is not None,
        opened_at=case["opened_at"],
        closed_at=case["closed_at"],
        waiting_for=waiting_for(case, waiting, now),
        outcome=case["outcome"],
    )


def case_ref(case: Mapping[Any, Any]) -> CaseRef:
    return CaseRef(
        id=case["id"],
        kind=case["kind"],
        title=case["title"],
        scope=case["scope"],
        paused=case["paused_at"] is not None,
    )


def task_line(task: TaskFacts, short: Container[str] = ()) -> TaskLine:
    """`short` are the ids of tasks that too few people can answer."""
    row = task.row
    return TaskLine(
        id=row["id"],
        name=row["name"],
        title=task.rules.title,
        state=row["state"],
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        closed_at=row["closed_at"],
        verdict=task.verdict,
        tally=row["tally"],
        seats=task.rules.seats,
        claimed_by=task.claims,
        short=row["id"] in short,
    )


def outcomes(rules: TaskRules) -> list[OutcomeView]:
    return [
        OutcomeView(
            name=outcome.name,
            label=outcome.label,
            favourable=outcome.favourable,
            comment_required=outcome.name in rules.comment_on,
            form=rules.form_for(outcome.name),
        )
        for outcome in rules.outcomes
        if not outcome.by_clock
    ]
