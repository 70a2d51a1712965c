"""The partner approval: agreed, countered, refused, silent, cancelled, failed; each history is replayed at the end."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.connectors.crm.port import CrmRefused
from placet.store import course
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.testing import World, scenario

PARTNER = "ext:rosa@acme.example"
ACME = {
    "partner_id": "acme",
    "name": "Acme",
    "contact_name": "Rosa",
    "contact_email": "rosa@acme.example",
    "facts": {"references": 3, "years_active": 5},
    "terms": {"territory": "Germany", "commission_percent": "12.50", "term_months": 24},
}


async def staff(world: World) -> None:
    for person, role in (("ann", "member"), ("max", "partner-manager"), ("lea", "legal"), ("eve", "executive")):
        await world.hire(person, role)
    await world.hire("cora", "coordinator")


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with scenario(CATALOGUE) as made:
        await staff(made)
        yield made


async def until_terms_are_sent(world: World) -> str:
    case_id = await world.start("partner-approval", ACME, "ann", scope="deals")
    await world.answer("max", case_id, "manager-approval", "approve")
    await world.answer("lea", case_id, "legal-review", "approve")
    await world.task(case_id, "negotiation")
    return case_id


async def status_of_partner(world: World) -> str | None:
    query = sa.select(t.crm_partner.c.status).where(t.crm_partner.c.id == "acme")
    return await world.store.read(lambda tx: tx.conn.execute(query).scalar_one_or_none())


async def letters(world: World) -> list[str]:
    query = sa.select(t.message.c.subject).where(t.message.c.person_id == PARTNER, t.message.c.state != "withdrawn")
    return await world.store.read(lambda tx: list(tx.conn.execute(query.order_by(t.message.c.id)).scalars()))


async def retracted(world: World) -> list[bool]:
    query = sa.select(t.term_sheet.c.retracted_at).order_by(t.term_sheet.c.version)
    return await world.store.read(lambda tx: [at is not None for at in tx.conn.execute(query).scalars()])


async def test_an_agreed_partner_becomes_active(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    assert await status_of_partner(world) == "in-approval"
    await world.answer(PARTNER, case_id, "negotiation", "accept")
    await world.answer("eve", case_id, "executive-approval", "approve")
    ended = await world.ended(case_id)
    assert (ended["state"], ended["outcome"]["status"], ended["outcome"]["version"]) == ("completed", "activated", 1)
    assert await status_of_partner(world) == "active"
    assert await retracted(world) == [False]


async def test_a_counter_offer_is_redrafted_and_reviewed_again(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    incomplete = await world.answer(PARTNER, case_id, "negotiation", "counter", data={"term_months": 12})
    assert isinstance(incomplete, NotCounted) and incomplete.refusal.code == "invalid-data"
    wish = {"commission_percent": "15", "term_months": 12}
    await world.answer(PARTNER, case_id, "negotiation", "counter", data=wish)
    await world.answer("lea", case_id, "legal-review", "approve")
    await world.answer(PARTNER, case_id, "negotiation", "accept")
    await world.answer("eve", case_id, "executive-approval", "approve")
    assert (await world.ended(case_id))["outcome"]["version"] == 2


async def test_the_last_round_of_a_negotiation_cannot_be_countered(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    for _ in range(2):
        await world.answer(
            PARTNER, case_id, "negotiation", "counter", data={"commission_percent": "15", "term_months": 12}
        )
        await world.answer("lea", case_id, "legal-review", "approve")
        await world.task(case_id, "negotiation")
    await world.answer(PARTNER, case_id, "negotiation", "counter", data={"commission_percent": "15", "term_months": 12})
    assert (await world.ended(case_id))["state"] == "refused"
    assert await retracted(world) == [True, True, True]


@pytest.mark.parametrize("stage", ["manager-approval", "legal-review", "executive-approval"])
async def test_a_refusal_at_any_stage_takes_everything_back(world: World, stage: str) -> None:
    case_id = await world.start("partner-approval", ACME, "ann", scope="deals")
    story = (
        ("max", "manager-approval", "approve"),
        ("lea", "legal-review", "approve"),
        (PARTNER, "negotiation", "accept"),
        ("eve", "executive-approval", "approve"),
    )
    for person, task, outcome in story:
        if task == stage:
            await world.answer(person, case_id, task, "refuse", "not now")
            break
        await world.answer(person, case_id, task, outcome)
    ended = await world.ended(case_id)
    assert ended["state"] == "refused" and "not now" in ended["outcome"]["reason"]
    assert await status_of_partner(world) is None
    assert all(await retracted(world))
    undone = {name for name, state in (await world.steps(case_id)).items() if state == "compensated"}
    assert {"crm.set-status/1", "mail.send/1"} <= undone


async def test_everybody_who_acted_hears_of_a_decline(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    await world.answer(PARTNER, case_id, "negotiation", "decline", "We go elsewhere.")
    ended = await world.ended(case_id)
    assert ended["outcome"] == {
        "status": "refused",
        "reason": f"Negotiation: decline by {PARTNER}: We go elsewhere.",
    }
    query = (
        sa.select(t.message.c.person_id).where(t.message.c.subject == "Refused: Acme").order_by(t.message.c.person_id)
    )
    told = await world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))
    assert told == ["ann", "lea", "max"]


async def test_silence_of_the_partner_is_a_refusal(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    ended = await world.ended(case_id)
    assert ended["state"] == "refused" and "expired" in ended["outcome"]["reason"]
    assert await retracted(world) == [True]


async def test_cancelling_after_the_terms_were_sent_takes_them_back(world: World) -> None:
    case_id = await until_terms_are_sent(world)
    await world.steer(course.cancel, "cora", case_id, "reorganisation")
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert (await retracted(world), await status_of_partner(world)) == ([True], None)


async def test_reviewers_are_reminded_on_business_days(world: World) -> None:
    case_id = await world.start("partner-approval", ACME, "ann", scope="deals")
    await world.task(case_id, "manager-approval")
    await world.skip(timedelta(days=6))
    actions = [action for _, action in await world.events(case_id)]
    assert actions.count("task.reminded") == 1 and actions.count("task.escalated") == 1


async def test_a_registry_that_refuses_asks_the_coordinator() -> None:
    class Closed:
        """A registry that takes no more partners."""

        async def get(self, partner_id):
            return None

        async def set_status(self, key, change):
            raise CrmRefused("registry-closed", "The registry takes no more partners.")

        async def restore(self, key, change):
            return None

    async with scenario(CATALOGUE, ports=lambda ports: replace(ports, crm=Closed())) as world:
        await staff(world)
        case_id = await world.start("partner-approval", ACME, "ann", scope="deals")
        await world.answer("cora", case_id, "attention-crm-set-status", "abandon")
        assert (await world.ended(case_id))["state"] == "failed"
