"""The compliance case: rounds, window, officer, signals; each history is replayed at the end."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio
import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.domain.task import TaskRules
from placet.store import course, people, signals
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted
from placet.testing import World, scenario

CUSTOMER = "ext:noor@customer.example"
NOOR: dict[str, Any] = {
    "customer_id": "noor",
    "name": "Noor Haddad",
    "birth_date": "1980-05-01",
    "countries": ["JO"],
    "contact_name": "Noor Haddad",
    "contact_email": "noor@customer.example",
}


async def staff(world: World) -> None:
    await world.hire("ann", "member")
    await world.hire("olga", "compliance-officer")
    await world.hire("otto", "compliance-officer")
    await world.hire("cora", "coordinator")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with scenario(CATALOGUE) as made:
        await staff(made)
        yield made


async def send(world: World, case_id: str, *names: str, round: int = 1) -> None:
    """Put documents into the case, as an upload does."""
    from placet.connectors.blobs.stored import StoredBlobs

    for name in names:
        content = f"{name} of round {round}".encode()
        digest = await StoredBlobs(world.store).put(content, "text/plain")
        assert digest == hashlib.sha256(content).hexdigest()

        def insert(tx: Any, name: str = name, digest: str = digest, size: int = len(content)) -> None:
            tx.conn.execute(
                t.case_document.insert().values(
                    id=f"{case_id}-{name}-{round}",
                    case_id=case_id,
                    name=name,
                    round=round,
                    hash=digest,
                    filename=f"{name}.txt",
                    media_type="text/plain",
                    size=size,
                    uploaded_by=CUSTOMER,
                    at=tx.now,
                    receipt="",
                )
            )

        await world.store.write(insert)


async def submit(world: World, case_id: str, *names: str, round: int = 1) -> None:
    await world.task(case_id, "documents")
    await send(world, case_id, *names, round=round)
    counted = await world.answer(CUSTOMER, case_id, "documents", "submit")
    assert isinstance(counted, Counted), counted


async def shown(world: World, case_id: str) -> dict[str, Any]:
    """What the officer reads."""
    task = await world.task(case_id, "officer-decision")
    query = sa.select(t.decision.c.subject).where(t.decision.c.id == task)
    return await world.store.read(lambda tx: tx.conn.execute(query).scalar_one())


async def foretold(world: World, task: str) -> str | None:
    """What people are told to follow if they keep silent."""
    query = sa.select(t.decision.c.rules).where(t.decision.c.id == task)
    return TaskRules.model_validate(await world.store.read(lambda tx: tx.conn.execute(query).scalar_one())).lapse


async def status(world: World, case_id: str) -> str:
    return (await world.handle(case_id).query("get_status"))["status"]


async def test_two_rounds_and_an_approval(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    await world.task(case_id, "documents")
    assert await status(world, case_id) == "AWAITING_DOCUMENTS"
    early = await world.answer(CUSTOMER, case_id, "documents", "submit")
    assert isinstance(early, NotCounted) and early.refusal.code == "documents-missing"
    await submit(world, case_id, "identity", "address")
    findings = await shown(world, case_id)
    assert [text["preview"] for text in findings["documents"]] == ["identity of round 1", "address of round 1"]
    assert await status(world, case_id) == "AWAITING_OFFICER"
    wish = {"documents": [{"name": "address", "reason": "It is older than three months."}]}
    await world.answer("olga", case_id, "officer-decision", "request_documents", data=wish)
    await submit(world, case_id, "address", round=2)
    await world.answer("otto", case_id, "officer-decision", "approve")
    ended = await world.ended(case_id)
    assert ended["outcome"] == {"status": "APPROVED", "rounds": 2, "reason": "", "officer": "otto"}
    assert await status(world, case_id) == "APPROVED"


async def test_a_rejection_needs_a_reason(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    await submit(world, case_id, "identity", "address")
    silent = await world.answer("olga", case_id, "officer-decision", "reject")
    assert isinstance(silent, NotCounted) and silent.refusal.code == "comment-required"
    await world.answer("olga", case_id, "officer-decision", "reject", "Forged address.")
    ended = await world.ended(case_id)
    assert (ended["outcome"]["status"], ended["outcome"]["reason"]) == ("REJECTED", "Forged address.")


async def test_a_silent_customer_is_asked_again_until_the_window_of_sixty_days_is_over(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    await world.task(case_id, "documents")
    ended = await world.ended(case_id)
    assert ended["outcome"]["status"] == "ESCALATED"
    assert ended["closed_at"] - ended["opened_at"] >= timedelta(days=60)
    assert ended["closed_at"] - ended["opened_at"] < timedelta(days=60, minutes=10)


async def test_the_fifth_incomplete_round_escalates(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    for number in range(1, 6):
        task = await world.task(case_id, "documents")
        assert await foretold(world, task) == (
            "the documents are asked for again" if number < 5 else "the case is escalated"
        )
        await submit(world, case_id, "identity", *(("address",) if number == 1 else ()), round=number)
        wish = {"documents": [{"name": "identity", "reason": "Not readable."}]}
        await world.answer("olga", case_id, "officer-decision", "request_documents", data=wish)
    ended = await world.ended(case_id)
    assert (ended["outcome"]["status"], ended["outcome"]["rounds"]) == ("ESCALATED", 5)


async def test_it_waits_for_the_officer_to_the_end_of_the_window(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    await submit(world, case_id, "identity", "address")
    assert await foretold(world, await world.task(case_id, "officer-decision")) == "the case is escalated"
    await world.skip(timedelta(days=59))
    assert (await world.case(case_id))["is_open"]
    ended = await world.ended(case_id)
    assert ended["outcome"]["status"] == "ESCALATED"


async def test_a_pause_moves_the_window(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    await submit(world, case_id, "identity", "address")
    await world.task(case_id, "officer-decision")
    await world.steer(course.pause, "cora", case_id)
    await world.skip(timedelta(days=100))
    await world.steer(course.resume, "cora", case_id)
    await world.skip(timedelta(days=30))
    await world.answer("olga", case_id, "officer-decision", "approve")
    assert (await world.ended(case_id))["outcome"]["status"] == "APPROVED"


async def test_the_signals_of_the_seed_carry_a_token_and_count_once(world: World) -> None:
    case_id = await world.start("compliance-case", NOOR, "ann")
    task = await world.task(case_id, "documents")

    async def token(person: str, task_id: str) -> str:
        return await world.store.write(lambda tx: signals.issue(tx, people.find(tx, person), task_id))

    await send(world, case_id, "identity", "address")
    handle = world.handle(case_id)
    await handle.signal("documents_submitted", {"token": await token(CUSTOMER, task)})
    officers_task = await world.task(case_id, "officer-decision")
    given = await token("olga", officers_task)
    forged = {"decision": "approve", "officer": "olga"}
    await handle.signal("officer_decision", forged)
    await handle.signal("officer_decision", forged | {"officer": "otto", "token": given})
    await handle.signal("officer_decision")
    await handle.signal("officer_decision", {"decision": "approve", "officer": "olga", "token": given, "comment": "ok"})
    await handle.signal("officer_decision", {"decision": "reject", "officer": "olga", "token": given, "comment": "no"})
    ended = await world.ended(case_id)
    assert ended["outcome"] == {"status": "APPROVED", "rounds": 1, "reason": "ok", "officer": "olga"}
    codes = {code for action, code in await world.refused() if action == "signal"}
    assert {"no-token", "not-your-token", "unreadable"} <= codes


async def test_a_hit_is_shown_with_its_evidence(world: World) -> None:
    from placet.connectors.screening.entries import read_lists
    from placet.connectors.screening.local_list import SAMPLE

    listed = next(entry for entry in read_lists(SAMPLE).entries if entry.kind == "person")
    case_id = await world.start("compliance-case", NOOR | {"name": listed.names[0], "birth_date": None}, "ann")
    await submit(world, case_id, "identity", "address")
    report = (await shown(world, case_id))["screening"]
    assert report["hits"][0]["entity"] == listed.id and report["hits"][0]["why"], json.dumps(report)[:500]
    await world.answer("olga", case_id, "officer-decision", "escalate", "A listed person.")
    assert (await world.ended(case_id))["outcome"]["status"] == "ESCALATED"
