"""What the database owes to Temporal: starts and wake-ups, in order per case.

A row is claimed before it is sent, so a wake-up that coalesces with an unclaimed row is always sent after the act that
asked for it. A claimed row that nobody confirmed is offered again after `CLAIM_SECONDS`; sending twice changes nothing.
"""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.instant import EPOCH

CLAIM_SECONDS = 15

_o, _c = t.outbox.c, t.case.c
_FIRST = sa.select(sa.func.min(_o.id)).group_by(_o.case_id).scalar_subquery()
_DUE = (
    sa.select(_o.id, _o.case_id, _o.action, _o.attempts)
    .where(_o.next_at <= sa.bindparam("now"), _o.id.in_(_FIRST))
    .order_by(_o.id)
    .limit(sa.bindparam("at_most", type_=sa.Integer))
    .with_for_update(skip_locked=True)
)
_ROWS = _o.id.in_(sa.bindparam("ids", expanding=True))
_CLAIM = t.outbox.update().where(_ROWS).values(attempts=_o.attempts + 1)
_DONE = t.outbox.delete().where(_ROWS)
_CASES = sa.select(_c.id, _c.kind, _c.opening, _c.progress, _c.is_open).where(
    _c.id.in_(sa.bindparam("cases", expanding=True))
)
_SEEN = t.outbox.delete().where(_o.case_id == sa.bindparam("of_case"), _o.action == "wake", _o.claimed_at.is_(None))


def put(tx: Tx, case_id: str, action: str) -> None:
    # Due at once, whatever the clock says: a case's time can be ahead of a clock that was set back.
    values = {"case_id": case_id, "action": action, "created_at": tx.now, "next_at": EPOCH, "attempts": 0}
    tx.insert_ignoring(t.outbox, values)
    tx.announce("outbox")


def claim(tx: Tx, limit: int = 100) -> list[dict[str, Any]]:
    """Take what is due, oldest first, at most one row a case; its payload is the case's kind and opening."""
    now = tx.read_clock()
    rows = [dict(row._mapping) for row in tx.conn.execute(_DUE, {"now": now, "at_most": limit})]
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    again = now + timedelta(seconds=CLAIM_SECONDS)
    tx.conn.execute(_CLAIM, {"ids": ids, "claimed_at": now, "next_at": again})
    facts = {row.id: row for row in tx.conn.execute(_CASES, {"cases": [row["case_id"] for row in rows]})}
    for row in rows:
        case = facts[row["case_id"]]
        row |= {"kind": case.kind, "opening": case.opening, "progress": case.progress, "is_open": case.is_open}
    return rows


def done(tx: Tx, ids: list[int]) -> None:
    tx.conn.execute(_DONE, {"ids": ids})


def seen(tx: Tx, case_id: str) -> None:
    """Drop the wake-up that has not left yet: the workflow is looking right now."""
    tx.conn.execute(_SEEN, {"of_case": case_id})


def postpone(tx: Tx, row_id: int, seconds: float) -> None:
    """Offer a claimed row again after so many seconds."""
    later = tx.read_clock() + timedelta(seconds=seconds)
    tx.conn.execute(t.outbox.update().where(t.outbox.c.id == row_id).values(next_at=later))


def waiting(tx: Tx) -> int:
    return int(tx.conn.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar_one())
