"""Proposals from the vote to the last bounty, in real workflows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.service import RPCError

from placet.catalogue.registry import CATALOGUE
from placet.runtime.settings import Settings
from placet.store import acts, ballots, course, funds, people
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


async def works(world: World, case_id: str) -> list[str]:
    query = sa.select(t.work.c.id).where(t.work.c.proposal_id == case_id).order_by(t.work.c.number)
    return await world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))


async def trigger(world: World, case_id: str) -> None:
    """Have the schedule act now; an instance belongs to a second, so a new one must have begun."""
    query = sa.select(sa.func.max(t.work.c.created_at)).where(t.work.c.proposal_id == case_id)
    last = await world.store.read(lambda tx: tx.conn.execute(query).scalar_one())

    async def later() -> bool:
        return datetime.now(UTC) > last + timedelta(seconds=1)

    await world.until("the next second", later)
    await world.env.client.get_schedule_handle(f"series-{case_id}").trigger()


async def do_step(world: World, work: str) -> None:
    name = "step-1-paint-the-fence"
    await world.answer("wim", work, name, "submit", data={"evidence": "photo"})
    await world.answer("cora", work, f"verify-{name}", "accept")


async def approved(world: World, **other: Any) -> str:
    case = await world.start("proposal", proposed(**other), "prue")
    for number in range(6):
        await vote(world, case, f"v{number}", "approve")
    await world.ended(case)
    return case


async def deletion(world: World, kind: str, target: str, choice: str = "approve") -> str:
    request = {"target_kind": kind, "target_id": target, "title": "A new fence", "reason": "Enough fences"}
    case = await world.start("deletion-proposal", request, "prue")
    for number in range(6):
        await vote(world, case, f"v{number}", choice)
    return case


async def test_a_series_makes_its_instances_by_a_schedule_until_it_is_deleted() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS, real_server=True) as world:
        await electorate(world)
        await deposit(world, 100)
        case = await approved(world, recurrence="weekly")
        series = f"series-{case}"

        async def count(number: int) -> list[str] | None:
            found = await works(world, case)
            return found if len(found) == number else None

        [first] = await world.until("the first instance", lambda: count(1))
        world.started.append(first)
        await do_step(world, first)
        await world.ended(first)
        assert await world.store.read(funds.totals) == {"balance": 60, "allocated": 0, "unallocated": 60}

        schedule = world.env.client.get_schedule_handle(series)
        [interval] = (await schedule.describe()).schedule.spec.intervals
        assert interval.every == timedelta(weeks=1)
        await trigger(world, case)
        [_, second] = await world.until("the second instance", lambda: count(2))
        world.started.append(second)
        await world.task(second, "step-1-paint-the-fence")
        assert await world.store.read(funds.totals) == {"balance": 60, "allocated": 40, "unallocated": 20}

        gone = await deletion(world, "series", series)
        assert (await world.ended(gone))["outcome"]["status"] == "deleted"
        assert (await world.ended(second))["state"] == "cancelled"
        assert (await proposal(world, case))["status"] == "deleted"
        assert await world.store.read(funds.totals) == {"balance": 60, "allocated": 0, "unallocated": 60}
        with pytest.raises(RPCError):
            await schedule.describe()

        again = await deletion(world, "series", series)
        assert (await world.ended(again))["outcome"]["status"] == "moot"


async def test_an_instance_of_a_series_waits_for_a_deposit_when_the_faucet_is_empty() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS, real_server=True) as world:
        await electorate(world)
        await deposit(world, 40)
        case = await approved(world, recurrence="weekly")

        async def second() -> list[str] | None:
            found = await works(world, case)
            return found if len(found) == 2 else None

        [first] = await world.until("the first instance", lambda: works(world, case))
        await do_step(world, first)
        await world.ended(first)
        await trigger(world, case)
        [_, work] = await world.until("the second instance", second)
        waiting = await world.task(work, "funds")
        assert waiting == f"{work}.funds.1"
        await deposit(world, 50, "d2")
        await do_step(world, work)
        assert (await world.ended(work))["state"] == "completed"
        world.started += [first, work]


async def test_deleting_a_pending_proposal_ends_its_vote() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        case = await world.start("proposal", proposed(), "prue")
        gone = await deletion(world, "workflow", case)
        assert (await world.ended(gone))["outcome"]["status"] == "deleted"
        assert (await world.ended(case))["state"] == "cancelled"
        assert (await proposal(world, case))["status"] == "deleted"
        refused = await vote(world, case, "v1", "approve")
        assert isinstance(refused, NotVoted) and refused.refusal.code == "ballot-closed"


async def test_deleting_work_that_runs_gives_its_money_back() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        await deposit(world, 100)
        case = await approved(world)
        work = f"{case}-work-1"
        await world.task(work, "step-1-paint-the-fence")
        gone = await deletion(world, "workflow", case)
        assert (await world.ended(gone))["outcome"]["status"] == "deleted"
        assert (await world.ended(work))["state"] == "cancelled"
        assert await world.store.read(funds.totals) == {"balance": 100, "allocated": 0, "unallocated": 100}
        world.started.append(work)


async def test_the_history_of_a_proposal_does_not_grow_with_its_voters() -> None:
    lengths = []
    for voters in (10, 60):
        async with scenario(CATALOGUE, settings=SETTINGS) as world:
            await electorate(world, voters)
            await deposit(world, 100)
            case = await world.start("proposal", proposed(), "prue")
            await world.state(case, "waiting")
            for number in range(voters // 2 + 1):
                await vote(world, case, f"v{number}", "approve")
            await world.ended(case)
            lengths.append(len((await world.history(case)).events))
    # One wake-up at quorum and one at the verdict, whatever their number; two that come close together are one. A busy
    # machine may add one or two; one for each of the 25 votes more would be over a hundred events.
    assert max(lengths) - min(lengths) <= 15, lengths


async def test_a_proposal_that_a_restored_database_does_not_know_is_voted_on_again() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        await deposit(world, 100)
        case = await world.start("proposal", proposed(), "prue")
        await world.state(case, "waiting")

        def forget(tx: Tx) -> None:
            mine = sa.select(t.decision.c.id).where(t.decision.c.case_id == case).scalar_subquery()
            for table in (t.mailing, t.candidate, t.exclusion, t.roll, t.roll_head):
                tx.conn.execute(table.delete().where(table.c.decision_id.in_(mine)))
            for table in (t.outbox, t.decision, t.case_party):
                tx.conn.execute(table.delete().where(table.c.case_id == case))
            tx.conn.execute(t.audit_text.delete().where(t.audit_text.c.chain == case))
            tx.conn.execute(t.audit.delete().where(t.audit.c.chain == case))
            tx.conn.execute(t.proposal.delete().where(t.proposal.c.id == case))
            tx.conn.execute(t.case.delete().where(t.case.c.id == case))

        await world.store.write(forget)
        await world.handle(case).signal("wake")
        await world.answer("cora", case, "attention-restored-database", "continue")
        await world.task(case, "vote")
        for number in range(6):
            assert isinstance(await vote(world, case, f"v{number}", "approve"), Voted)
        assert (await world.ended(case))["outcome"]["status"] == "approved"
        assert (await proposal(world, case))["status"] == "approved"


async def test_a_step_goes_only_to_people_who_hold_its_credentials() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        await world.hire("pia", "painter", "certified")
        await world.hire("ivo", "painter")
        await deposit(world, 100)
        case = await approved(world, steps=[STEP | {"credentials": ["painter", "certified"]}])
        work = f"{case}-work-1"
        world.started.append(work)
        name = "step-1-paint-the-fence"
        task = await world.task(work, name)
        lacking = await world.answer("ivo", work, name, "submit", data={"evidence": "me"})
        assert isinstance(lacking, acts.NotCounted) and lacking.refusal.code == "not-qualified"

        def pass_on(tx: Tx) -> acts.Counted | acts.NotCounted:
            pia = people.find(tx, "pia")
            assert pia is not None
            return acts.delegate(tx, pia, task, "ivo")

        passed = await world.store.write(pass_on)
        assert isinstance(passed, acts.NotCounted) and passed.refusal.code == "unfit-person"
        await world.answer("pia", work, name, "submit", data={"evidence": "photo"})
        await world.answer("cora", work, f"verify-{name}", "accept")
        assert (await world.ended(work))["state"] == "completed"


async def test_work_that_is_cancelled_before_it_begins_keeps_no_money() -> None:
    async with scenario(CATALOGUE, settings=SETTINGS) as world:
        await electorate(world)
        await deposit(world, 100)
        case = await approved(world)
        work = f"{case}-work-1"
        world.started.append(work)
        await world.until("the work", lambda: works(world, case))
        await world.steer(course.cancel, "cora", work)
        assert (await world.ended(work))["state"] == "cancelled"
        assert await world.store.read(funds.totals) == {"balance": 100, "allocated": 0, "unallocated": 100}
