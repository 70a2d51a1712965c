"""What the executor has signed, in a file of its own: intent before the signature, the bytes after it, for ever.

It lies outside the application database, so that a database that was restored or tampered with cannot make the
executor sign a second credential under the same key, or let a revocation be forgotten.
"""

import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS signature (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    planned_at TEXT NOT NULL,
    signed_at TEXT,
    jwt TEXT,
    kid TEXT,
    told_at TEXT,
    UNIQUE (kind, subject, number)
) STRICT;
CREATE TABLE IF NOT EXISTS refusal (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    code TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True)
class Entry:
    """One signature: what it is over (`digest`), and its bytes once they are there. `told` when it was audited."""

    key: str
    subject: str
    number: int
    digest: str
    jwt: str | None
    kid: str | None
    told: bool


class BadgeJournal:
    def __init__(self, file: Path) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600, exist_ok=True)
        self._lock = threading.Lock()
        self._conn = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=10)
        self._conn.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;" + SCHEMA)

    def find(self, key: str) -> Entry | None:
        return self._one("WHERE key = ?", key)

    def about(self, kind: str, subject: str, number: int) -> Entry | None:
        """Whatever the key, the signature for this subject."""
        return self._one("WHERE kind = ? AND subject = ? AND number = ?", kind, subject, number)

    def newest(self, kind: str, subject: str) -> Entry | None:
        """The signed entry with the highest number."""
        return self._one(
            "WHERE kind = ? AND subject = ? AND jwt IS NOT NULL ORDER BY number DESC LIMIT 1", kind, subject
        )

    def plan(self, key: str, kind: str, subject: str, number: int, digest: str) -> Entry:
        """Write the intent; the first under a key, and for a subject, stays."""
        with self._lock:
            self._conn.execute(
                "INSERT INTO signature (key, kind, subject, number, digest, planned_at) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (key, kind, subject, number, digest, _now()),
            )
        found = self.find(key) or self.about(kind, subject, number)
        assert found is not None
        return found

    def forget(self, key: str) -> None:
        """Take back an intent of which nothing was signed."""
        with self._lock:
            self._conn.execute("DELETE FROM signature WHERE key = ? AND jwt IS NULL", (key,))

    def keep(self, key: str, jwt: str, kid: str) -> Entry:
        """Keep the signed bytes; the first ones stay."""
        with self._lock:
            self._conn.execute(
                "UPDATE signature SET jwt = ?, kid = ?, signed_at = ? WHERE key = ? AND jwt IS NULL",
                (jwt, kid, _now(), key),
            )
        found = self.find(key)
        assert found is not None
        return found

    def told(self, key: str) -> None:
        with self._lock:
            self._conn.execute("UPDATE signature SET told_at = ? WHERE key = ?", (_now(), key))

    def refused(self, key: str, digest: str, code: str) -> None:
        with self._lock:
            self._conn.execute(
                "INSERT INTO refusal (at, key, digest, code) VALUES (?, ?, ?, ?)", (_now(), key, digest, code)
            )

    def refusals(self) -> list[str]:
        """The codes of all refusals, oldest first."""
        with self._lock:
            return [row[0] for row in self._conn.execute("SELECT code FROM refusal ORDER BY id")]

    def close(self) -> None:
        with self._lock:
            self._conn.close()

    def _one(self, where: str, *values: str | int) -> Entry | None:
        query = f"SELECT key, subject, number, digest, jwt, kid, told_at IS NOT NULL FROM signature {where}"
        with self._lock:
            row = self._conn.execute(query, values).fetchone()
        if row is None:
            return None
        own, about, number, digest, jwt, kid, told = row
        return Entry(own, about, number, digest, jwt, kid, bool(told))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
