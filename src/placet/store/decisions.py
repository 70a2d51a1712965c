"""A decision under lock: opened once by its natural key, settled by the clock, closed once.

Its form says what fills it: a human task (`store.tasks`), a ballot (`store.ballots`), the approvals of a council
(`store.multisig`), or money that must be there (`store.funds`). `settle` is the only place where time acts; every act,
wake-up, timer and lazy call begins with it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa

from placet.domain.people import SYSTEM
from placet.domain.task import Reason, Verdict
from placet.store import tables as t
from placet.store.cases import LockedCase

_SAVE = t.decision.update().where(t.decision.c.id == sa.bindparam("of_task"))
_MOVE_CANDIDATES = t.candidate.update().where(t.candidate.c.decision_id == sa.bindparam("of_task"))


REASSIGNED, SHOWN = "reassigned", "shown"


class NoSuchTask(Exception):
    """No decision with this id."""


class LockedDecision(ABC):
    """A decision whose row, and case row, this transaction holds."""

    form: ClassVar[str]

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        self.case = case
        self.row = dict(row)
        self.id: str = row["id"]

    @property
    def is_open(self) -> bool:
        return bool(self.row["state"] == "open")

    @property
    def verdict(self) -> Verdict | None:
        return Verdict.model_validate(self.row["verdict"]) if self.row["verdict"] else None

    @property
    def shift(self) -> timedelta:
        """How long the case stood paused while this was open: every deadline is later by it."""
        return timedelta(microseconds=self.row["shift_us"])

    def save(self, **values: Any) -> None:
        self.row |= values
        self.case.tx.conn.execute(_SAVE, values | {"of_task": self.id})

    def refresh_times(self) -> None:
        """Bring the stored deadline and next moment in line with the rules and what has happened."""
        due, following = self.times()
        if due != self.row["due_at"]:
            self.case.tx.conn.execute(_MOVE_CANDIDATES, {"of_task": self.id, "due_at": due})
        self.save(due_at=due, next_at=following, quiet_until=None)

    def settle(self) -> None:
        """Apply what is due now."""
        if self.is_open and not self.case.paused and self.case.is_open:
            self.catch_up()

    @abstractmethod
    def times(self) -> tuple[datetime | None, datetime | None]:
        """`(deadline, when the clock acts next)`."""

    @abstractmethod
    def catch_up(self) -> None:
        """Apply what is due now to an open decision of a case that runs."""

    def commitment(self) -> Mapping[str, Any]:
        """What the line of its end says beyond the verdict, so that it can be checked without the database."""
        return {}

    @abstractmethod
    def ended(self, verdict: Verdict) -> None:
        """What else this form's end brings, in the same transaction."""


def decision_id(case_id: str, name: str, ordinal: int) -> str:
    """The natural key of a decision as one readable id."""
    return f"{case_id}.{name}.{ordinal}"


def insert(
    case: LockedCase, form: str, name: str, ordinal: int, rules: Mapping[str, Any], subject: Any, **values: Any
) -> dict[str, Any]:
    """Write the row of a decision that opens now; `values` are its times."""
    row: dict[str, Any] = {
        "id": decision_id(case.id, name, ordinal),
        "case_id": case.id,
        "name": name,
        "ordinal": ordinal,
        "form": form,
        "state": "open",
        "rules": dict(rules),
        "subject": subject,
        "tally": {},
        "rung": 0,
        "shift_us": 0,
        "opened_at": case.tx.now,
        "due_at": None,
        "next_at": None,
        "closed_at": None,
        "verdict": None,
        "consumed_at": None,
        "quiet_until": None,
        "kind": case["kind"],
        "scope": case["scope"],
    } | values
    case.tx.conn.execute(t.decision.insert(), row)
    return row


def close(decision: LockedDecision, verdict: Verdict) -> None:
    """End the decision, once; the workflow is woken to act on it."""
    case, tx = decision.case, decision.case.tx
    state = "withdrawn" if verdict.reason is Reason.WITHDRAWN else "closed"
    end = {"closed_at": tx.now, "next_at": None, "quiet_until": None}
    decision.save(state=state, verdict=verdict.model_dump(mode="json"), **end)
    tx.conn.execute(_MOVE_CANDIDATES, {"of_task": decision.id, "live": False})
    # Nobody's words, and without them the log would not say why nobody decided.
    why = {"why": verdict.comment} if verdict.reason is Reason.WITHDRAWN else {}
    case.audit(
        SYSTEM,
        f"{decision.form}.{state}",
        {
            decision.form: decision.id,
            "outcome": verdict.outcome,
            "favourable": verdict.favourable,
            "reason": verdict.reason,
            "as_of": verdict.at.isoformat(),
            **why,
            "tally": dict(decision.row["tally"]),
            **decision.commitment(),
        },
    )
    decision.ended(verdict)
    case.wake()


def withdraw(decision: LockedDecision, why: str) -> None:
    """Close an open decision without a verdict of people or clock: the case no longer needs it."""
    if decision.is_open:
        at = decision.case.tx.now
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
    again = mine & (c.id >= sa.func.coalesce(last, 0)) & (c.via != SHOWN)
    tx.conn.execute(t.candidate.update().where(again).values(live=True))
    decision.refresh_times()
    case.audit(SYSTEM, f"{decision.form}.reopened", {decision.form: decision.id})
