"""Appending to the hash-chained audit log, its checkpoints, and its export."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import GENESIS, AuditEvent, Checkpoint, Head, chained, checkpoint, stamp, text_digest
from placet.store import tables as t
from placet.store.engine import Tx

_HEAD = sa.select(t.chain_head).where(t.chain_head.c.chain == sa.bindparam("of_chain")).with_for_update()
_MOVE_HEAD = t.chain_head.update().where(t.chain_head.c.chain == sa.bindparam("of_chain"))
_INSERT = t.audit.insert()
_INSERT_ON_POSTGRES = t.audit.insert().values(
    txid=sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.Text), sa.BigInteger)
)
MARK = "checkpoint-mark"
"""Up to where checkpoints have looked for new lines."""

_INSERT_TEXT = t.audit_text.insert()


class Lines:
    """Lines that follow each other on one chain, and are written together."""

    def __init__(self, tx: Tx, chain: str, case_id: str | None = None) -> None:
        self._tx = tx
        self._chain = chain
        self._case_id = case_id
        self._rows: list[dict[str, Any]] = []
        self._texts: list[dict[str, Any]] = []

    def add(
        self, seq: int, prev: str, actor: str, action: str, detail: Mapping[str, Any], texts: Mapping[str, str]
    ) -> AuditEvent:
        """The line after `prev`. Personal text goes beside the chain, which holds its salted digest only."""
        content = dict(detail)
        for field, text in texts.items():
            if text:
                salt = secrets.token_hex(16)
                content[field] = {"digest": text_digest(salt, text)}
                self._texts.append({"chain": self._chain, "seq": seq, "field": field, "salt": salt, "text": text})
        event = chained(self._chain, seq, self._tx.now, actor, action, content, prev)
        self._rows.append(event.__dict__ | {"at": self._tx.now, "case_id": self._case_id})
        return event

    def write(self) -> None:
        if not self._rows:
            return
        self._tx.conn.execute(_INSERT_ON_POSTGRES if self._tx.on_postgres else _INSERT, self._rows)
        if self._texts:
            self._tx.conn.execute(_INSERT_TEXT, self._texts)
        self._rows, self._texts = [], []
        self._tx.announce("events")


def append(tx: Tx, chain: str, actor: str, action: str, detail: Mapping[str, Any], **texts: str) -> AuditEvent:
    """Append to a chain that belongs to no case: `@registry`, `@faucet` or `@refused`."""
    row = tx.conn.execute(_HEAD, {"of_chain": chain}).one_or_none()
    if row is None:
        first = {"chain": chain, "seq": 0, "hash": GENESIS}
        tx.insert_ignoring(t.chain_head, first)
        row = tx.conn.execute(_HEAD, {"of_chain": chain}).one()
    lines = Lines(tx, chain)
    event = lines.add(row.seq + 1, row.hash, actor, action, detail, texts)
    lines.write()
    tx.conn.execute(_MOVE_HEAD, {"of_chain": chain, "seq": event.seq, "hash": event.hash})
    return event


def take_checkpoint(tx: Tx) -> Checkpoint | None:
    """Cover every chain that grew since the last checkpoint; None when none did."""
    if tx.on_postgres:
        tx.conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('placet-checkpoint'))"))
    done, a = t.checkpointed, t.audit.c
    before, now = _mark(tx)
    written = sa.select(a.chain).where((a.txid if tx.on_postgres else a.id) >= before)
    heads: list[Head] = []
    for chain, seq, head in (
        (t.case.c.id, t.case.c.audit_seq, t.case.c.audit_head),
        (t.chain_head.c.chain, t.chain_head.c.seq, t.chain_head.c.hash),
    ):
        grown = (
            sa.select(chain, seq, head)
            .outerjoin_from(chain.table, done, done.c.chain == chain)
            # Of all the cases there ever were, only those with new lines are looked at.
            .where(chain.in_(written), seq > sa.func.coalesce(done.c.seq, 0))
        )
        heads += [Head(chain=row[0], seq=row[1], hash=row[2]) for row in tx.conn.execute(grown)]
    if not heads:
        return None
    last = tx.conn.execute(sa.select(t.checkpoint).order_by(t.checkpoint.c.number.desc()).limit(1)).one_or_none()
    point = checkpoint(last.number + 1 if last else 1, tx.now, heads, last.hash if last else GENESIS)
    tx.conn.execute(t.checkpoint.insert().values(point.model_dump(mode="json")))
    names = [head.chain for head in heads]
    for start in range(0, len(names), 500):
        tx.conn.execute(done.delete().where(done.c.chain.in_(names[start : start + 500])))
    tx.conn.execute(done.insert(), [{"chain": head.chain, "seq": head.seq} for head in heads])
    tx.insert_ignoring(t.meta, {"key": MARK, "value": "0"})
    tx.conn.execute(t.meta.update().where(t.meta.c.key == MARK).values(value=str(now)))
    return point


def _mark(tx: Tx) -> tuple[int, int]:
    """The first line, or on Postgres transaction, that the last checkpoint may not have seen, and that of this one."""
    if tx.on_postgres:
        oldest = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot())
        now = tx.conn.execute(sa.select(sa.cast(sa.cast(oldest, sa.Text), sa.BigInteger))).scalar_one()
    else:
        now = tx.conn.execute(sa.select(sa.func.coalesce(sa.func.max(t.audit.c.id), 0))).scalar_one() + 1
    kept = tx.conn.execute(sa.select(t.meta.c.value).where(t.meta.c.key == MARK)).scalar_one_or_none()
    # A database that was restored into another cluster counts its transactions anew.
    return (int(kept) if kept is not None and int(kept) <= now else 0), int(now)


def export(tx: Tx, case_id: str | None = None) -> Iterator[dict[str, Any]]:
    """The log as JSON objects for `domain.audit.verify`: one case, or everything with all checkpoints.

    Whole also while others write: on Postgres each query sees a moment of its own, so lines and their texts come in
    one query, and the checkpoints are read before the lines that they cover.
    """
    a, x = t.audit.c, t.audit_text.c
    points = [] if case_id else tx.conn.execute(sa.select(t.checkpoint).order_by(t.checkpoint.c.number)).all()
    query = (
        sa.select(t.audit, x.field, x.salt, x.text)
        .outerjoin_from(t.audit, t.audit_text, (x.chain == a.chain) & (x.seq == a.seq))
        .order_by(a.chain, a.seq, x.field)
    )
    last = None
    for row in tx.conn.execute(query.where(a.chain == case_id) if case_id else query):
        if row.id != last:
            yield {"type": "event"} | as_event(row).model_dump()
        last = row.id
        if row.field is not None:
            place = {"chain": row.chain, "seq": row.seq, "field": row.field}
            erased = row.text is None
            yield place | ({"type": "erased"} if erased else {"type": "text", "salt": row.salt, "text": row.text})
    for row in points:
        yield {"type": "checkpoint"} | dict(row._mapping)


def as_event(row: Any) -> AuditEvent:
    """The line as it was hashed."""
    return AuditEvent(
        chain=row.chain,
        seq=row.seq,
        at=stamp(row.at),
        actor=row.actor,
        action=row.action,
        detail=row.detail,
        prev=row.prev,
        hash=row.hash,
    )


def erase_texts(tx: Tx, chain: str) -> int:
    """Forget the personal texts of a chain; its lines still verify. Returns how many were erased."""
    where = (t.audit_text.c.chain == chain) & t.audit_text.c.text.is_not(None)
    return tx.conn.execute(t.audit_text.update().where(where).values(text=None, salt="")).rowcount
