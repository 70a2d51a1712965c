"""The human task in a running workflow: time, silence, pause, separation of duties."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from placet.store import course
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted, NotVisible

LAPTOP = {"item": "laptop", "cents": 120_000}


async def decision(world, case_id, name="buy-it"):
    query = sa.select(t.decision).where(t.decision.c.case_id == case_id, t.decision.c.name == name)
    return await world.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))


async def mails(world, to):
    query = sa.select(t.message.c.subject).where(t.message.c.person_id == to).order_by(t.message.c.id)
    return await world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))


async def test_an_approved_case_completes_with_every_effect_once(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    assert isinstance(await world.answer("ben", case_id, "buy-it", "approve"), Counted)
    await world.answer("bea", case_id, "pay-it", "approve")
    ended = await world.ended(case_id)
    assert (ended["state"], ended["outcome"]) == ("completed", {"status": "bought", "order": "order of laptop"})
    assert [effect.split(":")[0] for effect in world.shop.effects] == ["reserve", "order", "wrap", "pay"]


async def test_silence_is_reminded_then_escalated_then_refused_at_the_exact_deadline(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    ended = await world.ended(case_id)
    assert ended["state"] == "refused"
    found = await decision(world, case_id)
    assert found["verdict"]["reason"] == "silence"
    assert found["closed_at"] >= found["due_at"] == found["opened_at"] + timedelta(days=3)
    # It is dated exactly, however long a busy machine needs to notice.
    assert found["verdict"]["at"] == found["due_at"].isoformat().replace("+00:00", "Z")
    assert found["closed_at"] - found["due_at"] < timedelta(minutes=5)
    actions = [action for _, action in await world.events(case_id)]
    order = ["task.opened", "task.reminded", "task.escalated", "task.closed", "step.compensated", "case.refused"]
    assert [action for action in actions if action in order] == order
    assert await mails(world, "hal") == ["Buy it?: laptop"]
    assert await mails(world, "ben") == ["Buy it?: laptop", "Reminder: Buy it?: laptop"]
    assert await mails(world, "ann") == ["Refused: laptop"]


async def test_the_escalated_person_can_answer_and_nobody_could_before(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    with pytest.raises(NotVisible):
        await world.answer("hal", case_id, "buy-it", "approve")
    await world.skip(timedelta(days=2, minutes=1))
    assert isinstance(await world.answer("hal", case_id, "buy-it", "approve"), Counted)
    await world.answer("ben", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_the_requester_never_decides(world):
    await world.hire("boss", "buyer", "head")
    case_id = await world.start("purchase", LAPTOP, "boss")
    refused = await world.answer("boss", case_id, "buy-it", "approve")
    assert isinstance(refused, NotCounted) and refused.refusal.code == "excluded"
    assert ("task.answer", "excluded") in await world.refused()
    await world.answer("ben", case_id, "buy-it", "refuse", "too dear")
    ended = await world.ended(case_id)
    assert ended["outcome"] == {"status": "refused", "reason": "Buy it?: refuse by ben: too dear"}


async def test_no_clock_runs_while_a_case_is_paused(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    await world.skip(timedelta(hours=12))
    await world.steer(course.pause, "cora", case_id)
    refused = await world.answer("ben", case_id, "buy-it", "approve")
    assert isinstance(refused, NotCounted) and refused.refusal.code == "case-paused"
    await world.skip(timedelta(days=30))
    assert (await decision(world, case_id))["state"] == "open"
    await world.steer(course.resume, "cora", case_id)
    found = await decision(world, case_id)
    moved = found["due_at"] - found["opened_at"]
    assert timedelta(days=33) <= moved < timedelta(days=33, minutes=5)
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("ben", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_a_case_paused_between_two_steps_starts_no_further_step(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")

    def decide_and_pause(tx):
        from placet.store import acts, people

        acts.answer(tx, people.find(tx, "ben"), f"{case_id}.buy-it.1", acts.Answer(outcome="approve"), "test")
        course.pause(tx, people.find(tx, "cora"), case_id, "wait")

    await world.store.write(decide_and_pause)
    await world.skip(timedelta(days=5))
    assert "shop.order/1" not in await world.steps(case_id)
    await world.steer(course.resume, "cora", case_id)
    await world.answer("ben", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
