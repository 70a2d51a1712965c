"""Votes a second: Placet on both databases and the two ways by hand, interleaved, with everything up all the time."""

import json
import sys
from asyncio import create_subprocess_exec, subprocess
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.place import ROOT, BenchFailed, Installation, installation
from bench.votes_hall import Hall, hall, postgres
from bench.votes_load import Cast

CONNECTIONS = (1, 10, 100)
SYSTEMS = ("placet, sqlite", "placet, postgres", "update", "signal")
WARM_SECONDS = 1.0


@dataclass(frozen=True)
class Cell:
    """One system at so many connections in one round; `server_ms` is the processor time of all that serves a vote,
    but for Postgres itself."""

    system: str
    connections: int
    votes: int
    per_second: float
    p50: float
    p99: float
    server_ms: float
    client_ms: float


async def measure(template: Path, rounds: int, seconds: float, voters: int) -> list[Cell]:
    found = []
    async with AsyncExitStack() as held:
        url = held.enter_context(postgres())
        halls = {
            "placet, sqlite": await held.enter_async_context(hall(voters, voters)),
            "placet, postgres": await held.enter_async_context(hall(voters, voters, url)),
        }
        made = await held.enter_async_context(installation(template))
        ready = made.data / "votes.ready"
        argv = [sys.executable, "-m", "bench.votes_rivals", "worker", str(made.place.temporal_port), str(ready)]
        made.launch("naive", argv)
        await made.until_exists(ready)
        numbers = iter(range(1_000_000))
        for turn in range(-1, rounds):
            for connections in CONNECTIONS if turn >= 0 else CONNECTIONS[1:2]:
                for system in SYSTEMS if turn % 2 == 0 else reversed(SYSTEMS):
                    lasting = seconds if turn >= 0 else WARM_SECONDS
                    if system in halls:
                        cell = await _placet(system, halls[system], voters, connections, lasting)
                    else:
                        name = f"ballot-{next(numbers)}"
                        cell = await _by_hand(system, made, name, voters, connections, lasting)
                    if turn >= 0:
                        print(f"{cell.system} at {cell.connections}: {cell.per_second:.0f}/s", file=sys.stderr)
                        found.append(cell)
    return found


async def _placet(system: str, where: Hall, voters: int, connections: int, seconds: float) -> Cell:
    proposal = await where.propose("A new fence")
    cast, api_ms = await where.vote(proposal, voters, connections, seconds)
    return _cell(system, connections, cast, api_ms)


async def _by_hand(how: str, made: Installation, ballot: str, voters: int, connections: int, seconds: float) -> Cell:
    pids = [made.pid("server"), made.pid("naive")]
    before = sum(map(machine.cpu_ms, pids))
    argv = [sys.executable, "-m", "bench.votes_rivals", how, str(made.place.temporal_port), ballot, str(voters)]
    asked = await create_subprocess_exec(*argv, str(connections), str(seconds), cwd=ROOT, stdout=subprocess.PIPE)
    told, _ = await asked.communicate()
    # The SDK logs here too.
    if (found := next((line for line in told.splitlines() if line.startswith(b'{"votes"')), None)) is None:
        raise BenchFailed(f"{how} told nothing")
    cast = Cast(**json.loads(found))
    return _cell(how, connections, cast, (sum(map(machine.cpu_ms, pids)) - before) / max(cast.votes, 1))


def _cell(system: str, connections: int, cast: Cast, server_ms: float) -> Cell:
    return Cell(
        system, connections, cast.votes, cast.votes / cast.seconds, cast.p50, cast.p99, server_ms, cast.client_ms
    )
