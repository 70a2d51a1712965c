"""Time is one port."""

from datetime import UTC, datetime
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection


class Clock(Protocol):
    def now(self, conn: Connection) -> datetime:
        """The time now, aware and in UTC; called while the locks of the transaction are held."""
        ...


class SystemClock:
    """The database server's clock on Postgres (one clock for many processes), this machine's on SQLite."""

    def now(self, conn: Connection) -> datetime:
        if conn.dialect.name == "postgresql":
            # Not now(): that is the start of the transaction, before its locks were won.
            at: datetime = conn.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
            return at.astimezone(UTC)
        return datetime.now(UTC)
