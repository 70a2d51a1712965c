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


def put(tx: Tx, case_id: str, action: str) -> None:
    # Due at once, whatever the clock says: a case's time can be ahead of a clock that was set back.
    values = {"case_id": case_id, "action": action, "created_at": tx.now, "next_at": EPOCH, "attempts": 0}
    tx.insert_ignoring(t.outbox, values)
    tx.announce("outbox")


def claim(tx: Tx, limit: int = 100) -> list[dict[str, Any]]:
    """Take what is due, oldest first, at most one row a case; its payload is the case's kind and opening."""
    now = tx.read_clock()
    o = t.outbox
    first = sa.select(sa.func.min(o.c.id)).group_by(o.c.case_id).scalar_subquery()
    query = (
        sa.select(o.c.id, o.c.case_id, o.c.action, o.c.attempts)
        .where(o.c.next_at <= now, o.c.id.in_(first))
        .order_by(o.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = [dict(row._mapping) for row in tx.conn.execute(query)]
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    again = now + timedelta(seconds=CLAIM_SECONDS)
    tx.conn.execute(o.update().where(o.c.id.in_(ids)).values(claimed_at=now, next_at=again, attempts=o.c.attempts + 1))
    cases = sa.select(t.case.c.id, t.case.c.kind, t.case.c.opening, t.case.c.progress, t.case.c.is_open).where(
        t.case.c.id.in_([row["case_id"] for row in rows])
    )
    facts = {row.id: row for row in tx.conn.execute(cases)}
    for row in rows:
        case = facts[row["case_id"]]
        row |= {"kind": case.kind, "opening": case.opening, "progress": case.progress, "is_open": case.is_open}
    return rows


def done(tx: Tx, ids: list[int]) -> None:
    tx.conn.execute(t.outbox.delete().where(t.outbox.c.id.in_(ids)))


def seen(tx: Tx, case_id: str) -> None:
    """Drop the wake-up that has not left yet: the workflow is looking right now."""
    o = t.outbox.c
    tx.conn.execute(t.outbox.delete().where(o.case_id == case_id, o.action == "wake", o.claimed_at.is_(None)))


def postpone(tx: Tx, row_id: int, seconds: float) -> None:
    """Offer a claimed row again after so many seconds."""
    later = tx.read_clock() + timedelta(seconds=seconds)
    tx.conn.execute(t.outbox.update().where(t.outbox.c.id == row_id).values(next_at=later))


def waiting(tx: Tx) -> int:
    return int(tx.conn.execute(sa.select(sa.func.count()).select_from(t.outbox)).scalar_one())
