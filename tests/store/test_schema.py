"""The migrations make exactly the tables of the code, once, whoever starts first."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.conftest import Databases

from placet.store import schema
from placet.store.tables import metadata

ROOT = Path(__file__).parents[2]


@pytest.fixture
def empty_url(databases: Databases, database: str) -> Iterator[str]:
    url = databases.empty(database)
    yield url
    databases.drop(url)


def differences(url: str) -> list[Any]:
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        found = compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata)
    engine.dispose()
    return list(found)


def structure(url: str) -> set[tuple[Any, ...]]:
    """Every column, index and constraint as the database itself describes them."""
    queries = (
        ["SELECT type, name, tbl_name, replace(replace(trim(sql, ')'), char(10), ''), char(9), '') FROM sqlite_master"]
        if url.startswith("sqlite")
        else [
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public'",
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace",
        ]
    )
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        rows = {tuple(row) for query in queries for row in conn.execute(sa.text(query))}
    engine.dispose()
    own = {row for row in rows if not any("alembic_version" in str(part) for part in row)}
    # SQLite keeps the statement: the order of the constraints in it means nothing.
    return {(*row[:-1], *sorted(str(row[-1]).split(", "))) for row in own}


def test_the_migrations_make_the_tables_of_the_code(empty_url: str) -> None:
    schema.upgrade(empty_url)
    assert differences(empty_url) == []


def test_the_migrations_make_the_same_columns_indexes_and_constraints(
    empty_url: str, databases: Databases, database: str
) -> None:
    schema.upgrade(empty_url)
    created = databases.empty(database)
    engine = sa.create_engine(created)
    metadata.create_all(engine)
    engine.dispose()
    assert structure(empty_url) == structure(created) != set()
    databases.drop(created)


def test_a_missing_column_would_be_noticed(empty_url: str) -> None:
    schema.upgrade(empty_url)
    engine = sa.create_engine(empty_url)
    with engine.begin() as conn:
        conn.execute(sa.text("ALTER TABLE decision DROP COLUMN quiet_until"))
    engine.dispose()
    assert [found[0] for found in differences(empty_url)] == ["add_column"]


def test_upgrading_again_changes_nothing(empty_url: str) -> None:
    assert not schema.is_current(empty_url)
    schema.upgrade(empty_url)
    before = structure(empty_url)
    schema.upgrade(empty_url)
    assert schema.is_current(empty_url)
    assert structure(empty_url) == before


def test_all_who_start_at_once_find_the_schema_ready(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(schema.upgrade, empty_url) for _ in range(4)]:
            done.result(timeout=240)
    assert schema.is_current(empty_url)


STARTING = """
import json, sys
from placet.store import schema, tables as t
from placet.store.engine import Store
from placet.store.house import House

schema.upgrade(sys.argv[1])
store = Store(sys.argv[1], House())
store.submit(lambda tx: tx.conn.execute(t.meta.insert().values(key=sys.argv[2], value=""))).result(120)
print(json.dumps(len(store.read_now(lambda tx: tx.conn.execute(t.meta.select()).all()))))
store.close()
"""


def test_two_processes_that_start_at_once_on_a_new_database_both_come_up(empty_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", STARTING, empty_url, name], stdout=subprocess.PIPE, text=True)
        for name in ("api", "worker")
    ]
    assert {json.loads(process.communicate(timeout=240)[0]) for process in started} <= {1, 2}
    assert [process.returncode for process in started] == [0, 0]


def test_a_database_of_a_newer_version_is_refused_and_left_alone(empty_url: str) -> None:
    schema.upgrade(empty_url)
    engine = sa.create_engine(empty_url)
    with engine.begin() as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for asked in (schema.upgrade, schema.is_current):
        with pytest.raises(schema.SchemaError, match=r"newer version of Placet .*9999.* restore a backup"):
            asked(empty_url)
    with engine.connect() as conn:
        assert conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()


def test_tables_without_a_version_are_refused(empty_url: str) -> None:
    engine = sa.create_engine(empty_url)
    metadata.create_all(engine)
    engine.dispose()
    with pytest.raises(schema.SchemaError, match="no record of their version"):
        schema.upgrade(empty_url)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_asking_about_a_file_that_is_not_there_does_not_make_it(empty_url: str) -> None:
    assert not schema.is_current(empty_url)
    assert not Path(sa.make_url(empty_url).database or "").exists()


def test_a_migration_that_fails_leaves_nothing_behind(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = sa.create_engine(empty_url)
    # The last table of the migration is in its way.
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE signal_token (id INTEGER)"))
    with pytest.raises(sa.exc.DBAPIError):
        schema.upgrade(empty_url)
    assert sa.inspect(engine).get_table_names() == ["signal_token"]
    with engine.begin() as conn:
        conn.execute(sa.text("DROP TABLE signal_token"))
    engine.dispose()
    schema.upgrade(empty_url)
    assert schema.is_current(empty_url)


def test_the_schema_only_moves_forward(empty_url: str) -> None:
    schema.upgrade(empty_url)
    config = schema._config()
    with pytest.raises(RuntimeError, match="only moves forward"), schema._locked(empty_url) as conn:
        config.attributes["connection"] = conn
        command.downgrade(config, "base")
    assert schema.is_current(empty_url)


def test_the_wheel_carries_the_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    own = ROOT / "src" / "placet" / "store" / "migrations"
    scripts = {str(path.relative_to(ROOT / "src")) for path in own.rglob("*.py")}
    assert len(scripts) >= 2
    assert scripts <= names
