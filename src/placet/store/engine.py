"""The application database: one place that opens transactions, on SQLite or Postgres.

`write(fn)` runs `fn(tx)` in one transaction and returns its result once it is durable. On SQLite one thread per
process writes, committing up to `GROUP` calls together; each call has its own savepoint, so one that fails takes
nothing else with it. Functions passed here do no I/O of their own.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from placet.store.clock import Clock, SystemClock
from placet.store.house import House

Result = TypeVar("Result")

log = logging.getLogger(__name__)

GROUP = 200
# Without a breath between groups, one writing process starves the other for seconds.
BREATH_SECONDS = 0.001
RETRIED_STATES = ("40001", "40P01")
SQLITE_BUSY = 5
BEGIN_WRITING = "BEGIN IMMEDIATE"
ONE_SNAPSHOT = "REPEATABLE READ"
SWITCH_SECONDS = 5
READING_KB, WRITING_KB = 32_000, 16_000
"""What a connection keeps of the file, at most; who writes a large document holds as much of it once more."""


class StoreUnavailable(Exception):
    """The database cannot take this now (locked, full, unreachable); nothing was changed, try again."""


class Tx:
    """One open transaction."""

    def __init__(self, conn: Connection, clock: Clock, house: House) -> None:
        self.conn = conn
        self.house = house
        self.topics: set[str] = set()
        self._clock = clock
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of this transaction (aware, UTC); read after locks are held, see `store.cases.locked`."""
        if self._now is None:
            self._now = self._clock.now(self.conn)
        return self._now

    def time_is(self, now: datetime) -> None:
        """Fix the time of this transaction."""
        self._now = now

    def read_clock(self) -> datetime:
        """The clock itself, read anew."""
        return self._clock.now(self.conn)

    def insert_ignoring(self, table: sa.Table, values: Mapping[str, Any]) -> bool:
        """Insert unless a row with the same key is there; whether it was inserted."""
        query = _insert_ignoring(table, self.on_postgres)
        # Without the option an insert reports -1 on Postgres.
        return self.conn.execute(query, dict(values), execution_options={"preserve_rowcount": True}).rowcount > 0

    def insert_many_ignoring(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert those rows whose key is not there yet."""
        self.conn.execute(_insert_ignoring(table, self.on_postgres), [dict(row) for row in rows])

    def announce(self, topic: str) -> None:
        """Wake this process's listeners of `topic` once the transaction is durable."""
        self.topics.add(topic)

    @property
    def on_postgres(self) -> bool:
        return self.conn.dialect.name == "postgresql"


class Store:
    def __init__(self, url: str, house: House, clock: Clock | None = None) -> None:
        self.url = url
        self.house = house
        self.clock = clock or SystemClock()
        self._listeners: dict[str, list[Callable[[], object]]] = {}
        self.on_sqlite = url.startswith("sqlite")
        if self.on_sqlite:
            self._reader = _sqlite(url, "BEGIN", READING_KB)
            self._writer: _GroupWriter | None = _GroupWriter(_sqlite(url, BEGIN_WRITING, WRITING_KB), self)
        else:
            self._reader = sa.create_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True)
            self._writer = None
        # A page is made by many queries, and all of them see the same: on SQLite they do so anyhow.
        self._looking = self._reader if self.on_sqlite else self._reader.execution_options(isolation_level=ONE_SNAPSHOT)
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="placet-store")

    @property
    def engine(self) -> Engine:
        return self._reader

    def listen(self, topic: str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call back (from any thread) after a commit that announced the topic; returns the way to stop it."""
        self._listeners.setdefault(topic, []).append(callback)
        return lambda: self._listeners[topic].remove(callback)

    async def write(self, fn: Callable[[Tx], Result]) -> Result:
        return await asyncio.wrap_future(self.submit(fn))

    async def read(self, fn: Callable[[Tx], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(self.read_now, fn))

    def submit(self, fn: Callable[[Tx], Result]) -> "Future[Result]":
        """The same as `write`, for callers without an event loop."""
        if self._writer is not None:
            return self._writer.submit(fn)
        return self._pool.submit(self._write_postgres, fn)

    def read_now(self, fn: Callable[[Tx], Result]) -> Result:
        try:
            with self._looking.connect() as conn, conn.begin():
                return fn(Tx(conn, self.clock, self.house))
        except OperationalError as error:
            raise StoreUnavailable(str(error.orig)) from error

    def close(self) -> None:
        if self._writer is not None:
            self._writer.stop()
        self._pool.shutdown(wait=True)
        self._reader.dispose()

    def tell(self, topics: set[str]) -> None:
        for topic in topics:
            for callback in tuple(self._listeners.get(topic, ())):
                try:
                    callback()
                except Exception:
                    # The transaction is durable: a listener that fails must not make it look undone.
                    log.exception("a listener of %s failed", topic)

    def _write_postgres(self, fn: Callable[[Tx], Result]) -> Result:
        for attempt in (1, 2, 3, 4):
            try:
                with self._reader.begin() as conn:
                    tx = Tx(conn, self.clock, self.house)
                    result = fn(tx)
                self.tell(tx.topics)
                return result
            except OperationalError as error:
                if attempt < 4 and getattr(error.orig, "sqlstate", None) in RETRIED_STATES:
                    time.sleep(0.01 * attempt)
                    continue
                raise StoreUnavailable(str(error.orig)) from error
        raise AssertionError("unreachable")


@cache
def _insert_ignoring(table: sa.Table, on_postgres: bool) -> sa.Insert:
    insert = postgresql.insert if on_postgres else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def _sqlite(url: str, begin: str, cache_kb: int) -> Engine:
    """An engine whose transactions begin with `begin`; the driver's own transaction control is off."""
    engine = sa.create_engine(url, connect_args={"timeout": SWITCH_SECONDS, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        # Lists of a large database touch more pages than the 2 MB that SQLite keeps by itself.
        for pragma in ("synchronous=FULL", "foreign_keys=ON", f"cache_size=-{cache_kb}"):
            connection.execute(f"PRAGMA {pragma}")
        _write_ahead(connection)
        if begin == BEGIN_WRITING:
            # From here on who writes asks for itself, see `_begun`; opening the file may have to wait as well.
            connection.execute("PRAGMA busy_timeout=0")

    @sa.event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        _begun(conn, begin)

    return engine


def _begun(conn: Connection, begin: str) -> None:
    """Begin; while another process writes, ask often: SQLite itself asks ever less, and misses each pause."""
    patience = time.monotonic() + SWITCH_SECONDS
    while True:
        try:
            conn.exec_driver_sql(begin)
            return
        except OperationalError as error:
            if _code(error) != SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(BREATH_SECONDS / 2)


def _write_ahead(connection: Any) -> None:
    """Switch the file to WAL; SQLite does not wait for another process that is just doing the same."""
    patience = time.monotonic() + SWITCH_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(BREATH_SECONDS)


class _GroupWriter:
    """The one writing thread of this process on SQLite."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._calls: queue.SimpleQueue[tuple[Callable[[Tx], Any], Future[Any]] | None] = queue.SimpleQueue()
        # Only the thread uses it. Taking it from the pool for each group would cost as much as a few statements.
        self._conn: Connection | None = None
        self._stopped = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="placet-writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Tx], Result]) -> "Future[Result]":
        future: Future[Result] = Future()
        with self._gate:
            if not self._stopped:
                self._calls.put((fn, future))
                return future
        future.set_exception(StoreUnavailable("the store is closed"))
        return future

    def stop(self) -> None:
        with self._gate:
            self._stopped = True
            self._calls.put(None)
        self._thread.join()
        self._drop()
        self._engine.dispose()

    def _run(self) -> None:
        while (first := self._calls.get()) is not None:
            group = [first]
            last = False
            while len(group) < GROUP and not self._calls.empty():
                call = self._calls.get()
                if call is None:
                    last = True
                    break
                group.append(call)
            self._commit(group)
            if last:
                return
            time.sleep(BREATH_SECONDS)

    def _commit(self, group: list[tuple[Callable[[Tx], Any], "Future[Any]"]]) -> None:
        alive = [(fn, future) for fn, future in group if future.set_running_or_notify_cancel()]
        try:
            self._in_one_transaction(alive)
        except Exception as error:
            # When another process holds the file, no call is at fault and trying each would wait for each.
            if len(alive) == 1 or _code(error) == SQLITE_BUSY:
                for _, future in alive:
                    future.set_exception(_unavailable(error))
                return
            # Nothing of the group was kept: each call gets a transaction of its own.
            for fn, future in alive:
                try:
                    self._in_one_transaction([(fn, future)])
                except Exception as alone:
                    future.set_exception(_unavailable(alone))

    def _in_one_transaction(self, calls: list[tuple[Callable[[Tx], Any], "Future[Any]"]]) -> None:
        """Commit all of them, then answer; an error of the database itself leaves every future untouched."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        topics: set[str] = set()
        with self._transaction() as conn:
            for fn, future in calls:
                tx = Tx(conn, self._store.clock, self._store.house)
                conn.exec_driver_sql("SAVEPOINT own")
                try:
                    result = fn(tx)
                except OperationalError:
                    # SQLite may have rolled back the whole transaction by itself (disk full, I/O error): there may be
                    # no savepoint any more.
                    raise
                except BaseException as error:
                    # Also what would end the thread, for which everybody else who writes waits.
                    conn.exec_driver_sql("ROLLBACK TO own")
                    conn.exec_driver_sql("RELEASE own")
                    answers.append((future, None, error))
                else:
                    conn.exec_driver_sql("RELEASE own")
                    topics |= tx.topics
                    answers.append((future, result, None))
        self._store.tell(topics)
        for future, outcome, failure in answers:
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(outcome)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction on the connection that is kept; after a failure the next one gets a new connection."""
        try:
            if self._conn is None:
                self._conn = self._engine.connect()
            with self._conn.begin():
                yield self._conn
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._conn is not None:
            conn, self._conn = self._conn, None
            conn.close()


def _code(error: Exception) -> int | None:
    """The primary SQLite error code, without its extension."""
    code = getattr(error.orig, "sqlite_errorcode", None) if isinstance(error, DBAPIError) else None
    return code & 0xFF if isinstance(code, int) else None


def _unavailable(error: Exception) -> StoreUnavailable:
    """The driver's words only: the statement and its values are nobody's business."""
    why = StoreUnavailable(str(error.orig if isinstance(error, DBAPIError) else error))
    why.__cause__ = error
    return why
