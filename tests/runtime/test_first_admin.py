"""The sample organisation: only where nobody real is, and known again as what it is."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from placet.domain.people import SYSTEM
from placet.runtime import first_admin
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir, DataDirError
from placet.runtime.place import Place
from placet.store import people, sessions
from placet.store import tables as t
from placet.store.engine import Store, Tx
from placet.store.house import House

HASH = "a hash that no password has"


def begin(store: Store, demo: bool) -> None:
    """What each start does to the database."""
    store.submit(lambda tx: first_admin.recognise_sample(tx, demo)).result()
    store.submit(lambda tx: first_admin.ensure_admin(tx, "plc_first")).result()
    if demo:
        store.submit(lambda tx: first_admin.ensure_sample(tx, HASH)).result()


def somebody(tx: Tx, person: str = "ada", email: str = "ada@bakery.example") -> None:
    people.add(tx, SYSTEM, person, person.title(), email, ())


def passwords(store: Store) -> dict[str, str]:
    rows = store.read_now(lambda tx: tx.conn.execute(sa.select(t.account.c.person_id, t.account.c.password_hash)).all())
    return {row.person_id: row.password_hash for row in rows}


def test_a_new_database_becomes_a_sample_again_and_again(store: Store) -> None:
    # Somebody has looked at it without sample people first.
    for demo in (False, True, False, True):
        begin(store, demo)
    assert passwords(store) == {one.id: HASH for one in first_admin.EVERYBODY}
    assert store.read_now(people.samples) == [one.id for one in first_admin.SAMPLE]
    # Real people beside them change nothing of what it is.
    store.submit(lambda tx: somebody(tx, "rosa")).result()
    begin(store, True)
    assert "rosa" not in passwords(store)


@pytest.mark.parametrize("use", ["ada", "password"])
def test_an_installation_in_use_gets_no_shared_password(store: Store, use: str) -> None:
    begin(store, False)
    if use == "ada":
        store.submit(somebody).result()
    else:
        store.submit(lambda tx: sessions.set_password(tx, "admin", "admin", "their own")).result()
    before = passwords(store)
    with pytest.raises(DataDirError, match="is in use without sample people"):
        begin(store, True)
    assert (passwords(store), store.read_now(people.samples)) == (before, [])
    begin(store, False)


def test_a_sample_from_before_the_mark_is_recognised_at_any_start(store: Store) -> None:
    begin(store, True)
    store.submit(lambda tx: tx.conn.execute(t.meta.delete().where(t.meta.c.key == people.SAMPLE)).rowcount).result()
    begin(store, False)
    assert len(store.read_now(people.samples)) == len(first_admin.SAMPLE)


def test_a_start_with_sample_people_is_refused_on_a_directory_in_use(tmp_path: Path) -> None:
    datadir = DataDir(tmp_path / "data")
    place = Place(datadir, 8400, 8401, None, os.environ)
    prepare(place)
    store = Store(f"sqlite:///{datadir.app_db}", House(secret=datadir.secret()))
    try:
        store.submit(somebody).result()
        with pytest.raises(DataDirError, match="new data directory"):
            prepare(place, demo=True)
        assert store.read_now(lambda tx: tx.conn.execute(sa.select(t.person.c.id)).scalars().all()) == ["ada", "admin"]
        assert not datadir.demo_password_file.exists()
    finally:
        store.close()
