"""A decision under lock: opened once by its natural key, settled by the clock, closed once.

`settle` is the only place where time acts. Every act, wake-up, timer and lazy call begins with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain import task as rule
from placet.domain.audit import digest
from placet.domain.calendar import BusinessCalendar
from placet.domain.people import SYSTEM, Audience, External, Named, Role
from placet.domain.task import Progress, Reason, RungAction, TaskRules, TaskSpec, Verdict
from placet.store import notices, people
from placet.store import tables as t
from placet.store.cases import LockedCase, locked
from placet.store.engine import Tx

SEPARATION, DELEGATED, REASSIGNED = "separation", "delegated", "reassigned"


_d, _c, _cl = t.decision.c, t.candidate.c, t.claim.c
_CASE_OF = sa.select(_d.case_id).where(_d.id == sa.bindparam("of_task"))
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
_OPEN = (
    sa.select(t.decision)
    .where(_d.case_id == sa.bindparam("of_case"), _d.state == "open")
    .order_by(_d.opened_at, _d.id)
    .with_for_update()
)
_SAVE = t.decision.update().where(_d.id == sa.bindparam("of_task"))
_INSERT = t.decision.insert()
_MOVE_CANDIDATES = t.candidate.update().where(_c.decision_id == sa.bindparam("of_task"))
_END_CLAIMS = t.claim.delete().where(_cl.decision_id == sa.bindparam("of_task"))


class NoSuchTask(Exception):
    """No task with this id."""


class LockedDecision:
    """A decision whose row, and case row, this transaction holds."""

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        self.case = case
        self.row = dict(row)
        self.id: str = row["id"]
        self.rules = TaskRules.model_validate(row["rules"])

    @property
    def is_open(self) -> bool:
        return bool(self.row["state"] == "open")

    @property
    def progress(self) -> Progress:
        return progress_of(self.row)

    @property
    def verdict(self) -> Verdict | None:
        return Verdict.model_validate(self.row["verdict"]) if self.row["verdict"] else None

    def save(self, **values: Any) -> None:
        self.row |= values
        self.case.tx.conn.execute(_SAVE, values | {"of_task": self.id})

    def refresh_times(self) -> None:
        """Bring the stored deadline and next moment in line with rules, rung and shift."""
        due, following = rule.due_at(self.rules, self.progress), rule.next_at(self.rules, self.progress)
        if due != self.row["due_at"]:
            self.case.tx.conn.execute(_MOVE_CANDIDATES, {"of_task": self.id, "due_at": due})
        self.save(due_at=due, next_at=following, quiet_until=None)


def progress_of(row: Mapping[Any, Any]) -> Progress:
    return Progress(tally=row["tally"], rung=row["rung"], shift=timedelta(microseconds=row["shift_us"]))


@contextmanager
def locked_task(tx: Tx, decision_id: str) -> Iterator[LockedDecision]:
    """Lock the case, then the decision, in this order everywhere."""
    case_id = tx.conn.execute(_CASE_OF, {"of_task": decision_id}).scalar_one_or_none()
    if case_id is None:
        raise NoSuchTask(decision_id)
    with locked(tx, case_id) as case:
        yield LockedDecision(case, tx.conn.execute(_ROW, {"of_task": decision_id}).mappings().one())


def open_tasks(case: LockedCase) -> list[LockedDecision]:
    """The open decisions of a case, locked, oldest first."""
    return [LockedDecision(case, row) for row in case.tx.conn.execute(_OPEN, {"of_case": case.id}).mappings().all()]


def task_id(case_id: str, name: str, ordinal: int) -> str:
    """The natural key of a decision as one readable id."""
    return f"{case_id}.{name}.{ordinal}"


def open_task(case: LockedCase, spec: TaskSpec, ordinal: int, calendar: BusinessCalendar) -> LockedDecision:
    """Get the decision with this natural key, or open it now."""
    tx, found = case.tx, task_id(case.id, spec.name, ordinal)
    if (known := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedDecision(case, known)
    shows = spec.model_dump(mode="json")["shows"]
    window_at = None
    if spec.window is not None:
        stood = timedelta(microseconds=case["paused_us"]) + (tx.now - (case["paused_at"] or tx.now))
        window_at = calendar.after(case["opened_at"], spec.window) + stood
    rules = rule.freeze(spec, calendar, digest(shows), tx.now, window_at)
    row: dict[str, Any] = {
        "id": found,
        "case_id": case.id,
        "name": spec.name,
        "ordinal": ordinal,
        "form": "task",
        "state": "open",
        "rules": rules.model_dump(mode="json"),
        "subject": shows,
        "tally": {},
        "rung": 0,
        "shift_us": 0,
        "opened_at": tx.now,
        "due_at": rules.due_at,
        "next_at": rule.next_at(rules, Progress()),
        "closed_at": None,
        "verdict": None,
        "consumed_at": None,
        "quiet_until": None,
    }
    tx.conn.execute(_INSERT, row)
    decision = LockedDecision(case, row)
    add_candidates(decision, spec.to, via="asked")
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
    notices.asked(decision, spec.to)
    return decision


def _under_another_address(tx: Tx, spec: TaskSpec) -> dict[str, str]:
    """People outside whose address is that of somebody who is excluded: the same person at another door."""
    outside = {who.email.strip().lower(): who.person for who in spec.to if isinstance(who, External)}
    if not outside or not spec.excluded:
        return {}
    p = t.person.c
    same = sa.select(p.id, p.email).where(p.id.in_(sorted(spec.excluded)), sa.func.lower(p.email).in_(sorted(outside)))
    return {outside[row.email.lower()]: spec.excluded[row.id] for row in tx.conn.execute(same)}


def add_candidates(decision: LockedDecision, to: Iterable[Audience], via: str) -> None:
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


def settle(decision: LockedDecision) -> None:
    """Apply what is due now: reminders (several missed ones as one), escalations, the verdict of the deadline."""
    case, rules = decision.case, decision.rules
    if not decision.is_open or case.paused or not case.is_open:
        return
    tx = case.tx
    now = tx.now
    deadline = rule.due_at(rules, decision.progress)
    rungs = rule.rungs_due(rules, decision.progress, min(now, deadline) if deadline else now)
    over = deadline is not None and now >= deadline
    if rungs and not over:
        # Those who are asked only now need no reminder yet.
        if any(rung.action is RungAction.REMIND for rung in rungs):
            notices.reminded(decision, decision.row["rung"] + len(rungs))
            case.audit(SYSTEM, "task.reminded", {"task": decision.id})
        for rung in rungs:
            if rung.action is RungAction.ESCALATE:
                # Whoever claimed it has kept silent: a claim must not bar those who are asked now.
                tx.conn.execute(t.claim.delete().where(t.claim.c.decision_id == decision.id))
                add_candidates(decision, rung.to, via="escalation")
                notices.asked(decision, rung.to, escalated=True)
                to = [who.model_dump(mode="json") for who in rung.to]
                case.audit(SYSTEM, "task.escalated", {"task": decision.id, "to": to, "at": rung.at.isoformat()})
        decision.save(rung=decision.row["rung"] + len(rungs))
        decision.refresh_times()
    if over and (silence := rule.on_silence(rules, decision.progress)):
        close(decision, silence)


def close(decision: LockedDecision, verdict: Verdict) -> None:
    """End the decision, once; the workflow is woken to act on it."""
    case, tx = decision.case, decision.case.tx
    state = "withdrawn" if verdict.reason is Reason.WITHDRAWN else "closed"
    end = {"closed_at": tx.now, "next_at": None, "quiet_until": None}
    decision.save(state=state, verdict=verdict.model_dump(mode="json"), **end)
    tx.conn.execute(_MOVE_CANDIDATES, {"of_task": decision.id, "live": False})
    tx.conn.execute(_END_CLAIMS, {"of_task": decision.id})
    case.audit(
        SYSTEM,
        f"task.{state}",
        {
            "task": decision.id,
            "outcome": verdict.outcome,
            "favourable": verdict.favourable,
            "reason": verdict.reason,
            "as_of": verdict.at.isoformat(),
            "tally": dict(decision.row["tally"]),
        },
    )
    case.wake()


def withdraw(decision: LockedDecision, why: str) -> None:
    """Close an open decision without a verdict of people or clock: the case no longer needs it."""
    if decision.is_open:
        at: datetime = decision.case.tx.now
        close(decision, Verdict(outcome="withdrawn", favourable=False, reason=Reason.WITHDRAWN, at=at, comment=why))


def reopen(decision: LockedDecision) -> None:
    """Open a withdrawn decision again, because its case still waits for it; its clock stood still meanwhile."""
    case, tx, c = decision.case, decision.case.tx, t.candidate.c
    stood = (tx.now - decision.row["closed_at"]) // timedelta(microseconds=1)
    shift = decision.row["shift_us"] + stood
    decision.save(state="open", closed_at=None, verdict=None, consumed_at=None, shift_us=shift)
    mine = c.decision_id == decision.id
    # A reassignment had ended the candidacies before it.
    last = sa.select(sa.func.max(c.id)).where(mine, c.via.startswith(REASSIGNED)).scalar_subquery()
    tx.conn.execute(t.candidate.update().where(mine, c.id >= sa.func.coalesce(last, 0)).values(live=True))
    decision.refresh_times()
    case.audit(SYSTEM, "task.reopened", {"task": decision.id})
