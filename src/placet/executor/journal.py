"""The executor's own memory, outside the application database: what it was asked, what it signed, what it refused.

Its unique keys are the last wall: one payment for a decision, one for a nonce. No payment is ever deleted.
"""

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from placet.connectors.chain.port import Fees, Receipt
from placet.connectors.chain.transactions import Signed
from placet.domain.intent import Intent
from placet.domain.model import Durable
from placet.domain.payment import PaymentState

SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    key TEXT PRIMARY KEY, decision TEXT NOT NULL UNIQUE, intent TEXT NOT NULL, intent_hash TEXT NOT NULL,
    signatures TEXT NOT NULL, chain_id INTEGER NOT NULL, account TEXT NOT NULL, nonce INTEGER NOT NULL,
    gas INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', receipt TEXT,
    reserved_at REAL NOT NULL, signed_at REAL, sent_at REAL, ended_at REAL,
    UNIQUE (chain_id, account, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS signed (
    hash TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES payment, nonce INTEGER NOT NULL, raw TEXT NOT NULL,
    most TEXT NOT NULL, tip TEXT NOT NULL, signed_at REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS signed_key ON signed (key);
CREATE TABLE IF NOT EXISTS refusal (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, key TEXT NOT NULL, decision TEXT NOT NULL,
    code TEXT NOT NULL, why TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cleared (decision TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
ENDS = tuple(state.value for state in PaymentState if state.is_end)
MOST_REFUSALS = 10_000


class JournalInUse(Exception):
    """Another executor holds this journal."""


class Payment(Durable):
    """One payment, as the journal has it."""

    key: str
    decision: str
    intent: Intent
    intent_hash: str
    signatures: dict[str, str]
    account: str
    nonce: int
    gas: int
    state: PaymentState
    why: str = ""
    receipt: Receipt | None = None
    reserved_at: float
    sent_at: float | None = None


class Bytes(Durable):
    """A signed transaction of a payment."""

    hash: str
    raw: str
    fees: Fees
    signed_at: float


class Journal:
    """One file, synced at each commit; held by one process at a time."""

    def __init__(self, path: Path, chain_id: int, account: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise JournalInUse(f"Another executor is using {path}. One account has one executor.") from None
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(SCHEMA)
        self._chain_id, self._account = chain_id, account

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    # Facts about the account.

    def fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def note(self, name: str, value: str | None) -> None:
        if value is None:
            self._db.execute("DELETE FROM fact WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT INTO fact VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2", (name, value))

    @property
    def frozen(self) -> str | None:
        """Why nothing is signed any more; None while all is well."""
        return self.fact("frozen")

    def thaw(self, next_nonce: int, cleared: tuple[str, ...]) -> None:
        """Go on after somebody has looked: from this nonce, and with decisions from now on, or those cleared."""
        with self._transaction():
            if self.frozen is not None:
                self.note("frozen", None)
                self.note("base", str(next_nonce))
                self.note("not_before", str(time.time()))
            self._db.executemany(
                "INSERT INTO cleared VALUES (?, ?) ON CONFLICT DO NOTHING", [(one, time.time()) for one in cleared]
            )

    def needs_clearance(self, decision: str, closed_at: float) -> bool:
        """Whether the decision is from before the last thaw: the journal of then may have been lost."""
        not_before = self.fact("not_before")
        if not_before is None or closed_at > float(not_before):
            return False
        return self._db.execute("SELECT 1 FROM cleared WHERE decision = ?", (decision,)).fetchone() is None

    @property
    def next_nonce(self) -> int:
        """The nonce of the next payment: above all that were given out, and all that the chain had at the last thaw."""
        found = self._db.execute(
            "SELECT max(nonce) + 1 AS next FROM payment WHERE chain_id = ? AND account = ?",
            (self._chain_id, self._account),
        ).fetchone()
        return max(found["next"] or 0, int(self.fact("base") or 0))

    # Payments.

    def find(self, key: str) -> Payment | None:
        return self._one("key = ?", key)

    def of_decision(self, decision: str) -> Payment | None:
        return self._one("decision = ?", decision)

    def unfinished(self) -> list[Payment]:
        """Those of this account, in the order of their nonces."""
        return self._own(f"state NOT IN ({', '.join('?' * len(ENDS))})", *ENDS)

    def ended_from(self, nonce: int) -> list[Payment]:
        """Those that ended on the chain with this nonce or a later one."""
        return self._own("state IN ('confirmed', 'reverted') AND nonce >= ?", nonce)

    def frozen_payments(self) -> list[Payment]:
        """Those of which signed bytes may still turn up on the chain."""
        return self._own("state = 'frozen' AND EXISTS (SELECT 1 FROM signed WHERE signed.key = payment.key)")

    def reserve(self, key: str, decision: str, intent: Intent, signatures: Mapping[str, str], gas: int) -> Payment:
        """Give it the next nonce."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO payment (key, decision, intent, intent_hash, signatures, chain_id, account, nonce, gas,"
                " state, reserved_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'reserved', ?)",
                (
                    key, decision, intent.model_dump_json(), intent.hash, json.dumps(dict(signatures)), self._chain_id,
                    self._account, self.next_nonce, gas, time.time(),
                ),
            )  # fmt: skip
        found = self.find(key)
        assert found is not None
        return found

    def relayed(
        self, key: str, decision: str, intent: Intent, signatures: Mapping[str, str], receipt: Receipt, why: str
    ) -> None:
        """Keep a payment that somebody else has carried out; below zero, its nonce is none of the account's."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO payment (key, decision, intent, intent_hash, signatures, chain_id, account, nonce, gas,"
                " state, why, receipt, reserved_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
                " (SELECT min(coalesce(min(nonce), 0), 0) - 1 FROM payment WHERE chain_id = ?6 AND account = ?7), 0,"
                " 'confirmed', ?8, ?9, ?10, ?10)",
                (
                    key, decision, intent.model_dump_json(), intent.hash, json.dumps(dict(signatures)), self._chain_id,
                    self._account, why, receipt.model_dump_json(), time.time(),
                ),
            )  # fmt: skip

    def keep(self, payment: Payment, signed: Signed, fees: Fees, replaces: str | None = None) -> None:
        """Keep signed bytes before anybody else sees them: the first, or those that replace the last."""
        with self._transaction():
            last = self.newest(payment.key)
            if (last.hash if last else None) != replaces:
                raise RuntimeError(f"{payment.key} was signed twice at once")
            now = time.time()
            row = (signed.hash, payment.key, payment.nonce, signed.raw, str(fees.most), str(fees.tip), now)
            self._db.execute("INSERT INTO signed VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            # Replaced bytes have not been sent.
            self._db.execute(
                "UPDATE payment SET state = 'signed', signed_at = ?, sent_at = NULL WHERE key = ?", (now, payment.key)
            )

    def signed(self, key: str) -> list[Bytes]:
        """All that was signed for a payment, newest first."""
        rows = self._db.execute("SELECT * FROM signed WHERE key = ? ORDER BY rowid DESC", (key,))
        return [
            Bytes(
                hash=row["hash"],
                raw=row["raw"],
                fees=Fees(most=int(row["most"]), tip=int(row["tip"])),
                signed_at=row["signed_at"],
            )
            for row in rows
        ]

    def newest(self, key: str) -> Bytes | None:
        return next(iter(self.signed(key)), None)

    def sent(self, key: str) -> None:
        """A node has the newest bytes; the time of the first sending stays."""
        self._db.execute(
            "UPDATE payment SET state = 'sent', why = '', sent_at = coalesce(sent_at, ?) WHERE key = ?",
            (time.time(), key),
        )

    def seen(self, key: str, receipt: Receipt | None, why: str = "") -> None:
        """Mined, but not deep enough; None when it has vanished again, or was never seen."""
        told = receipt.model_dump_json() if receipt else None
        self._db.execute(
            "UPDATE payment SET state = 'sent', receipt = ?, why = ?, ended_at = NULL WHERE key = ?", (told, why, key)
        )

    def end(self, key: str, state: PaymentState, receipt: Receipt | None, why: str = "") -> None:
        told = receipt.model_dump_json() if receipt else None
        self._db.execute(
            "UPDATE payment SET state = ?, receipt = ?, why = ?, ended_at = ? WHERE key = ?",
            (state.value, told, why, time.time(), key),
        )

    def trouble(self, key: str, why: str) -> None:
        """What is in the way of an unfinished payment."""
        ends = ", ".join("?" * len(ENDS))
        self._db.execute(f"UPDATE payment SET why = ? WHERE key = ? AND state NOT IN ({ends})", (why[:500], key, *ENDS))

    def refuse(self, key: str, decision: str, code: str, why: str) -> None:
        with self._transaction():
            self._db.execute(
                "INSERT INTO refusal (at, key, decision, code, why) VALUES (?, ?, ?, ?, ?)",
                (time.time(), key[:500], decision[:500], code, why[:1000]),
            )
            # Whoever reaches the door may ask without end; the audit log has them all, up to its own limit.
            self._db.execute("DELETE FROM refusal WHERE number <= last_insert_rowid() - ?", (MOST_REFUSALS,))

    def counts(self) -> dict[str, int]:
        """How many payments are in each state."""
        rows = self._db.execute("SELECT state, count(*) AS number FROM payment GROUP BY state")
        return {row["state"]: row["number"] for row in rows}

    def refusals(self) -> list[dict[str, Any]]:
        """The last ones, newest first."""
        rows = self._db.execute("SELECT at, key, decision, code, why FROM refusal ORDER BY number DESC LIMIT 20")
        return [dict(row) for row in rows]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _one(self, where: str, *values: Any) -> Payment | None:
        return next(iter(self._many(where, *values)), None)

    def _own(self, where: str, *values: Any) -> list[Payment]:
        return self._many(f"chain_id = ? AND account = ? AND {where}", self._chain_id, self._account, *values)

    def _many(self, where: str, *values: Any) -> list[Payment]:
        rows = self._db.execute(f"SELECT * FROM payment WHERE {where} ORDER BY nonce", values)
        return [_payment(row) for row in rows]


def _payment(row: sqlite3.Row) -> Payment:
    told = dict(row)
    for name in ("intent", "signatures", "receipt"):
        told[name] = json.loads(told[name]) if told[name] else None
    return Payment.model_validate(told)
