"""What several connectors are tested against."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata


class TickingClock:
    """One second later at every reading."""

    def __init__(self) -> None:
        self._now = datetime(2026, 3, 1, tzinfo=UTC)

    def now(self, conn: Connection) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'placet.db'}", House(), TickingClock())
    store.submit(lambda tx: metadata.create_all(tx.conn)).result()
    yield store
    store.close()
