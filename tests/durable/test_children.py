"""Cases that start others: linked both ways, each started once, cancelled from the top, ended from below."""

from collections.abc import AsyncIterator

import pytest_asyncio
import sqlalchemy as sa

from placet.durable.workflow import entry_of
from placet.runtime.settings import Settings
from placet.store import course, outbox
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted
from placet.testing import QUICK, World, scenario
from samples.family import ErrandCase, Feast, Notes, Party


class House(World):
    notes: Notes


@pytest_asyncio.fixture
async def world() -> AsyncIterator[House]:
    notes = Notes()
    settings = Settings(patience=QUICK, policy={"errand": {"review": "9d"}})
    catalogue = [entry_of(Party), entry_of(ErrandCase), entry_of(Feast)]
    async with scenario(catalogue, settings=settings, extra_activities=notes.activities) as made:
        made.notes = notes
        for person, *grants in (("ann", "member"), ("ron", "runner"), ("cora", "coordinator")):
            await made.hire(person, *grants)
        yield made


async def begun(world, what="bread", depth=1):
    case_id = await world.start("party", {"what": what, "depth": depth}, "ann")
    await world.state(case_id, "waiting")
    child = f"{case_id}-errand-1"
    await world.until("the child", lambda: there(world, child))
    return case_id, child


async def there(world, case_id):
    return await world.store.read(
        lambda tx: tx.conn.execute(sa.select(t.case.c.id).where(t.case.c.id == case_id)).scalar_one_or_none()
    )


async def decision(world, case_id):
    query = sa.select(t.decision).where(t.decision.c.case_id == case_id, t.decision.c.form == "child")
    return await world.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))


async def test_a_child_is_a_case_of_its_own_linked_both_ways(world):
    case_id, child = await begun(world)
    row = await world.case(child)
    assert (row["parent_id"], row["requester"], row["scope"], row["kind"]) == (case_id, "ann", "general", "errand")
    assert row["opening"]["policy"] == {"review": "9d"}
    assert (await decision(world, case_id))["rules"]["case"] == child
    await world.answer("ron", child, "run-it", "approve")
    assert (await world.state(case_id, "completed"))["outcome"] == {"status": "celebrated", "by": "ron", "reason": ""}
    assert world.notes.log == [f"{case_id}: room", f"{child}: bread", f"{case_id}: music"]
    assert ("placet", "case.opened") in await world.events(child)
    assert [what for _, what in await world.events(case_id)][-2:] == ["step.done", "case.completed"]
    described = await world.handle(child).describe()
    assert await described.memo() == {"parent": case_id}
    world.started.append(child)


async def test_a_child_that_is_refused_is_unfavourable_and_the_parent_is_taken_back(world):
    case_id, child = await begun(world)
    await world.answer("ron", child, "run-it", "refuse", "too far")
    ended = await world.state(case_id, "refused")
    assert "too far" in ended["outcome"]["reason"]
    assert (await decision(world, case_id))["verdict"]["data"]["state"] == "refused"
    assert world.notes.log == [f"{case_id}: room", f"{child}: bread", f"{child}: not bread", f"{case_id}: not room"]


async def test_cancelling_the_parent_cancels_the_child_which_takes_back_first(world):
    case_id, child = await begun(world, depth=2)
    await world.task(f"{child}-errand-1", "run-it")
    assert isinstance(await world.steer(course.cancel, "cora", case_id), Counted)
    await world.state(case_id, "cancelled")
    states = [(await world.case(one))["state"] for one in (child, f"{child}-errand-1")]
    assert states == ["cancelled", "cancelled"]
    undone = [line for line in world.notes.log if "not" in line]
    assert undone == [f"{child}-errand-1: not bread+", f"{child}: not bread", f"{case_id}: not room"]


async def test_a_child_past_its_point_of_no_return_keeps_its_parent_from_being_cancelled(world):
    case_id, child = await begun(world, what="final")
    await world.answer("ron", child, "run-it", "approve")
    await world.task(child, "really")
    late = await world.steer(course.cancel, "cora", case_id)
    assert isinstance(late, NotCounted) and late.refusal.code == "point-of-no-return"
    assert (await world.case(case_id))["cancelled_by"] is None
    await world.answer("ron", child, "really", "approve")
    await world.state(case_id, "completed")


async def test_a_child_that_somebody_cancels_is_unfavourable(world):
    case_id, child = await begun(world)
    await world.task(child, "run-it")
    await world.steer(course.cancel, "cora", child)
    await world.state(case_id, "refused")


async def test_a_paused_parent_leaves_its_child_running_and_hears_of_its_end_later(world):
    case_id, child = await begun(world)
    await world.steer(course.pause, "cora", case_id)
    await world.answer("ron", child, "run-it", "approve")
    await world.state(child, "completed")
    await world.until("an empty outbox", world._outbox_empty)
    assert (await decision(world, case_id))["state"] == "open"
    await world.steer(course.resume, "cora", case_id)
    await world.state(case_id, "completed")


async def test_an_early_end_of_the_parent_cancels_the_other_children(world):
    case_id = await world.start("feast", {"what": "x"}, "ann")
    one, two = f"{case_id}-errand-1", f"{case_id}-errand-2"
    await world.task(two, "run-it")
    await world.answer("ron", one, "run-it", "refuse", "no flour")
    await world.state(case_id, "refused")
    assert (await world.case(two))["state"] == "cancelled"
    assert world.notes.log[-1] == f"{case_id}: not hall"


async def test_an_operators_cancel_of_the_parent_reaches_the_child(world):
    case_id, child = await begun(world)
    await world.task(child, "run-it")
    await world.handle(case_id).cancel()
    await world.state(case_id, "cancelled")
    assert (await world.case(child))["state"] == "cancelled"


async def test_a_reset_run_finds_its_child_and_starts_no_other(world):
    case_id, child = await begun(world)
    await world.answer("ron", child, "run-it", "approve")
    await world.state(case_id, "completed")
    query = sa.select(sa.func.count()).select_from(t.case).where(t.case.c.parent_id == case_id)
    told = (await decision(world, case_id))["rules"]
    assert told["case"] == child
    assert await world.store.read(lambda tx: tx.conn.execute(query).scalar_one()) == 1


async def test_a_child_that_a_restored_database_has_forgotten_is_shown_to_coordinators(world):
    """The engine has run it to its end and starts it no second time; waiting for ever would hide that."""
    case_id, child = await begun(world)
    await world.answer("ron", child, "run-it", "approve")
    await world.state(case_id, "completed")
    forgotten = {"is_open": True, "state": "starting", "progress": 0, "run_id": None, "closed_at": None}

    def restore(tx):
        tx.conn.execute(t.case.update().where(t.case.c.id == child).values(forgotten))
        outbox.put(tx, child, "start")

    await world.store.write(restore)
    await world.state(child, "needs-attention")
    assert ("placet", "case.lost-by-engine") in await world.events(child)
