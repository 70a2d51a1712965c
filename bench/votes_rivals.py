"""The two ways to count votes by hand on the plain SDK: an update or a signal a vote, into one workflow.

`python -m bench.votes_rivals worker PORT READY` serves the workflow; `python -m bench.votes_rivals update|signal PORT
BALLOT VOTERS IN_FLIGHT SECONDS` votes as fast as it goes and prints a `Cast` as JSON. An acknowledged update has been
counted, or refused to its voter; an acknowledged signal has been received, and nobody hears what became of it.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import PollerBehaviorSimpleMaximum, UnsandboxedWorkflowRunner, Worker

from bench.machine import percentile
from bench.votes_load import Cast

TASK_QUEUE = "votes-by-hand"
PATIENCE = timedelta(seconds=20)
# The server takes 2,000 updates of one run, and then none.
MOST_UPDATES = 1900


@workflow.defn(name="ballot-by-hand")
class BallotByHand:
    """One person, one vote; it knows no people, no electorate, no audit log and no deadline."""

    def __init__(self) -> None:
        self._votes: dict[str, str] = {}
        self._closed = False

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._closed)
        return len(self._votes)

    @workflow.update
    def vote(self, voter: str, choice: str) -> int:
        self._votes[voter] = choice
        return len(self._votes)

    @vote.validator
    def _once(self, voter: str, choice: str) -> None:
        if voter in self._votes:
            raise ValueError("a vote cannot be changed")

    @workflow.signal
    def voted(self, voter: str, choice: str) -> None:
        self._votes.setdefault(voter, choice)

    @workflow.signal
    def close(self) -> None:
        self._closed = True


async def serve(port: int, ready: Path) -> None:
    """The worker process, until SIGTERM; with the levers that help it: no sandbox, many pollers."""
    client = await Client.connect(f"127.0.0.1:{port}")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[BallotByHand],
        workflow_runner=UnsandboxedWorkflowRunner(),
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(10),
        max_concurrent_workflow_tasks=200,
    ):
        await asyncio.to_thread(ready.write_text, str(os.getpid()))
        await stop.wait()


async def vote(how: str, port: int, ballot: str, voters: int, in_flight: int, seconds: float) -> Cast:
    client = await Client.connect(f"127.0.0.1:{port}")
    handle = await client.start_workflow(BallotByHand.run, id=ballot, task_queue=TASK_QUEUE)
    await handle.signal(BallotByHand.voted, args=["first", "deny"])
    ask = {"update": _update, "signal": _signal}[how](handle)
    coming = iter(range(min(voters, MOST_UPDATES) if how == "update" else voters))
    taken: list[float] = []
    used, begun = process_time(), perf_counter()

    async def one() -> None:
        for voter in coming:
            if perf_counter() - begun > seconds:
                return
            since = perf_counter()
            # What is refused for want of room, or not answered in time, is not a vote.
            with contextlib.suppress(Exception):
                await ask(voter)
                taken.append(perf_counter() - since)

    asking = [asyncio.create_task(one()) for _ in range(in_flight)]
    # Some wait far longer than the measurement lasts; then they are given up.
    await asyncio.wait(asking, timeout=2 * seconds)
    took, used = perf_counter() - begun, process_time() - used
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    with contextlib.suppress(Exception):
        await handle.terminate()
    if not taken:
        return Cast(0, took, 0, 0, 0)
    p50, p99 = (percentile(taken, share) * 1000 for share in (0.5, 0.99))
    return Cast(len(taken), took, p50, p99, used * 1000 / len(taken))


Ask = Callable[[int], Awaitable[object]]


def _update(handle: WorkflowHandle[BallotByHand, int]) -> Ask:
    return lambda voter: handle.execute_update(
        BallotByHand.vote, args=[f"v{voter}", _choice(voter)], id=f"v{voter}", rpc_timeout=PATIENCE
    )


def _signal(handle: WorkflowHandle[BallotByHand, int]) -> Ask:
    return lambda voter: handle.signal(BallotByHand.voted, args=[f"v{voter}", _choice(voter)], rpc_timeout=PATIENCE)


def _choice(voter: int) -> str:
    return "deny" if voter % 2 else "approve"


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(serve(int(sys.argv[2]), Path(sys.argv[3])))
    else:
        how, port, ballot, voters, in_flight, seconds = sys.argv[1:]
        cast = asyncio.run(vote(how, int(port), ballot, int(voters), int(in_flight), float(seconds)))
        print(json.dumps(asdict(cast)), flush=True)
        # Some clients of this SDK abort while they end.
        os._exit(0)
