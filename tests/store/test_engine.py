"""One place that opens transactions: groups, failures, retries, time."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from tests.conftest import Databases

from placet.store import tables as t
from placet.store.clock import SystemClock
from placet.store.engine import Store, StoreUnavailable, Tx
from placet.store.house import House

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


def put(key: str, value: str = "x") -> Callable[[Tx], str]:
    def written(tx: Tx) -> str:
        tx.conn.execute(t.meta.insert().values(key=key, value=value))
        return key

    return written


def keys(store: Store) -> list[str]:
    return store.read_now(lambda tx: list(tx.conn.execute(sa.select(t.meta.c.key).order_by(t.meta.c.key)).scalars()))


def do(store: Store, fn: Callable[[Tx], Any]) -> Any:
    return store.submit(fn).result(timeout=30)


def pragma(text: str) -> Callable[[Tx], Any]:
    def asked(tx: Tx) -> Any:
        found = tx.conn.exec_driver_sql(f"PRAGMA {text}")
        return found.scalar() if found.returns_rows else None

    return asked


@contextmanager
def one_group(store: Store) -> Iterator[list[object]]:
    """What is submitted inside waits for the writer and is then committed together; collects the commits."""
    commits, go, holding = list[object](), threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        holding.set()
        go.wait(30)

    held = store.submit(hold)
    assert holding.wait(30)
    count = commits.append
    sa.event.listen(sa.Engine, "commit", count)
    try:
        yield commits
        go.set()
        held.result(timeout=30)
        # The last in the queue: once it is answered, so is the group.
        do(store, lambda tx: None)
    finally:
        go.set()
        sa.event.remove(sa.Engine, "commit", count)


@only_sqlite
def test_calls_that_arrive_together_share_a_commit_and_one_that_fails_takes_nothing_else(store: Store) -> None:
    def wrong(tx: Tx) -> None:
        put("lost")(tx)
        raise LookupError("no such thing")

    with one_group(store) as commits:
        good = [store.submit(put(key)) for key in ("a", "b")]
        failing = store.submit(wrong)
        doubled = store.submit(put("a"))
        good.append(store.submit(put("c")))
    assert [future.result(timeout=30) for future in good] == ["a", "b", "c"]
    with pytest.raises(LookupError):
        failing.result(timeout=30)
    with pytest.raises(IntegrityError):
        doubled.result(timeout=30)
    # What held the writer, the group, and at most the end of it by itself.
    assert len(commits) <= 3
    assert keys(store) == ["a", "b", "c"]


@only_sqlite
def test_when_the_disk_is_full_only_what_does_not_fit_is_lost(store: Store) -> None:
    pages = do(store, pragma("page_count"))
    do(store, pragma(f"max_page_count = {pages + 4}"))
    with one_group(store):
        small = [store.submit(put("a")), store.submit(put("b"))]
        huge = store.submit(put("huge", "x" * 1_000_000))
        small.append(store.submit(put("c")))
    assert [future.result(timeout=30) for future in small] == ["a", "b", "c"]
    with pytest.raises(StoreUnavailable, match="full"):
        huge.result(timeout=30)
    do(store, pragma("max_page_count = 1000000"))
    assert do(store, put("huge", "x" * 1_000_000)) == "huge"
    assert keys(store) == ["a", "b", "c", "huge"]


@only_sqlite
def test_a_file_held_by_somebody_else_fails_the_whole_group_at_once(store: Store) -> None:
    do(store, pragma("busy_timeout = 20"))
    other = sqlite3.connect(sa.make_url(store.url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begins = list[object]()
    count = begins.append
    sa.event.listen(sa.Engine, "begin", count)
    futures = [store.submit(put(f"k{number}")) for number in range(20)]
    for future in futures:
        with pytest.raises(StoreUnavailable, match="locked"):
            future.result(timeout=30)
    sa.event.remove(sa.Engine, "begin", count)
    # At most the first went alone; none was tried twice, each time waiting for the other.
    assert len(begins) < 20
    other.execute("ROLLBACK")
    other.close()
    assert do(store, put("after")) == "after"
    assert keys(store) == ["after"]


@only_sqlite
def test_every_commit_is_synced_to_the_disk(store: Store) -> None:
    assert do(store, pragma("journal_mode")) == "wal"
    assert do(store, pragma("synchronous")) == 2
    assert do(store, pragma("foreign_keys")) == 1


def test_the_words_of_a_failure_hold_no_statement_and_no_values(store: Store) -> None:
    def wrong(tx: Tx) -> None:
        tx.conn.execute(sa.text("SELECT secret FROM nowhere WHERE name = :name"), {"name": "personal"})

    with pytest.raises(Exception) as failed:
        do(store, wrong)
    if isinstance(failed.value, StoreUnavailable):
        assert "personal" not in str(failed.value)
        assert "SELECT" not in str(failed.value)
    assert do(store, put("after")) == "after"


def test_a_listener_that_fails_does_not_make_a_durable_act_look_undone(store: Store) -> None:
    heard = list[str]()

    def fail() -> None:
        heard.append("called")
        raise RuntimeError("a broken listener")

    stop = store.listen("topic", fail)

    def announced(tx: Tx) -> str:
        tx.announce("topic")
        return put("a")(tx)

    assert do(store, announced) == "a"
    stop()
    assert heard == ["called"]
    assert keys(store) == ["a"]


def test_what_a_failed_call_wanted_to_announce_is_not_announced(store: Store) -> None:
    heard = list[str]()
    store.listen("topic", lambda: heard.append("called"))

    def wrong(tx: Tx) -> None:
        tx.announce("topic")
        raise LookupError

    with pytest.raises(LookupError):
        do(store, wrong)
    assert heard == []


@pytest.mark.parametrize("end", [SystemExit, asyncio.CancelledError])
def test_a_call_that_would_end_the_thread_fails_alone(store: Store, end: type[BaseException]) -> None:
    def wrong(tx: Tx) -> None:
        put("wrong")(tx)
        raise end

    with pytest.raises(end):
        do(store, wrong)
    do(store, put("right"))
    assert keys(store) == ["right"]


def test_closing_finishes_what_was_submitted_and_takes_no_more(database_url: str, house: House) -> None:
    store = Store(database_url, house)
    futures: list[Future[str]] = [store.submit(put(f"k{number:03}")) for number in range(300)]
    store.close()
    assert [future.result(timeout=0) for future in futures] == [f"k{number:03}" for number in range(300)]
    with pytest.raises((StoreUnavailable, RuntimeError)):
        store.submit(put("late")).result(timeout=5)


async def test_reading_and_writing_do_not_block_the_loop_and_return_their_results(store: Store) -> None:
    assert await store.write(put("a")) == "a"
    assert await store.read(lambda tx: tx.conn.execute(sa.select(t.meta.c.value)).scalar_one()) == "x"
    with pytest.raises(IntegrityError):
        await store.write(put("a"))


def test_all_queries_of_one_look_see_the_same(store: Store) -> None:
    """Else a case that moves from one list to another meanwhile would be in both, or in none."""

    def lines(tx: Tx) -> int:
        return len(tx.conn.execute(sa.select(t.meta)).all())

    def look(tx: Tx) -> tuple[int, int]:
        first = lines(tx)
        store.submit(lambda other: other.conn.execute(t.meta.insert().values(key="k", value="v"))).result(timeout=30)
        return first, lines(tx)

    first, second = store.read_now(look)
    assert first == second
    assert store.read_now(lines) == first + 1


@only_postgres
def test_a_deadlock_is_tried_again_and_both_sides_succeed(store: Store) -> None:
    for key in ("a", "b"):
        do(store, put(key))
    both = threading.Barrier(2)
    attempts = list[str]()

    def touch(first: str, second: str) -> Callable[[Tx], None]:
        def touched(tx: Tx) -> None:
            tx.conn.execute(sa.text("SET LOCAL deadlock_timeout = '20ms'"))
            attempts.append(first)
            tx.conn.execute(t.meta.update().where(t.meta.c.key == first).values(value=first))
            if attempts.count(first) == 1:
                both.wait(30)
            tx.conn.execute(t.meta.update().where(t.meta.c.key == second).values(value=first))

        return touched

    futures = [store.submit(touch("a", "b")), store.submit(touch("b", "a"))]
    for future in futures:
        future.result(timeout=30)
    # Whoever was given up goes again; if the other has not gone on yet, they may meet once more.
    assert len(attempts) > 2


def test_a_database_out_of_reach_is_unavailable_and_not_a_crash(house: House) -> None:
    store = Store("postgresql+psycopg://nobody@127.0.0.1:1/nothing?connect_timeout=2", house)
    with pytest.raises(StoreUnavailable):
        do(store, put("a"))
    with pytest.raises(StoreUnavailable):
        store.read_now(lambda tx: None)
    store.close()


def test_the_clock_is_read_anew_also_within_a_transaction(store: Store) -> None:
    clock = SystemClock()

    def read(tx: Tx) -> tuple[datetime, datetime]:
        first = clock.now(tx.conn)
        tx.conn.execute(sa.select(t.meta)).all()
        return first, clock.now(tx.conn)

    first, second = do(store, read)
    assert first.tzinfo is UTC
    assert first < second
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 29, 0, 59, 59, 999999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        datetime(2400, 2, 29, tzinfo=UTC),
    ],
)
def test_a_moment_comes_back_to_the_microsecond_and_in_utc(store: Store, at: datetime) -> None:
    row = {"id": "p", "name": "P", "email": "p@example.org", "created_at": at}
    do(store, lambda tx: tx.conn.execute(t.person.insert().values(row)))
    found = store.read_now(lambda tx: tx.conn.execute(sa.select(t.person.c.created_at)).scalar_one())
    assert found == at
    assert found.tzinfo is UTC


def test_inserting_unless_it_is_there_tells_which_it_was(store: Store) -> None:
    first = do(store, lambda tx: tx.insert_ignoring(t.meta, {"key": "a", "value": "1"}))
    second = do(store, lambda tx: tx.insert_ignoring(t.meta, {"key": "a", "value": "2"}))
    assert (first, second) == (True, False)
    assert do(store, lambda tx: tx.conn.execute(sa.select(t.meta.c.value)).scalar_one()) == "1"


def test_each_test_has_a_database_of_its_own(databases: Databases, store: Store, database: str) -> None:
    assert keys(store) == []
    other = databases.ready(database)
    assert other != store.url
    databases.give_back(other)
