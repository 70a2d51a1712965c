"""The office behind the real application, on a database file of the test's own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.office import Office
from placet.connectors.chain.signatures import signer_of
from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata

STAFF = {
    "root": ("admin",),
    "rita": ("member@deals", "member@labs"),
    "ben": ("buyer@deals",),
    "bea": ("buyer@deals",),
    "cora": ("coordinator@deals",),
    "carl": ("coordinator@labs",),
    "kofi": ("council",),
    "mo": ("member@deals",),
}
SECRET = "a secret of tests, of more than thirty-two characters"


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and nobody in it."""
    file = tmp_path_factory.mktemp("blank") / "placet.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    metadata.create_all(engine)
    engine.dispose()
    return file


@pytest.fixture
def store(blank: Path, tmp_path: Path, clock: Any) -> Iterator[Store]:
    shutil.copyfile(blank, tmp_path / "placet.db")
    opened = Store(f"sqlite:///{tmp_path / 'placet.db'}", House("http://placet", SECRET, signer_of=signer_of), clock)
    yield opened
    opened.close()


@pytest.fixture
async def office(store: Store, clock: Any) -> AsyncIterator[Office]:
    made = Office(store, clock)
    await asyncio.gather(*(made.hire(person, *grants) for person, grants in STAFF.items()))
    yield made
    await made.http.aclose()
