"""Payments of the treasury, from the request to the receipt, by a real executor on a real chain."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalogue.treasury import APPROVAL, COUNCIL, Treasury, key_of, treasury
from executor.desk import somebody
from placet.connectors.chain.signatures import signable
from placet.domain.task import Verdict
from placet.store import audit, course
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.store.multisig_acts import GivenApproval


async def verdict(at: Treasury, case_id: str) -> Verdict:
    query = sa.select(t.decision.c.verdict).where(t.decision.c.id == f"{case_id}.{APPROVAL}.1")
    return Verdict.model_validate(await at.world.store.read(lambda tx: tx.conn.execute(query).scalar_one()))


async def test_wallets_sign_it_is_paid_once_and_its_receipt_waits_for_its_depth(tmp_path: Path) -> None:
    depth = 3
    async with treasury(tmp_path, wallets=True, confirmations=depth, real_server=True) as at:
        to = somebody()
        case_id = await at.start(to, "123456789", memo="The roof")
        await at.sign(case_id, "kofi")
        assert at.paid(to) == 0
        await at.sign(case_id, "koji")
        await at.world.until("the payment", lambda: _paid(at, to))
        assert (await at.world.case(case_id))["is_open"], "it did not wait for the depth"
        at.chain.mine(depth)
        ended = await at.world.ended(case_id)
        outcome = ended["outcome"]
        receipt = outcome["receipt"]
        assert (ended["state"], outcome["status"], outcome["approved_by"]) == ("completed", "paid", ["kofi", "koji"])
        assert (receipt["status"], receipt["confirmations"]) == ("confirmed", depth)
        # The chain is asked by itself.
        assert at.chain.balance(to) == 123456789
        mined = at.chain.rpc("eth_getTransactionReceipt", receipt["tx_hash"])
        assert (mined["status"], mined["to"]) == ("0x1", to.lower())
        signatures = [one["signature"] for one in (await verdict(at, case_id)).data["approvals"]]
        assert len(set(signatures)) == 2 and all(signatures)
        steps = ("treasury.prepare/1", "treasury.pay/1", "treasury.receipt/1")
        assert await at.world.steps(case_id) == dict.fromkeys(steps, "done")
        lines = await at.world.store.read(lambda tx: list(audit.export(tx, case_id)))
        acts = [(one["actor"], one["action"]) for one in lines if one["type"] == "event"]
        assert [act for act in acts if act[1] == "multisig.approved"] == [
            ("kofi", "multisig.approved"),
            ("koji", "multisig.approved"),
        ]
        assert ("placet", "case.point-of-no-return") in acts and acts[-1] == ("placet", "case.completed")
        # The receipt is a text of the last line, which is chained; `verify` on the way out proves it whole.
        texts = {one["field"]: one["text"] for one in lines if one["type"] == "text" and one["seq"] == len(acts)}
        assert json.loads(texts["outcome"])["receipt"] == receipt
        assert receipt["tx_hash"] in texts["summary"]
        assert at.paid(to) == 1 and at.desk.journal.next_nonce == 1


async def test_a_council_without_wallets_pays_as_well(tmp_path: Path) -> None:
    async with treasury(tmp_path) as at:
        to = somebody()
        case_id = await at.start(to)
        await at.sign(case_id, "kofi", "kaia")
        assert (await at.world.ended(case_id))["state"] == "completed"
        assert (at.paid(to), at.chain.balance(to)) == (1, 1000)


async def test_a_token_is_paid_as_its_own_contract_says(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        to = somebody()
        case_id = await at.start(to, "2500000", token=at.desk.token)
        await at.sign(case_id, "kaia", "koji")
        outcome = (await at.world.ended(case_id))["outcome"]
        assert (outcome["token"], outcome["amount"], outcome["status"]) == (at.desk.token, "2500000", "paid")
        held = at.chain.rpc("eth_call", {"to": at.desk.token, "data": f"0x70a08231{to[2:].lower():0>64}"}, "latest")
        assert int(held, 16) == 2_500_000
        assert (at.paid(to, at.desk.token), at.chain.balance(to)) == (1, 0)


async def test_what_the_council_refuses_or_leaves_is_not_paid(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        refused, left = somebody(), somebody()
        first, second = await at.start(refused), await at.start(left)
        await at.refuse(first, "kofi", "kaia")
        assert "too much" in (await at.world.state(first, "refused"))["outcome"]["reason"]
        await at.sign(second, "kofi")
        ended = await at.world.ended(second)
        assert ended["state"] == "refused" and "1 of 2 approvals came in time" in ended["outcome"]["reason"]
        assert ("placet", "multisig.reminded") in await at.world.events(second)
        assert (at.paid(refused), at.paid(left), at.desk.journal.next_nonce) == (0, 0, 0)


async def test_a_council_that_is_too_small_by_now_refuses_when_it_is_asked(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        # Whoever holds the wallet that is paid does not approve.
        case_id = await at.start(key_of("kofi").address, threshold=3)
        ended = await at.world.ended(case_id)
        assert ended["state"] == "refused"
        assert "At most 2 can still approve, and 3 are needed." in ended["outcome"]["reason"]
        assert at.desk.journal.next_nonce == 0


async def test_signatures_of_others_and_over_another_payment_pay_nothing(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        await at.world.hire("cora", "coordinator")
        to = somebody()
        case_id, other = await at.start(to), await at.start(to)
        rules, another = await at.rules(case_id), await at.rules(other)
        typed = signable(rules.intent)
        signed = {name: key_of(name).sign_typed_data(full_message=typed).signature.to_0x_hex() for name in COUNCIL}
        elsewhere = key_of("kofi").sign_typed_data(full_message=signable(another.intent)).signature.to_0x_hex()
        tried = [
            ("kofi", rules.intent_hash, signed["kaia"], "wrong-wallet"),
            ("kofi", rules.intent_hash, elsewhere, "wrong-signature"),
            ("kofi", another.intent_hash, elsewhere, "stale-intent"),
            ("kofi", rules.intent_hash, None, "signature-missing"),
            ("ann", rules.intent_hash, signed["kofi"], "excluded"),
        ]
        for who, hashed, signature, code in tried:
            given = GivenApproval(intent_hash=hashed, signature=signature)
            answered = await at.approve(case_id, who, given)
            assert isinstance(answered, NotCounted) and answered.refusal.code == code
        await at.sign(case_id, "kofi")
        twice = await at.approve(
            case_id, "kofi", GivenApproval(intent_hash=rules.intent_hash, signature=signed["koji"])
        )
        assert isinstance(twice, NotCounted)
        codes = [code for action, code in await at.world.refused() if action == "multisig.approve"]
        assert codes == [code for *_, code in tried] + [twice.refusal.code]
        for one in (case_id, other):
            await at.world.steer(course.cancel, "cora", one)
            await at.world.state(one, "cancelled")
        assert at.desk.journal.next_nonce == 0


async def test_a_payment_that_is_not_covered_asks_for_attention_and_is_made_once_it_is(tmp_path: Path) -> None:
    async with treasury(tmp_path, endowed=False) as at:
        await at.world.hire("cora", "coordinator")
        to, never = somebody(), somebody()
        case_id, given_up = await at.start(to, "5000"), await at.start(never, "5000")
        for one in (case_id, given_up):
            asked = await at.rules(one)
            assert (asked.balance, asked.intent_hash) == ("0", asked.intent.hash)
            await at.sign(one, "kofi", "koji")
            task = await at.world.task(one, "attention-treasury-pay")
            query = sa.select(t.decision.c.rules).where(t.decision.c.id == task)
            rules = await at.world.store.read(lambda tx, query=query: tx.conn.execute(query).scalar_one())
            assert "5000 are needed" in rules["instructions"]
            assert (await at.world.case(one))["state"] == "needs-attention"
        assert at.desk.journal.next_nonce == 0
        at.chain.give(at.desk.account)
        await at.world.answer("cora", case_id, "attention-treasury-pay", "retry")
        # The clock must not jump while another case waits for people without a deadline.
        assert (await at.world.state(case_id, "completed"))["outcome"]["status"] == "paid"
        await at.world.answer("cora", given_up, "attention-treasury-pay", "abandon")
        await at.world.state(given_up, "failed")
        assert (at.paid(to), at.paid(never)) == (1, 0)
        assert at.desk.journal.next_nonce == 1


async def test_before_the_payment_it_can_be_cancelled_and_after_it_not(tmp_path: Path) -> None:
    async with treasury(tmp_path, confirmations=3, real_server=True) as at:
        await at.world.hire("cora", "coordinator")
        never, to = somebody(), somebody()
        early, late = await at.start(never), await at.start(to)
        await at.sign(early, "kofi")
        await at.world.steer(course.cancel, "cora", early)
        assert (await at.world.state(early, "cancelled"))["is_open"] is False
        await at.sign(late, "kofi", "koji")
        await at.world.until("the payment", lambda: _paid(at, to))
        answered = await at.world.steer(course.cancel, "cora", late)
        assert isinstance(answered, NotCounted) and answered.refusal.code == "point-of-no-return"
        at.chain.mine(3)
        assert (await at.world.ended(late))["outcome"]["status"] == "paid"
        assert (at.paid(never), at.paid(to)) == (0, 1)


async def test_a_pause_keeps_approvals_and_stops_the_clock(tmp_path: Path) -> None:
    async with treasury(tmp_path, wallets=True) as at:
        await at.world.hire("cora", "coordinator")
        to = somebody()
        case_id = await at.start(to)
        await at.sign(case_id, "kofi")
        await at.world.steer(course.pause, "cora", case_id)
        await at.world.skip(timedelta(days=30))
        rules = await at.rules(case_id)
        late = await at.approve(case_id, "koji", GivenApproval(intent_hash=rules.intent_hash))
        assert late.refusal.code == "case-paused"
        await at.world.steer(course.resume, "cora", case_id)
        await at.sign(case_id, "koji")
        assert (await at.world.ended(case_id))["outcome"]["approved_by"] == ["kofi", "koji"]
        assert at.paid(to) == 1


async def _paid(at: Treasury, to: str) -> Any:
    return at.paid(to) == 1
