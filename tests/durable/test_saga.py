"""Steps that fail, and what is taken back."""

from placet.store import course
from placet.store.acts import Counted, NotCounted

LAPTOP = {"item": "laptop", "cents": 120_000}


async def test_a_step_that_fails_for_good_asks_the_coordinators_and_can_be_retried(world):
    world.shop.broken.add("order")
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.state(case_id, "needs-attention")
    refused = await world.answer("ben", case_id, "attention-shop-order", "retry")
    assert isinstance(refused, NotCounted) and refused.refusal.code == "not-asked"
    world.shop.broken.clear()
    assert isinstance(await world.answer("cora", case_id, "attention-shop-order", "retry"), Counted)
    await world.answer("ben", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
    assert (await world.steps(case_id))["shop.order/1"] == "done"


async def test_only_a_step_with_a_substitute_can_be_skipped(world):
    world.shop.broken.update({"order", "wrap"})
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    refused = await world.answer("cora", case_id, "attention-shop-order", "skip")
    assert isinstance(refused, NotCounted) and refused.refusal.code == "unknown-outcome"
    world.shop.broken.discard("order")
    await world.answer("cora", case_id, "attention-shop-order", "retry")
    await world.answer("cora", case_id, "attention-shop-gift-wrap", "skip")
    await world.answer("ben", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
    assert (await world.steps(case_id))["shop.gift-wrap/1"] == "skipped"


async def test_an_abandoned_step_compensates_in_reverse_even_when_it_may_have_happened(world):
    world.shop.broken.add("order")
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("cora", case_id, "attention-shop-order", "abandon")
    ended = await world.ended(case_id)
    assert ended["state"] == "failed"
    assert [effect.split(":")[0] for effect in world.shop.effects] == ["reserve", "cancel", "release"]


async def test_a_failed_undo_becomes_a_task_and_the_others_still_run(world):
    world.shop.broken.add("cancel")
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("ben", case_id, "pay-it", "refuse", "changed my mind")
    await world.task(case_id, "attention-shop-cancel")
    assert "release" in [effect.split(":")[0] for effect in world.shop.effects]
    await world.answer("cora", case_id, "attention-shop-cancel", "handled")
    assert (await world.ended(case_id))["state"] == "refused"
    steps = await world.steps(case_id)
    assert (steps["purse.reserve/1"], steps["shop.cancel/1"]) == ("compensated", "skipped")


async def test_cancelling_withdraws_the_open_task_and_compensates(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.task(case_id, "pay-it")
    assert isinstance(await world.steer(course.cancel, "cora", case_id, "no money"), Counted)
    ended = await world.ended(case_id)
    assert (ended["state"], ended["outcome"]["reason"]) == ("cancelled", "no money")
    assert [effect.split(":")[0] for effect in world.shop.effects] == ["reserve", "order", "wrap", "cancel", "release"]
    again = await world.steer(course.cancel, "cora", case_id)
    assert isinstance(again, NotCounted) and again.refusal.code == "case-closed"


async def test_past_the_point_of_no_return_a_case_cannot_be_cancelled(world):
    world.shop.broken.add("pay")
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("ben", case_id, "pay-it", "approve")
    await world.task(case_id, "attention-shop-pay")
    refused = await world.steer(course.cancel, "cora", case_id)
    assert isinstance(refused, NotCounted) and refused.refusal.code == "point-of-no-return"
    world.shop.broken.clear()
    await world.answer("cora", case_id, "attention-shop-pay", "retry")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_an_operators_cancel_of_the_workflow_compensates_too(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    await world.handle(case_id).cancel()
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert [effect.split(":")[0] for effect in world.shop.effects] == ["reserve", "release"]
