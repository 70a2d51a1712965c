"""The multisig in a running workflow: acts by API and by signal, the clock, and nothing paid but what was approved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from eth_account import Account
from eth_account.signers.local import LocalAccount

from placet.connectors.chain.signatures import signable
from placet.domain.multisig import MultisigRules
from placet.durable.workflow import entry_of
from placet.runtime.settings import Settings
from placet.store import course, multisig_acts, people, signals, wallets
from placet.store import tables as t
from placet.store.multisig_acts import GivenApproval
from placet.testing import QUICK, World, scenario
from samples.disbursement import Bank, Disburse

PAYEE = "0x" + "b" * 40
REQUEST = {"to": PAYEE, "amount": "500"}


class Treasury(World):
    bank: Bank


@asynccontextmanager
async def treasury(**policy: Any) -> AsyncIterator[Treasury]:
    """Three treasurers, rita who asks and is one too, and a bank."""
    bank = Bank()
    settings = Settings(patience=QUICK, policy={"disbursement": policy})
    async with scenario([entry_of(Disburse)], settings=settings, extra_activities=[bank.pay]) as made:
        made.bank = bank
        for name in ("tara", "theo", "tina", "rita"):
            await made.hire(name, "treasurer")
        await made.hire("cora", "coordinator")
        yield made


async def rules(world: World, case_id: str) -> MultisigRules:
    found = sa.select(t.decision.c.rules).where(t.decision.c.id == await world.task(case_id, "pay-it"))
    return MultisigRules.model_validate(await world.store.read(lambda tx: tx.conn.execute(found).scalar_one()))


async def approve(world: World, who: str, case_id: str, signature: str | None = None) -> Any:
    given = GivenApproval(intent_hash=(await rules(world, case_id)).intent_hash, signature=signature)
    multisig = await world.task(case_id, "pay-it")
    return await world.store.write(lambda tx: multisig_acts.approve(tx, people.find(tx, who), multisig, given, "test"))


async def refuse(world: World, who: str, case_id: str) -> Any:
    multisig = await world.task(case_id, "pay-it")
    return await world.store.write(lambda tx: multisig_acts.refuse(tx, people.find(tx, who), multisig, "no", "test"))


async def token(world: World, who: str, case_id: str) -> str:
    multisig = await world.task(case_id, "pay-it")
    return await world.store.write(lambda tx: signals.issue(tx, people.find(tx, who), multisig))


def key_of(name: str) -> LocalAccount:
    return Account.from_key(name.encode().rjust(32, b"\x01"))


async def test_the_threshold_pays_once_exactly_what_was_approved():
    async with treasury() as world:
        case_id = await world.start("disbursement", REQUEST, "rita")
        await approve(world, "tara", case_id)
        assert world.bank.paid == []
        await approve(world, "tina", case_id)
        ended = await world.ended(case_id)
        assert ended["outcome"] == {"status": "paid", "approved_by": ["tara", "tina"]}
        assert world.bank.paid == [(f"{case_id}/bank.pay/1", PAYEE, "500")]
        assert len((await world.history(case_id)).events) < 40


async def test_each_approval_may_come_as_a_signal_to_the_running_workflow():
    async with treasury() as world:
        case_id = await world.start("disbursement", REQUEST, "rita")
        mine = await token(world, "tara", case_id)
        signal = {"member": "tara", "decision": "approve", "token": mine}
        handle = world.handle(case_id)
        # Forged, without a token, doubled, somebody else's: one approval counts.
        await handle.signal("council_approval", {"member": "theo", "decision": "approve"})
        await handle.signal("council_approval", {"member": "theo", "decision": "approve", "token": "sig_invented"})
        await handle.signal("council_approval", {"member": "theo", "decision": "approve", "token": mine})
        await handle.signal("council_approval", signal)
        await handle.signal("council_approval", signal)

        async def refused():
            codes = [code for action, code in await world.refused() if action == "signal"]
            return codes if len(codes) == 4 else None

        found = await world.until("four refusals", refused)
        assert sorted(found) == ["no-token", "not-your-token", "token-used", "unknown-token"]
        assert world.bank.paid == []
        second = {"member": "theo", "token": await token(world, "theo", case_id)}
        await handle.signal("council_approval", second)
        assert (await world.ended(case_id))["outcome"]["approved_by"] == ["tara", "theo"]


async def test_with_wallets_a_signal_counts_only_with_the_members_signature():
    async with treasury(wallets=True) as world:

        def register(tx):
            for name in ("tara", "theo", "tina"):
                wallets.register(tx, "root", people.find(tx, name), key_of(name).address)

        await world.store.write(register)
        case_id = await world.start("disbursement", REQUEST, "rita")
        typed = signable((await rules(world, case_id)).intent)
        signed = {
            name: key_of(name).sign_typed_data(full_message=typed).signature.to_0x_hex()
            for name in ("tara", "theo", "stranger")
        }
        mine = await token(world, "tara", case_id)
        handle = world.handle(case_id)
        for signature in (None, signed["theo"], signed["stranger"], "0x" + "0" * 130):
            await handle.signal("council_approval", {"member": "tara", "signature": signature, "token": mine})

        async def refused():
            codes = [code for action, code in await world.refused() if action == "multisig.approve"]
            return codes if len(codes) == 4 else None

        assert sorted(await world.until("four refusals", refused)) == [
            "signature-malformed",
            "signature-missing",
            "wrong-signature",
            "wrong-wallet",
        ]
        await handle.signal("council_approval", {"member": "tara", "signature": signed["tara"], "token": mine})
        await approve(world, "theo", case_id, signed["theo"])
        assert sorted((await world.ended(case_id))["outcome"]["approved_by"]) == ["tara", "theo"]


async def test_silence_reminds_and_expires_at_the_exact_deadline():
    async with treasury() as world:
        case_id = await world.start("disbursement", REQUEST, "rita")
        multisig = await world.task(case_id, "pay-it")
        await approve(world, "tara", case_id)
        ended = await world.ended(case_id)
        assert (ended["state"], world.bank.paid) == ("refused", [])
        assert ended["outcome"]["reason"] == "Pay it?: expired: 1 of 2 approvals came in time."
        query = sa.select(t.decision).where(t.decision.c.id == multisig)
        found = await world.store.read(lambda tx: dict(tx.conn.execute(query).mappings().one()))
        assert found["verdict"]["at"] == found["due_at"].isoformat().replace("+00:00", "Z")
        assert found["closed_at"] - found["due_at"] < timedelta(minutes=5)
        assert found["due_at"] == found["opened_at"] + timedelta(days=5)
        assert ("placet", "multisig.reminded") in await world.events(case_id)


async def test_refusals_that_make_it_impossible_end_the_case_at_once():
    async with treasury() as world:
        case_id = await world.start("disbursement", REQUEST, "rita")
        await refuse(world, "tara", case_id)
        await refuse(world, "theo", case_id)
        ended = await world.ended(case_id)
        assert (ended["state"], world.bank.paid) == ("refused", [])
        assert ended["outcome"]["reason"].startswith("Pay it?: refused by tara, theo: no; no")


async def test_a_council_that_is_too_small_refuses_when_it_is_asked():
    async with treasury(threshold=3) as world:
        case_id = await world.start("disbursement", REQUEST | {"payee": "tina"}, "rita")
        ended = await world.ended(case_id)
        assert ended["state"] == "refused"
        assert "At most 2 can still approve, and 3 are needed." in ended["outcome"]["reason"]


async def test_a_pause_moves_the_deadline_and_keeps_approvals():
    async with treasury() as world:
        case_id = await world.start("disbursement", REQUEST, "rita")
        await approve(world, "tara", case_id)
        await world.steer(course.pause, "cora", case_id)
        await world.skip(timedelta(days=30))
        assert (await approve(world, "theo", case_id)).refusal.code == "case-paused"
        await world.steer(course.resume, "cora", case_id)
        await approve(world, "theo", case_id)
        assert (await world.ended(case_id))["outcome"]["approved_by"] == ["tara", "theo"]
