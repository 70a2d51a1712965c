"""The one-approval case: Placet against the same job written by hand, in alternating rounds on equal servers.

A round opens every case with some in flight, each until its audit line for the open task is durable, and then decides
each with some in flight, each until the line of its end is durable. So no decision meets the opening of its case.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from temporalio.client import Client

from bench import machine, naive, serve
from bench.kind import KIND, TASK, OneApproval
from bench.naive import NaiveApproval
from bench.place import APPROVES, ASKS, BenchFailed, Installation, count, installation, until
from placet.domain.course import Opening
from placet.runtime import engine
from placet.runtime.dispatcher import Dispatcher
from placet.store import acts, cases, people
from placet.store.engine import Store, Tx

IN_FLIGHT = 20
LOOKED_AT = 3
PATIENCE_SECONDS = 60.0
GLANCE_SECONDS = 0.002

Step = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Round:
    """One system in one round; processor time in ms a case, `busy` is the whole machine's share of the time."""

    system: str
    cases: int
    per_second: float
    opened_per_second: float
    decided_per_second: float
    events: int
    server_ms: float
    worker_ms: float
    driver_ms: float
    busy: float


class Watcher:
    """Follows an audit table, so that a driver hears of a line once it is durable."""

    def __init__(self, path: Path, case_column: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self._query = f"SELECT id, {case_column}, action FROM audit WHERE id > ? ORDER BY id"
        self._last = 0
        self._seen: set[tuple[str, str]] = set()
        self._waiting: dict[tuple[str, str], asyncio.Event] = {}

    async def run(self) -> None:
        with closing(self._connection):
            while True:
                for number, case_id, action in self._connection.execute(self._query, (self._last,)).fetchall():
                    self._last = number
                    self._seen.add((case_id, action))
                    if event := self._waiting.pop((case_id, action), None):
                        event.set()
                await asyncio.sleep(GLANCE_SECONDS)

    async def line(self, case_id: str, action: str) -> None:
        if (case_id, action) not in self._seen:
            event = self._waiting.setdefault((case_id, action), asyncio.Event())
            await asyncio.wait_for(event.wait(), PATIENCE_SECONDS)


@dataclass
class Rival:
    """How a driver opens and decides a case of one system, and what it waits for."""

    open: Step
    decide: Step
    client: Client
    watcher: Watcher
    opened: str
    ended: str
    drained: Callable[[], Awaitable[object]]


async def placet(made: Installation, held: AsyncExitStack) -> Rival:
    """Opens and decides as the API does: one transaction, then the outbox is carried to the engine."""
    made.serve("worker")
    await made.until_exists(made.place.worker_ready)
    store = made.open_store()
    held.callback(store.close)
    settings = made.place.settings()
    client = await engine.connect(settings.temporal, made.place.temporal, serve.CATALOGUE, {})
    _chore(held, Dispatcher(store, client, serve.CATALOGUE, settings.temporal.task_queue).run())
    watcher = Watcher(made.place.datadir.app_db, "case_id")
    _chore(held, watcher.run())
    look = held.enter_context(closing(made.look()))

    async def opened(case_id: str) -> None:
        await store.write(lambda tx: _create(tx, case_id))

    async def decided(case_id: str) -> None:
        await _approve(store, case_id)

    def quiet() -> bool:
        owed = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM message WHERE state <> 'stored')"
        return count(look, owed) == 0

    async def drained() -> None:
        await until("an empty outbox", quiet)

    return Rival(opened, decided, client, watcher, "task.opened", "case.completed", drained)


async def by_hand(made: Installation, held: AsyncExitStack) -> Rival:
    made.serve("naive")
    await made.until_exists(made.place.worker_ready)
    client = await Client.connect(made.place.temporal, runtime=engine.quiet_runtime())
    watcher = Watcher(made.data / "naive.db", "case_id")
    _chore(held, watcher.run())

    async def opened(case_id: str) -> None:
        await client.start_workflow(NaiveApproval.run, case_id, id=case_id, task_queue=naive.TASK_QUEUE)

    async def decided(case_id: str) -> None:
        await client.get_workflow_handle(case_id).signal(NaiveApproval.approve, APPROVES)

    async def drained() -> None:
        """Its last line is its end."""

    return Rival(opened, decided, client, watcher, "opened", "done", drained)


SYSTEMS = {"placet": ("worker", placet), "by hand": ("naive", by_hand)}


async def rounds(template: Path, number: int, cases_each: int) -> list[Round]:
    """Every system once a round, in alternating order."""
    done = []
    for turn in range(number):
        for system in sorted(SYSTEMS, reverse=turn % 2 == 0):
            async with installation(template) as made:
                done.append(await _round(system, made, cases_each))
    return done


async def _round(system: str, made: Installation, cases_each: int) -> Round:
    worker, begin = SYSTEMS[system]
    async with AsyncExitStack() as held:
        rival = await begin(made, held)
        # The first cases load code and warm caches.
        await _both(rival, [f"warm-{number}" for number in range(IN_FLIGHT)])
        names = [f"case-{number}" for number in range(cases_each)]
        server_before, worker_before = machine.cpu_ms(made.pid("server")), machine.cpu_ms(made.pid(worker))
        driver_before, busy_before, begun = process_time(), machine.busy_ms(), perf_counter()
        opening, deciding = await _both(rival, names)
        for name in names[-IN_FLIGHT:]:
            await rival.client.get_workflow_handle(name).result()
        await rival.drained()
        wall = perf_counter() - begun
        driver_ms = (process_time() - driver_before) * 1000
        busy = (machine.busy_ms() - busy_before) / (wall * 1000)
        server_ms = machine.cpu_ms(made.pid("server")) - server_before
        worker_ms = machine.cpu_ms(made.pid(worker)) - worker_before
        lengths = {await _events(rival.client, name) for name in names[:LOOKED_AT]}
        return Round(
            system=system,
            cases=cases_each,
            per_second=cases_each / (opening + deciding),
            opened_per_second=cases_each / opening,
            decided_per_second=cases_each / deciding,
            events=max(lengths),
            server_ms=server_ms / cases_each,
            worker_ms=worker_ms / cases_each,
            driver_ms=driver_ms / cases_each,
            busy=busy,
        )


async def _both(rival: Rival, names: list[str]) -> tuple[float, float]:
    """Seconds for opening and for deciding them all."""
    opening = await _phase(names, rival.open, rival.watcher, rival.opened)
    return opening, await _phase(names, rival.decide, rival.watcher, rival.ended)


async def _phase(names: list[str], do: Step, watcher: Watcher, action: str) -> float:
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(name: str) -> None:
        async with gate:
            await do(name)
            await watcher.line(name, action)

    begun = perf_counter()
    await asyncio.gather(*(one(name) for name in names))
    return perf_counter() - begun


async def _events(client: Client, case_id: str) -> int:
    return len((await client.get_workflow_handle(case_id).fetch_history()).events)


def _chore(held: AsyncExitStack, doing: Awaitable[None]) -> None:
    task = asyncio.ensure_future(doing)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    held.push_async_callback(end)


def _create(tx: Tx, case_id: str) -> None:
    request = {"title": f"Paper {case_id}", "cents": 1200}
    opening = Opening(
        case_id=case_id, kind=KIND, scope="general", title=request["title"], requester=ASKS, request=request
    )
    assert OneApproval.request_type.model_validate(request)
    told = opening.model_dump(mode="json")
    cases.create(tx, case_id, KIND, "general", opening.title, ASKS, told, ASKS, {})


async def _approve(store: Store, case_id: str) -> None:
    answer = acts.Answer(outcome="approve")

    def act(tx: Tx) -> acts.Counted | acts.NotCounted:
        person = people.find(tx, APPROVES)
        assert person is not None
        return acts.answer(tx, person, f"{case_id}.{TASK}.1", answer, door="bench")

    if not isinstance(result := await store.write(act), acts.Counted):
        raise BenchFailed(f"the approval of {case_id} did not count: {result.refusal.detail}")
