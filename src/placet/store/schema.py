"""The schema of the application database: brought up to date by whichever process starts first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from placet.store import tables as t

LOCK_SECONDS = 60
# Any number will do, as long as every version of Placet takes the same.
ADVISORY_LOCK = 7_052_638_411


class SchemaError(Exception):
    """The database is not one that this version can bring up to date; it was left as it is."""


def upgrade(url: str) -> None:
    """Bring the schema up to date, or raise SchemaError. Two processes at once: one does it, the other waits."""
    config = _config()
    with _locked(url) as conn:
        if _is_current(conn, config):
            return
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def is_current(url: str) -> bool:
    """Whether the schema is the one of this code; raises SchemaError when it never can be."""
    file = sa.make_url(url).database
    if url.startswith("sqlite") and not (file and Path(file).exists()):
        return False
    engine = sa.create_engine(url)
    try:
        with engine.connect() as conn:
            return _is_current(conn, _config())
    finally:
        engine.dispose()


def draft(url: str, message: str) -> None:
    """For developers: write the next revision from the difference between this database and the tables."""
    config = _config()
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    with _locked(url) as conn:
        config.attributes["connection"] = conn
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """How the types of `tables` are written in a revision."""
    if kind == "type" and isinstance(item, t.Instant):
        return "Instant()"
    return "JSON" if kind == "type" and isinstance(item, sa.JSON) and item._variant_mapping else False


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    return config


def _is_current(conn: Connection, config: Config) -> bool:
    revisions = ScriptDirectory.from_config(config)
    known = {script.revision for script in revisions.walk_revisions()}
    found = set(MigrationContext.configure(conn).get_current_heads())
    if unknown := found - known:
        raise SchemaError(
            f"This database was written by a newer version of Placet (its schema is {', '.join(sorted(unknown))}, this "
            f"version knows up to {revisions.get_current_head()}). Install that version again, or restore a backup."
        )
    if not found and sa.inspect(conn).has_table(t.case.name):
        raise SchemaError("This database has tables, but no record of their version. Start with an empty database.")
    return found == set(revisions.get_heads())


@contextmanager
def _locked(url: str) -> Iterator[Connection]:
    """One transaction, in which no other process can migrate."""
    on_sqlite = url.startswith("sqlite")
    engine = sa.create_engine(url, connect_args={"timeout": LOCK_SECONDS} if on_sqlite else {})
    if on_sqlite:

        @sa.event.listens_for(engine, "connect")
        def _no_driver_transactions(connection: Any, _: Any) -> None:
            connection.isolation_level = None

        @sa.event.listens_for(engine, "begin")
        def _begin(conn: Connection) -> None:
            conn.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as conn:
            if not on_sqlite:
                conn.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
                conn.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
            yield conn
    finally:
        engine.dispose()
