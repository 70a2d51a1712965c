"""How a case ends when people, operators and restored databases interfere with its course."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
import sqlalchemy as sa

from durable.conftest import hire
from placet.durable.workflow import entry_of
from placet.store import course
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted
from placet.testing import World, scenario
from samples.bench_line import Both, Effects, Line

ITEM = {"item": "x"}


class Workshop(World):
    effects: Effects


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Workshop]:
    effects = Effects()
    catalogue = [entry_of(Line), entry_of(Both)]
    async with scenario(catalogue, extra_activities=effects.activities) as made:
        made.effects = effects
        await hire(made)
        yield made


async def begun(world, what):
    await world.until(f"the beginning of {what}", lambda: asyncio.sleep(0, what in world.effects.begun))


async def made_older(world, case_id):
    """As if the database had been restored from a copy of the very beginning."""
    back = t.case.update().where(t.case.c.id == case_id).values(progress=1)
    await world.store.write(lambda tx: tx.conn.execute(back))


async def in_review(world):
    case_id = await world.start("line", ITEM, "ann")
    await world.task(case_id, "review")
    await world.handle(case_id).signal("wake")

    async def seen_twice():
        return (await world.case(case_id))["progress"] >= 2

    await world.until("a second report", seen_twice)
    return case_id


async def test_steps_that_share_an_undo_are_each_taken_back(world):
    case_id = await in_review(world)
    await world.steer(course.cancel, "cora", case_id)
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert world.effects.log == ["first", "second", "undo effect.second 1", "undo effect.first 1"]
    steps = await world.steps(case_id)
    assert steps["effect.first/1"] == steps["effect.second/1"] == "compensated"


async def test_a_cancel_during_the_last_step_counts(world):
    world.effects.gates["last"] = asyncio.Event()
    case_id = await in_review(world)
    await world.answer("ben", case_id, "review", "approve")
    await begun(world, "last")
    assert isinstance(await world.steer(course.cancel, "cora", case_id), Counted)
    world.effects.gates["last"].set()
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert world.effects.log[-1] == "undo effect.first 1"


async def test_a_pause_during_the_last_step_holds_the_end(world):
    world.effects.gates["last"] = asyncio.Event()
    case_id = await in_review(world)
    await world.answer("ben", case_id, "review", "approve")
    await begun(world, "last")
    await world.steer(course.pause, "cora", case_id)
    world.effects.gates["last"].set()

    async def last_done():
        return (await world.steps(case_id)).get("effect.last/1") == "done"

    await world.until("the last step", last_done)
    assert (await world.handle(case_id).query("get_status"))["status"] == "running"
    assert (await world.case(case_id))["is_open"]
    await world.steer(course.resume, "cora", case_id)
    assert (await world.ended(case_id))["state"] == "completed"


async def test_a_case_that_takes_back_cannot_be_cancelled_once_more(world):
    world.effects.broken.update({"last", "undo effect.first 1"})
    case_id = await in_review(world)
    await world.answer("ben", case_id, "review", "approve")
    await world.answer("cora", case_id, "attention-effect-last", "abandon")
    await world.task(case_id, "attention-effect-undo")
    late = await world.steer(course.cancel, "cora", case_id)
    assert isinstance(late, NotCounted) and late.refusal.code == "compensating"
    await world.answer("cora", case_id, "attention-effect-undo", "handled")
    assert (await world.ended(case_id))["state"] == "failed"


async def test_an_operators_cancel_while_an_undo_waits_for_people_loses_nothing(world):
    world.effects.broken.add("undo effect.first 1")
    case_id = await in_review(world)
    await world.steer(course.cancel, "cora", case_id)
    await world.task(case_id, "attention-effect-undo")
    await world.handle(case_id).cancel()
    assert (await world.handle(case_id).query("get_status"))["status"] == "compensating"
    world.effects.broken.clear()
    await world.answer("cora", case_id, "attention-effect-undo", "retry")
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert world.effects.log[-1] == "undo effect.first 1"


async def test_an_undo_never_overtakes_the_step_that_it_takes_back(world):
    world.effects.gates["second"] = asyncio.Event()
    case_id = await world.start("line", ITEM, "ann")
    await begun(world, "second")
    await world.handle(case_id).cancel()
    assert (await world.handle(case_id).query("get_status"))["status"] == "running"
    world.effects.gates["second"].set()
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert world.effects.log == ["first", "second", "undo effect.second 1", "undo effect.first 1"]


async def test_a_step_that_never_began_is_not_said_to_be_taken_back(world):
    case_id = await world.start("line", ITEM, "ann")
    await world.steer(course.pause, "cora", case_id)
    await world.steer(course.cancel, "cora", case_id)
    assert (await world.ended(case_id))["state"] == "cancelled"
    done = [what for _, what in await world.events(case_id) if what in ("step.done", "step.compensated")]
    assert done.count("step.done") == done.count("step.compensated")


async def test_two_questions_at_the_same_time_both_wait_and_are_answered(world):
    case_id = await world.start("both", ITEM, "ann")
    await world.task(case_id, "left")
    await world.task(case_id, "right")
    before = (await world.case(case_id))["progress"]
    await world.answer("ben", case_id, "right", "approve")
    await world.answer("bea", case_id, "left", "refuse")
    ended = await world.ended(case_id)
    assert ended["outcome"] == {"status": "refuse approve"}
    assert ended["progress"] - before < 12


async def test_a_case_that_is_ahead_of_its_database_asks_and_goes_on(world):
    case_id = await in_review(world)
    await made_older(world, case_id)
    await world.handle(case_id).signal("anything", "junk")
    await world.task(case_id, "attention-restored-database")
    assert (await world.case(case_id))["state"] == "needs-attention"
    await world.answer("cora", case_id, "attention-restored-database", "continue")
    await world.answer("ben", case_id, "review", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
    assert world.effects.log == ["first", "second", "last"]


async def test_a_case_that_is_ahead_can_be_given_up_or_cancelled(world):
    for how in ("abandon", "cancel"):
        case_id = await in_review(world)
        await made_older(world, case_id)
        await world.handle(case_id).signal("wake")
        await world.task(case_id, "attention-restored-database")
        if how == "abandon":
            await world.answer("cora", case_id, "attention-restored-database", "abandon")
        else:
            await world.steer(course.cancel, "cora", case_id)
        assert (await world.ended(case_id))["state"] == "cancelled"


async def test_a_database_restored_during_the_last_step_or_while_taking_back(world):
    world.effects.gates["last"] = asyncio.Event()
    case_id = await in_review(world)
    await world.answer("ben", case_id, "review", "approve")
    await begun(world, "last")
    await made_older(world, case_id)
    world.effects.gates["last"].set()
    await world.answer("cora", case_id, "attention-restored-database", "abandon")
    assert (await world.ended(case_id))["state"] == "cancelled"

    world.effects.broken.add("undo effect.first 1")
    other = await in_review(world)
    await world.steer(course.cancel, "cora", other)
    await world.task(other, "attention-effect-undo")
    await made_older(world, other)
    await world.handle(other).signal("wake")
    refused = await world.answer("cora", other, "attention-restored-database", "abandon")
    assert isinstance(refused, NotCounted) and refused.refusal.code == "unknown-outcome"
    await world.answer("cora", other, "attention-restored-database", "continue")
    await world.answer("cora", other, "attention-effect-undo", "handled")
    assert (await world.ended(other))["state"] == "cancelled"
    query = sa.select(sa.func.count()).select_from(t.decision).where(t.decision.c.state == "open")
    assert await world.store.read(lambda tx: tx.conn.execute(query).scalar_one()) == 0
