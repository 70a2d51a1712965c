"""Proposals from the vote to the last bounty, in real workflows."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.runtime.settings import Settings
from placet.store import ballots, funds, people
from placet.store import tables as t
from placet.store.ballots import NotVoted, Paper, Voted, locked_ballot
from placet.store.engine import Tx
from placet.testing import QUICK, World, scenario

SETTINGS = Settings(patience=QUICK)
STEP = {"title": "Paint the fence", "description": "", "bounty": 40, "credentials": []}


async def electorate(world: World, voters: int = 10) -> None:
    await world.hire("prue", "proposer", "voter", "member")
    for number in range(voters):
        await world.hire(f"v{number}", "voter")
    await world.hire("wim", "member")
    await world.hire("cora", "coordinator")
    await world.hire("adam", "admin")


def proposed(**other: Any) -> dict[str, Any]:
    return {"title": "A new fence", "description": "", "steps": [STEP], "recurrence": "one_time"} | other


async def vote(world: World, case_id: str, who: str, choice: str) -> Voted | NotVoted:
    def act(tx: Tx) -> Voted | NotVoted:
        person = people.find(tx, who)
        assert person is not None
        with locked_ballot(tx, f"{case_id}.vote.1") as ballot:
            return ballots.cast(ballot, [Paper(person, choice)])[0]

    return await world.store.write(act)


async def proposal(world: World, case_id: str) -> dict[str, Any]:
    query = sa.select(t.proposal).where(t.proposal.c.id == case_id)
    return await world.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))


async def deposit(world: World, amount: int, key: str = "d1") -> None:
    assert await world.store.write(lambda tx: funds.deposit(tx, "adam", amount, key)) is None
    await funds.offer_all(world.store)


async def test_an_approved_proposal_is_funded_carried_out_and_paid() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        await deposit(world, 100)
        case = await world.start("proposal", proposed(), "prue")
        for number in range(6):
            assert isinstance(await vote(world, case, f"v{number}", "approve"), Voted)
        assert (await proposal(world, case))["status"] == "approved"
        assert (await world.ended(case))["outcome"]["status"] == "approved"

        work = f"{case}-work-1"
        world.started.append(work)
        name = "step-1-paint-the-fence"
        await world.answer("wim", work, name, "submit", data={"evidence": "photo"})
        await world.answer("cora", work, f"verify-{name}", "return", comment="Second coat missing")
        await world.answer("wim", work, name, "submit", data={"evidence": "two coats"})
        await world.answer("cora", work, f"verify-{name}", "accept")
        assert (await world.ended(work))["outcome"] == {"status": "done", "paid": 40, "reason": ""}
        figures = await world.store.read(funds.totals)
        assert figures == {"balance": 60, "allocated": 0, "unallocated": 60}


async def test_a_vote_closes_at_the_end_of_the_countdown_without_anybody_looking() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await world.start("proposal", proposed(), "prue")
        for number in range(5):
            await vote(world, case, f"v{number}", "deny")
        ended = await world.ended(case)
        assert ended["outcome"]["status"] == "rejected"
        row = await proposal(world, case)
        assert (row["status"], row["vote_decision"]) == ("rejected", "deny")
        quorum_at = sa.select(t.decision.c.tally).where(t.decision.c.case_id == case)
        tally = await world.store.read(lambda tx: tx.conn.execute(quorum_at).scalar_one())
        assert row["finalized_at"].isoformat() > tally["quorum_at"]


async def test_an_approval_without_funds_waits_and_wakes_on_a_deposit() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await world.start("proposal", proposed(), "prue")
        for number in range(6):
            await vote(world, case, f"v{number}", "approve")
        row = await proposal(world, case)
        assert (row["status"], row["awaiting_funds"], row["vote_decision"]) == ("pending", True, "approve")
        await world.skip(timedelta(days=13))
        await deposit(world, 40)
        assert (await world.ended(case))["outcome"]["status"] == "approved"
        row = await proposal(world, case)
        assert (row["status"], row["awaiting_funds"]) == ("approved", False)


async def test_an_approval_that_finds_no_funds_in_its_window_expires() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await world.start("proposal", proposed(), "prue")
        for number in range(6):
            await vote(world, case, f"v{number}", "approve")
        assert (await world.ended(case))["outcome"]["status"] == "expired"
        assert (await proposal(world, case))["status"] == "expired"
