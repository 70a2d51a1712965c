"""A ballot of a million: how long it takes to open, to vote on, to write to everybody, to close, to count again."""

import asyncio
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import sqlalchemy as sa

from bench import machine
from bench.place import ROOT, BenchFailed
from bench.votes_hall import hall
from bench.votes_load import FIRST
from placet.domain.people import Grant, Person
from placet.store import ballots, mailings
from placet.store import tables as t
from placet.store.ballots import Paper, Voted, locked_ballot
from placet.store.engine import Store, Tx

BY_HTTP = 20_000
AT_ONCE = 1000
CONNECTIONS = 100
MAIL_SECONDS = 10.0


@dataclass(frozen=True)
class Large:
    """Seconds of each stage, on SQLite; votes over HTTP from CONNECTIONS, the rest of them into the store directly."""

    voters: int
    opened: float
    by_http_per_second: float
    by_http_p99: float
    by_http_api_ms: float
    by_store_per_second: float
    mails_per_second: float
    closed: float
    exported: float
    export_mb: float
    recounted: float
    recount_cpu: float
    memory_mb: float


async def measure(voters: int, seconds: float) -> Large:
    """With an odd number of voters who alternate, the very last vote decides."""
    async with hall(voters, min(voters, BY_HTTP)) as made:
        begun = perf_counter()
        proposal = await made.propose("A new fence")
        opened = perf_counter() - begun
        cast, api_ms = await made.vote(proposal, min(voters, BY_HTTP), CONNECTIONS, seconds)
        store = made.open_store()
        try:
            mails = await asyncio.to_thread(_mails, store)
            left = range(FIRST + cast.votes, FIRST + voters - 1)
            begun = perf_counter()
            await asyncio.to_thread(_cast, store, proposal, left)
            rest = perf_counter() - begun
            begun = perf_counter()
            await asyncio.to_thread(_cast, store, proposal, range(FIRST + voters - 1, FIRST + voters))
            closed = perf_counter() - begun
        finally:
            store.close()
        file = made.data / "ballot.jsonl"
        ballot = f"{proposal}.vote.1"
        exported = await _placet("--data", str(made.data), "export", str(file), "--ballot", ballot)
        before = _children_cpu()
        recounted = await _placet("verify", str(file), "--ballot", ballot)
        return Large(
            voters=voters,
            opened=opened,
            by_http_per_second=cast.per_second,
            by_http_p99=cast.p99,
            by_http_api_ms=api_ms,
            by_store_per_second=len(left) / rest,
            mails_per_second=mails,
            closed=closed,
            exported=exported,
            export_mb=file.stat().st_size / 1e6,
            recounted=recounted,
            recount_cpu=_children_cpu() - before,
            memory_mb=machine.memory_mb(made.api),
        )


def _mails(store: Store) -> float:
    """Mails queued a second."""
    begun = perf_counter()
    while perf_counter() - begun < MAIL_SECONDS and store.submit(mailings.expand).result():
        pass
    took = perf_counter() - begun
    queued = sa.select(sa.func.count()).select_from(t.message)
    return int(store.read_now(lambda tx: tx.conn.execute(queued).scalar_one())) / took


def _cast(store: Store, proposal: str, voters: range) -> None:
    for some in _pieces(voters):
        papers = [Paper(_person(voter), "deny" if voter % 2 else "approve") for voter in some]
        taken = store.submit(_casting(f"{proposal}.vote.1", papers)).result()
        if not all(isinstance(one, Voted) for one in taken):
            raise BenchFailed(f"a vote did not count: {taken[0]}")


def _casting(ballot_id: str, papers: list[Paper]) -> Callable[[Tx], list[ballots.Voted | ballots.NotVoted]]:
    def cast(tx: Tx) -> list[ballots.Voted | ballots.NotVoted]:
        with locked_ballot(tx, ballot_id) as ballot:
            return ballots.cast(ballot, papers)

    return cast


def _pieces(voters: range) -> Iterator[range]:
    for start in range(0, len(voters), AT_ONCE):
        yield voters[start : start + AT_ONCE]


def _person(voter: int) -> Person:
    return Person(id=f"v{voter}", name=f"Voter {voter}", email="", grants=(Grant(role="voter"),))


async def _placet(*arguments: str) -> float:
    """Seconds that a command of the product takes."""
    begun = perf_counter()
    argv = [sys.executable, "-m", "placet.cli.main", *arguments]
    done = await asyncio.to_thread(subprocess.run, argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(done.stdout[-1000:] + done.stderr[-1000:])
    return perf_counter() - begun


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
