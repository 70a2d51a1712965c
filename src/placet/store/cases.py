"""The case row: locked first in every write, and head of the case's audit chain."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import GENESIS, AuditEvent
from placet.domain.people import SYSTEM
from placet.store import crash, outbox
from placet.store import tables as t
from placet.store.audit import Lines
from placet.store.engine import Tx


class CaseState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs-attention"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"


OPEN_STATES = (
    CaseState.STARTING,
    CaseState.RUNNING,
    CaseState.WAITING,
    CaseState.NEEDS_ATTENTION,
    CaseState.COMPENSATING,
)


# Built once: building a statement costs several times as much as running it.
_ROW = sa.select(t.case).where(t.case.c.id == sa.bindparam("of_case")).with_for_update()
_SAVE = t.case.update().where(t.case.c.id == sa.bindparam("of_case"))
_INSERT = t.case.insert()

REOPENED = "case-reopened:"
_REOPENED = sa.select(sa.func.count()).select_from(t.meta).where(t.meta.c.key.startswith(REOPENED, autoescape=True))


class NoSuchCase(Exception):
    """No case with this id."""


class LockedCase:
    """A case whose row this transaction holds; what it changes is written when the lock block ends."""

    def __init__(self, tx: Tx, row: Mapping[Any, Any]) -> None:
        self.tx = tx
        self.row = dict(row)
        self.id: str = row["id"]
        self._changed: set[str] = set()
        self._lines = Lines(tx, self.id, self.id)

    def __getitem__(self, column: str) -> Any:
        return self.row[column]

    def __setitem__(self, column: str, value: Any) -> None:
        if self.row[column] != value:
            self.row[column] = value
            self._changed.add(column)

    @property
    def is_open(self) -> bool:
        return bool(self.row["is_open"])

    @property
    def paused(self) -> bool:
        return self.row["paused_at"] is not None

    def audit(self, actor: str, action: str, detail: Mapping[str, Any] | None = None, **texts: str) -> AuditEvent:
        """Append a line to this case's chain; `texts` are personal and stay erasable."""
        event = self._lines.add(self["audit_seq"] + 1, self["audit_head"], actor, action, detail or {}, texts)
        self["audit_seq"], self["audit_head"] = event.seq, event.hash
        return event

    def involve(self, person: str, why: str) -> None:
        """From now on this person sees the case."""
        row = {"case_id": self.id, "person_id": person, "why": why, "opened_at": self["opened_at"]}
        self.tx.insert_ignoring(t.case_party, row)

    def wake(self) -> None:
        """Have the workflow look again."""
        outbox.put(self.tx, self.id, "wake")

    def flush(self) -> None:
        """Write the audit lines and what has changed of the row."""
        self._lines.write()
        if self._changed:
            values = {column: self.row[column] for column in self._changed}
            self.tx.conn.execute(_SAVE, values | {"of_case": self.id})
            self._changed.clear()


@contextmanager
def locked(tx: Tx, case_id: str) -> Iterator[LockedCase]:
    """Lock the case, then read the clock: within one case, time never goes backwards."""
    row = tx.conn.execute(_ROW, {"of_case": case_id}).mappings().one_or_none()
    if row is None:
        raise NoSuchCase(case_id)
    tx.time_is(max(tx.read_clock(), row["clock"]))
    case = LockedCase(tx, row)
    yield case
    case["clock"] = tx.now
    case.flush()


def create(
    tx: Tx,
    case_id: str,
    kind: str,
    scope: str,
    title: str,
    requester: str,
    opening: Mapping[str, Any],
    actor: str,
    detail: Mapping[str, Any],
    parent_id: str | None = None,
) -> None:
    """Insert the case, its first audit line and the order to start its workflow, all in this transaction."""
    now: datetime = tx.now
    row: dict[str, Any] = {
        "id": case_id,
        "kind": kind,
        "scope": scope,
        "title": title,
        "requester": requester,
        "parent_id": parent_id,
        "state": CaseState.STARTING,
        "is_open": True,
        "opening": dict(opening),
        "outcome": None,
        "opened_at": now,
        "closed_at": None,
        "clock": now,
        "paused_at": None,
        "paused_us": 0,
        "compensating": False,
        "cancelled_by": None,
        "cancel_reason": None,
        "final_step": None,
        "run_id": None,
        "past_runs": [],
        "progress": 0,
        "audit_seq": 0,
        "audit_head": GENESIS,
    }
    tx.conn.execute(_INSERT, row)
    crash.reach("case-row-written")
    case = LockedCase(tx, row)
    case.audit(actor, "case.opened", {"kind": kind, "scope": scope, "requester": requester, **detail}, title=title)
    case.involve(requester, "requester")
    case.flush()
    outbox.put(tx, case_id, "start")


def reopen_case(case: LockedCase) -> None:
    """An operator has reset a closed case to before its end: it lives once more."""
    case["is_open"], case["closed_at"], case["outcome"] = True, None, None
    case["state"] = CaseState.RUNNING
    case.audit(SYSTEM, "case.reopened")
    # A row each, so that two at once do not wait for each other.
    key = f"{REOPENED}{case.id}:{len(case['past_runs'])}"
    case.tx.insert_ignoring(t.meta, {"key": key, "value": case.tx.now.isoformat()})


def reopened(tx: Tx) -> int:
    """How many closed cases have been opened again, ever."""
    return int(tx.conn.execute(_REOPENED).scalar_one())
