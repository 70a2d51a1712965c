"""The human task under lock: put to people, reminded and escalated by the clock."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain import task as rule
from placet.domain.audit import digest
from placet.domain.calendar import BusinessCalendar
from placet.domain.people import SYSTEM, Audience, External, Named, Role
from placet.domain.task import Progress, RungAction, TaskRules, TaskSpec, Verdict
from placet.store import notices, people
from placet.store import tables as t
from placet.store.cases import LockedCase, locked
from placet.store.decisions import SHOWN, LockedDecision, NoSuchTask, close, decision_id, insert
from placet.store.engine import Tx

SEPARATION, DELEGATED = "separation", "delegated"

_d, _cl = t.decision.c, t.claim.c
_CASE_OF = sa.select(_d.case_id).where(_d.id == sa.bindparam("of_task"), _d.form == "task")
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
_OPEN = (
    sa.select(t.decision)
    .where(_d.case_id == sa.bindparam("of_case"), _d.state == "open", _d.form == "task")
    .order_by(_d.opened_at, _d.id)
    .with_for_update()
)
_END_CLAIMS = t.claim.delete().where(_cl.decision_id == sa.bindparam("of_task"))


class LockedTask(LockedDecision):
    form = "task"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        super().__init__(case, row)
        self.rules = TaskRules.model_validate(row["rules"])

    @property
    def progress(self) -> Progress:
        return progress_of(self.row)

    def times(self) -> tuple[datetime | None, datetime | None]:
        return rule.due_at(self.rules, self.progress), rule.next_at(self.rules, self.progress)

    def ended(self, verdict: Verdict) -> None:
        self.case.tx.conn.execute(_END_CLAIMS, {"of_task": self.id})

    def catch_up(self) -> None:
        """Reminders (several missed ones as one), escalations, the verdict of the deadline."""
        case, rules, tx = self.case, self.rules, self.case.tx
        now = tx.now
        deadline = rule.due_at(rules, self.progress)
        rungs = rule.rungs_due(rules, self.progress, min(now, deadline) if deadline else now)
        over = deadline is not None and now >= deadline
        if rungs and not over:
            # Those who are asked only now need no reminder yet.
            if any(rung.action is RungAction.REMIND for rung in rungs):
                notices.reminded(self, self.row["rung"] + len(rungs))
                case.audit(SYSTEM, "task.reminded", {"task": self.id})
            for rung in rungs:
                if rung.action is RungAction.ESCALATE:
                    # Whoever claimed it has kept silent: a claim must not bar those who are asked now.
                    tx.conn.execute(_END_CLAIMS, {"of_task": self.id})
                    add_candidates(self, rung.to, via="escalation")
                    notices.asked(self, rung.to, escalated=True)
                    to = [who.model_dump(mode="json") for who in rung.to]
                    case.audit(SYSTEM, "task.escalated", {"task": self.id, "to": to, "at": rung.at.isoformat()})
            self.save(rung=self.row["rung"] + len(rungs))
            self.refresh_times()
        if over and (silence := rule.on_silence(rules, self.progress)):
            close(self, silence)


def progress_of(row: Mapping[Any, Any]) -> Progress:
    return Progress(tally=row["tally"], rung=row["rung"], shift=timedelta(microseconds=row["shift_us"]))


@contextmanager
def locked_task(tx: Tx, task_id: str) -> Iterator[LockedTask]:
    """Lock the case, then the decision, in this order everywhere."""
    case_id = tx.conn.execute(_CASE_OF, {"of_task": task_id}).scalar_one_or_none()
    if case_id is None:
        raise NoSuchTask(task_id)
    with locked(tx, case_id) as case:
        yield LockedTask(case, tx.conn.execute(_ROW, {"of_task": task_id}).mappings().one())


def open_tasks(case: LockedCase) -> list[LockedTask]:
    """The open tasks of a case, locked, oldest first."""
    return [LockedTask(case, row) for row in case.tx.conn.execute(_OPEN, {"of_case": case.id}).mappings().all()]


def open_task(case: LockedCase, spec: TaskSpec, ordinal: int, calendar: BusinessCalendar) -> LockedTask:
    """Get the decision with this natural key, or open it now."""
    tx, found = case.tx, decision_id(case.id, spec.name, ordinal)
    if (known := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedTask(case, known)
    shows = spec.model_dump(mode="json")["shows"]
    window_at = None
    if spec.window is not None:
        stood = timedelta(microseconds=case["paused_us"]) + (tx.now - (case["paused_at"] or tx.now))
        window_at = calendar.after(case["opened_at"], spec.window) + stood
    rules = rule.freeze(spec, calendar, digest(shows), tx.now, window_at)
    times = {"due_at": rules.due_at, "next_at": rule.next_at(rules, Progress())}
    row = insert(case, "task", spec.name, ordinal, rules.model_dump(mode="json"), shows, **times)
    task = LockedTask(case, row)
    add_candidates(task, spec.to, via="asked")
    _show_to(task, spec.seen_by)
    barred = {**spec.excluded, **_under_another_address(tx, spec)}
    if barred:
        rows = [
            {"decision_id": found, "person_id": person, "kind": SEPARATION, "reason": reason}
            for person, reason in sorted(barred.items())
        ]
        tx.conn.execute(t.exclusion.insert(), rows)
    case.audit(
        SYSTEM,
        "task.opened",
        {
            "task": found,
            "title": spec.title,
            "to": [who.model_dump(mode="json") for who in spec.to],
            "excluded": sorted(spec.excluded),
            "rules": digest(row["rules"]),
            "subject": rules.subject_hash,
            "due": rules.due_at.isoformat() if rules.due_at else None,
        },
    )
    notices.asked(task, spec.to)
    return task


def _show_to(task: LockedTask, roles: Iterable[Role]) -> None:
    """Let the holders of these roles see the case, without a seat in the task."""
    case = task.case
    for role in roles:
        row: dict[str, Any] = {
            "decision_id": task.id,
            "case_id": case.id,
            "person_id": None,
            "via": SHOWN,
            "due_at": None,
            "case_opened_at": case["opened_at"],
        }
        row |= {"role": role.name, "scope": role.scope or case["scope"], "live": False}
        case.tx.conn.execute(t.candidate.insert().values(row))


def _under_another_address(tx: Tx, spec: TaskSpec) -> dict[str, str]:
    """People outside whose address is that of somebody who is excluded: the same person at another door."""
    outside = {who.email.strip().lower(): who.person for who in spec.to if isinstance(who, External)}
    if not outside or not spec.excluded:
        return {}
    p = t.person.c
    same = sa.select(p.id, p.email).where(p.id.in_(sorted(spec.excluded)), sa.func.lower(p.email).in_(sorted(outside)))
    return {outside[row.email.lower()]: spec.excluded[row.id] for row in tx.conn.execute(same)}


def add_candidates(decision: LockedTask, to: Iterable[Audience], via: str) -> None:
    """Let more people fill the seats; the number of seats stays."""
    case, tx = decision.case, decision.case.tx
    rows: list[dict[str, Any]] = []
    for who in to:
        row = {
            "decision_id": decision.id,
            "case_id": case.id,
            "via": via,
            "due_at": decision.row["due_at"],
            "live": True,
            "case_opened_at": case["opened_at"],
        }
        match who:
            case Role():
                row |= {"person_id": None, "role": who.name, "scope": who.scope or case["scope"]}
            case Named() | External():
                if isinstance(who, External):
                    people.admit_external(tx, who)
                case.involve(who.person, "asked")
                row |= {"person_id": who.person, "role": None, "scope": None}
        rows.append(row)
    if rows:
        tx.conn.execute(t.candidate.insert(), rows)
