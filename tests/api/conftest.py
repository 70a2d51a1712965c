"""The office behind the real application, on a database file of the test's own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.office import Office
from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata

SECRET = "a secret of tests, of more than thirty-two characters"


@pytest.fixture
def store(tmp_path: Path, clock: Any) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'placet.db'}", House("http://placet", SECRET), clock)
    opened.submit(lambda tx: metadata.create_all(tx.conn)).result()
    yield opened
    opened.close()


@pytest.fixture
async def office(store: Store, clock: Any) -> AsyncIterator[Office]:
    made = Office(store, clock)
    await made.hire("root", "admin")
    await made.hire("rita", "member@deals", "member@labs")
    await made.hire("ben", "buyer@deals")
    await made.hire("bea", "buyer@deals")
    await made.hire("cora", "coordinator@deals")
    await made.hire("carl", "coordinator@labs")
    await made.hire("kofi", "council")
    await made.hire("mo", "member@deals")
    yield made
    await made.http.aclose()
