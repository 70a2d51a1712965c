"""The cooperative on a database file of the test's own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock

from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata
from voting.assembly import Assembly, coop


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and nobody in it."""
    file = tmp_path_factory.mktemp("blank") / "placet.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    metadata.create_all(engine)
    engine.dispose()
    return file


@pytest.fixture
def store(blank: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    shutil.copyfile(blank, tmp_path / "placet.db")
    opened = Store(
        f"sqlite:///{tmp_path / 'placet.db'}", House(secret="a secret of tests, of forty characters!"), clock
    )
    yield opened
    opened.close()


@pytest.fixture
def assembly(store: Store, clock: ManualClock) -> Assembly:
    return coop(store, clock)
