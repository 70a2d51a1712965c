"""Credentials: issued, refused, too costly, not delivered, taken back, revoked; each history is replayed at the end."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.connectors.credentials.jwt import claims_of
from placet.connectors.credentials.port import CredentialUnavailable, Order, Signed
from placet.connectors.credentials.status_list import is_set
from placet.connectors.delivery.port import DeliveryRefused
from placet.runtime.settings import Settings
from placet.store import course
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.testing import QUICK, World, scenario

BADGE = {
    "id": "first-aid",
    "name": "First aid",
    "description": "Knows what to do until help comes.",
    "criteria": "Has taken the course, and has shown it.",
    "cost": 500,
    "valid_days": 730,
}


async def staff(world: World, **badge: Any) -> None:
    for person in ("mia", "noa"):
        await world.hire(person, "member")
    for person in ("cora", "carl"):
        await world.hire(person, "coordinator")
    await world.hire("root", "admin")
    await world.store.write(
        lambda tx: tx.conn.execute(
            t.badge.insert().values({**BADGE, **badge, "created_by": "root", "created_at": tx.now})
        )
    )


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    async with scenario(CATALOGUE) as made:
        await staff(made)
        yield made


async def requested(world: World, requester: str = "mia", holder: str = "mia") -> str:
    request = {"badge": "first-aid", "holder": holder, "note": "Helped at the fair."}
    return await world.start("credential-issuance", request, requester)


async def issued(world: World, requester: str = "mia", holder: str = "mia", approver: str = "cora") -> dict[str, Any]:
    """The row of a credential that was requested, approved and issued."""
    case_id = await requested(world, requester, holder)
    await world.answer(approver, case_id, "badge-approval", "approve")
    assert (await world.ended(case_id))["state"] == "completed"
    return await credential(world, case_id)


async def revocation(world: World, row: dict[str, Any], requester: str = "cora") -> str:
    request = {"credential": row["id"], "reason": "It was a mistake.", "badge": "First aid", "holder": row["holder"]}
    return await world.start("credential-revocation", request, requester)


async def credential(world: World, case_id: str) -> dict[str, Any]:
    query = sa.select(t.credential).where(t.credential.c.case_id == case_id)
    return await world.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))


async def published(world: World) -> dict[str, Any]:
    """What the public status list says."""
    query = sa.select(t.credential_status.c.jwt)
    return claims_of(await world.store.read(lambda tx: tx.conn.execute(query).scalar_one()))


async def revoked(world: World, row: dict[str, Any]) -> bool:
    return is_set((await published(world))["credentialSubject"]["encodedList"], row["list_index"])


async def mails(world: World, person: str) -> list[str]:
    query = sa.select(t.message.c.subject).where(t.message.c.person_id == person).order_by(t.message.c.id)
    return await world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))


async def test_a_badge_is_approved_signed_issued_and_delivered(world: World) -> None:
    case_id = await requested(world)
    shown = await world.task(case_id, "badge-approval")
    subject = await world.store.read(
        lambda tx: tx.conn.execute(sa.select(t.decision.c.subject).where(t.decision.c.id == shown)).scalar_one()
    )
    await world.answer("cora", case_id, "badge-approval", "approve")
    ended = await world.ended(case_id)
    row = await credential(world, case_id)
    assert ended["outcome"] == {
        "status": "issued",
        "credential": row["id"],
        "badge": "first-aid",
        "holder": "mia",
        "valid_until": row["order"]["valid_until"],
        "delivery": "offer",
    }
    assert (row["state"], subject) == ("issued", row["order"])
    assert claims_of(row["jwt"])["jti"] == f"urn:uuid:{row['id']}"
    assert not await revoked(world, row)
    assert "Your credential: First aid" in await mails(world, "mia")
    actions = [action for _, action in await world.events(case_id) if action.startswith("credential.")]
    assert actions == ["credential.drawn-up", "credential.signed", "credential.issued"]
    # The signed bytes are for the holder: neither the steps nor the audit log show them.
    steps = await world.store.read(lambda tx: [dict(one) for one in tx.conn.execute(sa.select(t.step)).mappings()])
    lines = await world.store.read(lambda tx: list(tx.conn.execute(sa.select(t.audit.c.detail)).scalars()))
    assert row["jwt"] not in json.dumps([steps, lines], default=str)


async def test_neither_who_asks_nor_who_gets_it_approves(world: World) -> None:
    case_id = await requested(world, "cora", "carl")
    for person in ("cora", "carl"):
        answer = await world.answer(person, case_id, "badge-approval", "approve")
        assert isinstance(answer, NotCounted) and answer.refusal.code == "excluded"
    await world.hire("cleo", "coordinator")
    await world.answer("cleo", case_id, "badge-approval", "approve")
    assert (await world.ended(case_id))["state"] == "completed"


async def test_a_refused_order_is_withdrawn_and_never_signed(world: World) -> None:
    case_id = await requested(world)
    await world.answer("cora", case_id, "badge-approval", "refuse", "Not yet.")
    assert (await world.ended(case_id))["state"] == "refused"
    row = await credential(world, case_id)
    assert (row["state"], row["jwt"]) == ("withdrawn", None)
    # Its place is lost for good: the next one gets another.
    again = await issued(world)
    assert (row["list_index"], again["list_index"]) == (0, 1)
    assert await revoked(world, row) and not await revoked(world, again)


async def test_silence_escalates_to_administrators_and_then_refuses(world: World) -> None:
    case_id = await requested(world)
    assert (await world.ended(case_id))["state"] == "refused"
    actions = [action for _, action in await world.events(case_id)]
    assert "task.escalated" in actions and "task.reminded" in actions


async def test_a_badge_above_the_most_is_refused_before_anybody_is_asked() -> None:
    settings = Settings.model_validate({"patience": QUICK, "policy": {"credential-issuance": {"max_cost": 499}}})
    async with scenario(CATALOGUE, settings=settings) as world:
        await staff(world)
        case_id = await requested(world)
        ended = await world.ended(case_id)
        assert ended["state"] == "refused" and "costs 500; at most 499" in ended["outcome"]["reason"]
        assert await world.steps(case_id) == {"credentials.verify-cost/1": "done"}


@pytest.mark.parametrize(("free", "told"), [(499, True), (500, False)])
async def test_whoever_approves_is_told_of_a_cost_beyond_what_is_free(free: int, told: bool) -> None:
    settings = Settings.model_validate({"patience": QUICK, "policy": {"credential-issuance": {"free_up_to": free}}})
    async with scenario(CATALOGUE, settings=settings) as world:
        await staff(world)
        task = await world.task(await requested(world), "badge-approval")
        query = sa.select(t.decision.c.rules).where(t.decision.c.id == task)
        rules = await world.store.read(lambda tx: tx.conn.execute(query).scalar_one())
        assert ("costs 500" in rules["instructions"]) is told


async def test_a_revocation_is_approved_published_and_told_to_the_holder(world: World) -> None:
    row = await issued(world)
    case_id = await revocation(world, row)
    answer = await world.answer("cora", case_id, "revocation-approval", "approve")
    assert isinstance(answer, NotCounted) and answer.refusal.code == "excluded"
    await world.answer("carl", case_id, "revocation-approval", "approve")
    ended = await world.ended(case_id)
    assert ended["outcome"]["status"] == "revoked" and ended["outcome"]["version"] == 2
    assert await revoked(world, row)
    assert (await mails(world, "mia"))[-1] == "Revoked: First aid"
    assert (await credential(world, row["case_id"]))["state"] == "revoked"


async def test_the_holder_may_ask_for_a_revocation_and_does_not_decide_it(world: World) -> None:
    row = await issued(world, "cora", "cora", approver="carl")
    case_id = await revocation(world, row, requester="cora")
    answer = await world.answer("cora", case_id, "revocation-approval", "approve")
    assert isinstance(answer, NotCounted) and answer.refusal.code == "excluded"
    await world.answer("carl", case_id, "revocation-approval", "refuse", "Keep it.")
    assert (await world.ended(case_id))["state"] == "refused"
    assert not await revoked(world, row)


async def test_cancelling_before_the_signature_withdraws_the_order(world: World) -> None:
    case_id = await requested(world)
    await world.task(case_id, "badge-approval")
    await world.steer(course.cancel, "cora", case_id)
    assert (await world.ended(case_id))["state"] == "cancelled"
    assert (await credential(world, case_id))["state"] == "withdrawn"


class Refusing:
    """A wallet that takes nothing."""

    async def deliver(self, key: str, parcel: object) -> None:
        raise DeliveryRefused("wallet-gone", "The wallet is gone.")


@pytest.mark.parametrize(
    ("choice", "state", "kept"), [("skip", "completed", "issued"), ("abandon", "failed", "revoked")]
)
async def test_a_wallet_that_refuses_asks_the_coordinators(choice: str, state: str, kept: str) -> None:
    async with scenario(CATALOGUE, ports=lambda ports: replace(ports, wallet=Refusing())) as world:
        await staff(world)
        case_id = await requested(world)
        await world.answer("cora", case_id, "badge-approval", "approve")
        await world.task(case_id, "attention-delivery-deliver")
        # Whatever becomes of the delivery, the holder can fetch it meanwhile.
        assert (await credential(world, case_id))["state"] == "issued"
        assert (await world.case(case_id))["state"] == "needs-attention"
        await world.answer("carl", case_id, "attention-delivery-deliver", choice)
        ended = await world.ended(case_id)
        row = await credential(world, case_id)
        assert (ended["state"], row["state"]) == (state, kept)
        assert await revoked(world, row) is (kept == "revoked")
        if choice == "skip":
            assert ended["outcome"]["delivery"] == "none"


class Away:
    """An executor that cannot be reached until it is back."""

    def __init__(self, signer: Any) -> None:
        self.signer = signer
        self.back = False

    async def sign_credential(self, key: str, decision: str, order: Order) -> Signed:
        if not self.back:
            raise CredentialUnavailable("The executor cannot be reached.")
        signed: Signed = await self.signer.sign_credential(key, decision, order)
        return signed

    def __getattr__(self, name: str) -> Any:
        return getattr(self.signer, name)


@pytest.mark.parametrize("choice", ["retry", "abandon"])
async def test_an_executor_that_stays_away_needs_attention_and_loses_nothing(choice: str) -> None:
    away: list[Away] = []

    def without(ports: Any) -> Any:
        away.append(Away(ports.signer))
        return replace(ports, signer=away[0])

    async with scenario(CATALOGUE, ports=without) as world:
        await staff(world)
        case_id = await requested(world)
        await world.answer("cora", case_id, "badge-approval", "approve")
        await world.task(case_id, "attention-credentials-sign")
        away[0].back = True
        await world.answer("carl", case_id, "attention-credentials-sign", choice)
        ended = await world.ended(case_id)
        row = await credential(world, case_id)
        if choice == "retry":
            assert (ended["state"], row["state"]) == ("completed", "issued")
        else:
            assert (ended["state"], row["state"], row["jwt"]) == ("failed", "withdrawn", None)
