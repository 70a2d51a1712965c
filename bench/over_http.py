"""People's side: how long a start and an answer take over HTTP, also without Temporal; a burst; what waiting costs."""

import asyncio
import secrets
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path
from time import perf_counter

from bench import machine
from bench.client import Connection
from bench.kind import KIND, TASK
from bench.place import APPROVES, ASKS, BenchFailed, Installation, count, installation, until

REST_SECONDS = 0.05
FILLING = 16
WARM = 20

Ask = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds until the acknowledgement, and acknowledgements a second."""

    what: str
    temporal: str
    connections: int
    samples: int
    p50: float
    p99: float
    per_second: float


@dataclass(frozen=True)
class Waiting:
    """What cases that wait cost, in MB of resident memory; `queued` is how long the engine was behind, in seconds."""

    cases: int
    acknowledged_per_second: float
    opened_per_second: float
    queued: float
    before: dict[str, float]
    after: dict[str, float]

    def per_thousand(self, name: str) -> float:
        return (self.after[name] - self.before[name]) * 1000 / self.cases


@dataclass(frozen=True)
class Burst:
    """Answers as fast as they go; `drain` is the time in seconds until every answered case had ended."""

    connections: int
    seconds: float
    acknowledged: int
    p50: float
    p99: float
    ended_during: int
    drain: float
    lost: int

    @property
    def per_second(self) -> float:
        return self.acknowledged / self.seconds


@dataclass
class OverHttp:
    latencies: list[Latency] = field(default_factory=list)
    waiting: Waiting | None = None
    burst: Burst | None = None


@dataclass
class Office:
    """The people at their desks: starts cases and answers their tasks through the API."""

    made: Installation
    look: sqlite3.Connection
    waiting: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    numbers: "numbers[int]" = field(default_factory=numbers)

    async def start(self, connection: Connection) -> None:
        body = {"request": {"title": f"Paper {next(self.numbers)}", "cents": 1200}}
        path, token = f"/api/v1/workflows/{KIND}/cases", self.made.tokens[ASKS]
        self.waiting.append((await connection.post(path, token, body, secrets.token_hex(8)))["id"])

    async def answer(self, connection: Connection) -> None:
        case_id = self.waiting.pop(0)
        path, token = f"/api/v1/tasks/{case_id}.{TASK}.1/answer", self.made.tokens[APPROVES]
        await connection.post(path, token, {"outcome": "approve"})
        self.answered.append(case_id)

    def open_tasks(self) -> int:
        return count(self.look, "SELECT count(*) FROM decision WHERE state = 'open'")

    def ended(self) -> int:
        return count(self.look, "SELECT count(*) FROM case_ WHERE state = 'completed'")

    def quiet(self) -> bool:
        behind = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM message WHERE state <> 'stored')"
        return count(self.look, behind) == 0

    async def fill(self, cases: int) -> float:
        """Start cases until so many wait for an answer; the time in seconds until the API had taken them all."""
        missing = cases - len(self.waiting)
        taken = await self.in_parallel(FILLING, missing, self.start)
        await until("every case waiting", lambda: self.open_tasks() == len(self.waiting), 60 + cases)
        return sum(taken) / FILLING

    async def in_parallel(self, connections: int, times: int, ask: Ask) -> list[float]:
        """Seconds of each request, over so many connections, each back to back."""
        taken: list[float] = []
        left = iter(range(times))

        async def one() -> None:
            connection = await Connection.open(self.made.place.port)
            with closing(connection):
                for _ in left:
                    taken.append(await _timed(ask, connection))

        await asyncio.gather(*(one() for _ in range(connections)))
        return taken

    async def at_rest(self, times: int, ask: Ask) -> list[float]:
        """Seconds of each request over one connection, with a pause before each."""
        taken = []
        with closing(await Connection.open(self.made.place.port)) as connection:
            for _ in range(times):
                await asyncio.sleep(REST_SECONDS)
                taken.append(await _timed(ask, connection))
        return taken


async def measure(template: Path, samples: int, waiting: int, burst_seconds: float, connections: int) -> OverHttp:
    found = OverHttp()
    async with installation(template) as made:
        for part in ("worker", "api"):
            made.serve(part)
        await made.until_exists(made.place.worker_ready)
        await _listening(made.place.port)
        with closing(made.look()) as look:
            office = Office(made, look)
            await office.fill(WARM)
            await office.in_parallel(2, WARM, office.answer)
            found.latencies += await _latencies(office, "running", samples)
            await office.fill(2 * samples)
            await _calm(office)
            server = made.running["server"]
            server.send_signal(signal.SIGSTOP)
            try:
                found.latencies += await _latencies(office, "stopped", samples)
            finally:
                server.send_signal(signal.SIGCONT)
            await _calm(office)
            found.waiting = await _waiting(office, waiting)
            found.burst = await _burst(office, burst_seconds, connections)
    return found


async def _latencies(office: Office, temporal: str, samples: int) -> list[Latency]:
    """Starts, then answers, at rest and from ten at once; without Temporal only tasks that were open before."""
    found = []
    for connections in (1, 10):
        for what, ask in (("start", office.start), ("answer", office.answer)):
            if temporal == "running":
                await office.fill(samples)
                await _calm(office)
            begun = perf_counter()
            times = samples if connections > 1 or temporal == "running" else samples // 2
            taken = await (
                office.at_rest(times, ask) if connections == 1 else office.in_parallel(connections, times, ask)
            )
            rate = times / (perf_counter() - begun)
            found.append(_latency(what, temporal, connections, taken, rate))
    return found


def _latency(what: str, temporal: str, connections: int, taken: Sequence[float], rate: float) -> Latency:
    p50, p99 = (machine.percentile(taken, share) * 1000 for share in (0.5, 0.99))
    return Latency(what, temporal, connections, len(taken), p50, p99, rate)


async def _waiting(office: Office, cases: int) -> Waiting:
    made = office.made
    names = ("server", "worker", "api")
    before = {name: machine.memory_mb(made.pid(name)) for name in names}
    had = len(office.waiting)
    begun = perf_counter()
    taking = await office.fill(had + cases)
    whole = perf_counter() - begun
    await _calm(office)
    after = {name: machine.memory_mb(made.pid(name)) for name in names}
    return Waiting(cases, cases / taking, cases / whole, whole - taking, before, after)


async def _burst(office: Office, seconds: float, connections: int) -> Burst:
    had, begun = office.ended(), perf_counter()
    taken: list[float] = []
    before = len(office.answered)

    async def one() -> None:
        with closing(await Connection.open(office.made.place.port)) as connection:
            while office.waiting and perf_counter() - begun < seconds:
                taken.append(await _timed(office.answer, connection))

    await asyncio.gather(*(one() for _ in range(connections)))
    took = perf_counter() - begun
    acknowledged = len(office.answered) - before
    ended = office.ended() - had
    drain = await until("every answered case ended", lambda: office.ended() - had >= acknowledged, 120 + acknowledged)
    p50, p99 = (machine.percentile(taken, share) * 1000 for share in (0.5, 0.99))
    return Burst(connections, took, acknowledged, p50, p99, ended, drain, _lost(office))


def _lost(office: Office) -> int:
    """Acknowledged answers that are not there exactly once, or whose case did not end by them."""
    counted = (
        "SELECT count(*) FROM act JOIN case_ c ON c.id = act.case_id WHERE act.case_id = ? AND c.state = 'completed'"
    )
    lost = sum(1 for case_id in office.answered if count(office.look, counted, case_id) != 1)
    if lost:
        raise BenchFailed(f"{lost} of {len(office.answered)} acknowledged answers were lost or doubled")
    return lost


async def _timed(ask: Ask, connection: Connection) -> float:
    begun = perf_counter()
    await ask(connection)
    return perf_counter() - begun


async def _calm(office: Office) -> None:
    await until("every answered case ended", lambda: office.ended() >= len(office.answered))
    await until("nothing owed", office.quiet)


async def _listening(port: int) -> None:
    begun = perf_counter()
    while perf_counter() - begun < 60:
        try:
            (await Connection.open(port)).close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise BenchFailed("the API does not listen")
