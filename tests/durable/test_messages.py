"""Whatever arrives from outside as a signal changes nothing, unless it carries a token."""

import asyncio
import json

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from placet.store import people, signals

LAPTOP = {"item": "laptop", "cents": 120_000}


async def token(world, person, task_id):
    return await world.store.write(lambda tx: signals.issue(tx, people.find(tx, person), task_id))


async def test_forged_malformed_and_argumentless_signals_are_refused_and_audited(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    handle = world.handle(case_id)
    await handle.signal("answer")
    await handle.signal("answer", args=[{"outcome": "approve"}, "and more"])
    await handle.signal("answer", {"outcome": "approve", "officer": "ben"})
    await handle.signal("answer", {"outcome": "approve", "token": "sig_invented"})
    await handle.signal("answer", "not an object")
    await handle.signal("answer", RawValue(Payload(metadata={"encoding": b"no-such"}, data=b"\xff\xfe")))
    await handle.signal("answer", {"outcome": "approve", "token": 7, "comment": "x" * 40_000})
    await handle.signal("../../etc/passwd", {"token": ["list"]})

    async def all_refused():
        refused = [code for action, code in await world.refused() if action == "signal"]
        return refused if len(refused) == 8 else None

    refused = await world.until("eight refusals", all_refused)
    assert sorted(refused) == sorted(["unreadable"] * 5 + ["no-token"] * 2 + ["unknown-token"])
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("bea", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_a_signal_with_its_token_counts_once_and_only_for_its_person_and_task(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    other = await world.start("purchase", LAPTOP, "ann")
    await world.task(other, "buy-it")
    task_id = await world.task(case_id, "buy-it")
    given = await token(world, "ben", task_id)
    await world.handle(other).signal("answer", {"outcome": "approve", "token": given})
    await world.handle(case_id).signal("wrong_name", {"outcome": "approve", "token": given})
    await world.handle(case_id).signal("answer", {"outcome": "approve", "token": given})
    await world.task(case_id, "pay-it")
    await world.handle(case_id).signal("answer", {"outcome": "approve", "token": given})

    async def told():
        codes = [code for action, code in await world.refused() if action == "signal"]
        return codes if len(codes) == 3 else None

    assert sorted(await world.until("three refusals", told)) == ["token-used", "wrong-signal", "wrong-signal"]
    assert ("ben", "task.answered") in await world.events(case_id)
    await world.answer("bea", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
    assert (await world.case(other))["is_open"]


async def test_doubled_and_needless_wake_ups_change_nothing(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    before = await world.events(case_id)
    await asyncio.gather(*(world.handle(case_id).signal("wake", json.dumps(n)) for n in range(20)))
    assert (await world.handle(case_id).query("get_status"))["status"] == "waiting"
    assert await world.events(case_id) == before
    await world.answer("ben", case_id, "buy-it", "approve")
    await world.answer("bea", case_id, "pay-it", "approve")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_get_status_says_what_the_case_waits_for(world):
    case_id = await world.start("purchase", LAPTOP, "ann")
    await world.task(case_id, "buy-it")
    status = await world.handle(case_id).query("get_status")
    assert status == {"case_id": case_id, "kind": "purchase", "status": "waiting", "waiting_for": "Buy it?"}
