"""What a vote costs Temporal: the history of a proposal with a few votes, and with many."""

import asyncio
import sys
from functools import partial
from pathlib import Path
from time import perf_counter

from temporalio.client import Client

from bench.place import PATIENCE_SECONDS, BenchFailed, Installation, installation
from placet.catalogue.registry import CATALOGUE
from placet.control.workflows import Start
from placet.domain.people import Grant
from placet.runtime import api, worker
from placet.store import ballots, people
from placet.store.ballots import Paper, Voted, locked_ballot
from placet.store.engine import Store, Tx


async def measure(template: Path, numbers: tuple[int, ...]) -> dict[int, int]:
    """The number of history events of a rejected proposal, by the number of its votes."""
    async with installation(template) as made:
        # `installation` may have put the catalogue of another measurement in place.
        api.CATALOGUE = worker.CATALOGUE = CATALOGUE  # type: ignore[attr-defined]
        made.launch("worker", [sys.executable, "-m", "placet.cli.main", "worker", *made.place.arguments()])
        await made.until_exists(made.place.worker_ready)
        store = made.open_store()
        try:
            return {votes: await _events(made, store, votes) for votes in numbers}
        finally:
            store.close()


async def _events(made: Installation, store: Store, votes: int) -> int:
    """Of twice as many voters but one, all who vote say no; the last of them decides."""
    scope = f"of-{votes}"
    voters = [f"voter-{votes}-{number}" for number in range(2 * votes - 1)]
    proposer = f"proposer-{votes}"

    def hire(tx: Tx) -> None:
        for voter in voters:
            people.add(tx, "bench", voter, voter, f"{voter}@example.org", [Grant(role="voter", scope=scope)])
        people.add(tx, "bench", proposer, proposer, "p@example.org", [Grant(role="proposer", scope=scope)])

    await store.write(hire)
    prue = await store.read(lambda tx: people.find(tx, proposer))
    assert prue is not None
    step = {"title": "Paint the fence", "description": "", "bounty": 40, "credentials": []}
    asked = Start(scope=scope, request={"title": "A new fence", "steps": [step]})
    control = api.control_of(store, made.place.settings())
    proposal = str((await control.workflows.start(prue, "proposal", asked)).value["id"])
    client = await Client.connect(made.place.temporal)
    handle = client.get_workflow_handle(proposal)
    await _running(client, proposal)
    for voter in voters[:votes]:
        await store.write(partial(_vote, ballot_id=f"{proposal}.vote.1", voter=voter))
    await asyncio.wait_for(handle.result(), PATIENCE_SECONDS)
    return len((await handle.fetch_history()).events)


async def _running(client: Client, case_id: str) -> None:
    """Wait until the workflow waits for its vote: a vote that comes before saves it an event or two."""
    begun = perf_counter()
    while perf_counter() - begun < PATIENCE_SECONDS:
        try:
            events = (await client.get_workflow_handle(case_id).fetch_history()).events
        except Exception:
            events = []
        if any(event.HasField("timer_started_event_attributes") for event in events):
            return
        await asyncio.sleep(0.05)
    raise BenchFailed(f"{case_id} did not start")


def _vote(tx: Tx, *, ballot_id: str, voter: str) -> None:
    person = people.find(tx, voter)
    assert person is not None
    with locked_ballot(tx, ballot_id) as ballot:
        if not isinstance(ballots.cast(ballot, [Paper(person, "deny")])[0], Voted):
            raise BenchFailed(f"the vote of {voter} did not count")
