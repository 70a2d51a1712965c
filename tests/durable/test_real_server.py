"""One scenario per primitive on the real server: it refuses things that the time-skipping one accepts."""

import pytest
import sqlalchemy as sa

from durable.conftest import hire
from placet.durable.workflow import entry_of
from placet.runtime.settings import Settings
from placet.store import course
from placet.store import tables as t
from placet.testing import QUICK, scenario
from samples.purchase import Purchase, Shop

LAPTOP = {"item": "laptop", "cents": 120_000}
SHORT = Settings(patience=QUICK, policy={"purchase": {"review": "2s", "reminder": "1s", "escalation": "1s"}})

pytestmark = pytest.mark.server


async def test_task_step_and_saga_on_the_real_server():
    shop = Shop()
    async with scenario([entry_of(Purchase)], real_server=True, extra_activities=shop.activities) as world:
        await hire(world)
        done = await world.start("purchase", LAPTOP, "ann")
        await world.answer("ben", done, "buy-it", "approve")
        await world.answer("bea", done, "pay-it", "approve")
        refused = await world.start("purchase", LAPTOP, "ann")
        await world.answer("ben", refused, "buy-it", "approve")
        await world.answer("ben", refused, "pay-it", "refuse", "no")
        cancelled = await world.start("purchase", LAPTOP, "ann")
        await world.task(cancelled, "buy-it")
        await world.steer(course.pause, "cora", cancelled)
        await world.steer(course.resume, "cora", cancelled)
        await world.steer(course.cancel, "cora", cancelled)
        shop.broken.add("order")
        abandoned = await world.start("purchase", LAPTOP, "ann")
        await world.answer("ben", abandoned, "buy-it", "approve")
        await world.answer("cora", abandoned, "attention-shop-order", "abandon")
        states = [(await world.ended(case_id))["state"] for case_id in (done, refused, cancelled, abandoned)]
        assert states == ["completed", "refused", "cancelled", "failed"]


async def test_a_deadline_on_the_real_server_and_the_number_of_events():
    shop = Shop()
    async with scenario(
        [entry_of(Purchase)], real_server=True, settings=SHORT, extra_activities=shop.activities
    ) as world:
        await hire(world)
        silent = await world.start("purchase", LAPTOP, "ann")
        assert (await world.ended(silent))["outcome"]["reason"].startswith("Buy it?: expired")
        closed = sa.select(t.decision.c.due_at, t.decision.c.verdict).where(t.decision.c.case_id == silent)
        row = await world.store.read(lambda tx: tx.conn.execute(closed).one())
        assert row.verdict["at"] == row.due_at.isoformat().replace("+00:00", "Z")
        # History must not grow with what people do: one reservation, its undo, three timers, and the end.
        assert len((await world.history(silent)).events) < 60
