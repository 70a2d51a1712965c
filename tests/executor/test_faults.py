"""Nodes that cut, stall, lie, forget and reorganise: each payment is made once, by the same bytes or the same nonce."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from executor.anvil import Anvil
from executor.desk import PATIENCE_SECONDS, Desk, desk
from executor.ledger import ROUNDS, judge
from executor.proxy import faulty
from placet.connectors.chain.port import ChainRefused, ChainUnavailable
from placet.domain.payment import PaymentState
from placet.executor.admission import NotNow
from placet.executor.keys import LocalKey

TIMES = 2 * ROUNDS
FAULTS = {
    "refuse": "The node refuses the connection",
    "drop": "The node takes the transaction, then cuts the connection",
    "stall": "The node takes the transaction, then never answers",
    "lie": "The node takes the transaction, then answers with an error",
    "garbage": "The node takes the transaction, then answers with nonsense",
    "deny": "The node turns the transaction away",
}


async def pay_somehow(at: Desk, decision: str) -> None:
    """Ask until the payment has begun, as a step's retries do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await at.pay(decision)
                return
            except (ChainUnavailable, ChainRefused, NotNow):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("token", [False, True], ids=["native", "token"])
async def test_a_send_that_goes_wrong_is_asked_after_by_hash(
    chain: Anvil, key: LocalKey, tmp_path: Path, fault: str, token: bool
) -> None:
    sample = chain.token(key.address)
    # No other fault is waited for, and no slow answer may be taken for one.
    timeout = 1.0 if fault == "stall" else PATIENCE_SECONDS
    async with (
        faulty(chain.url) as node,
        desk(chain, tmp_path, url=node.url, key=key, timeout=timeout, tokens=(sample,)) as at,
    ):
        intents = []
        for _ in range(TIMES):
            node.faults = [fault, fault]
            intent, decision = at.approved(at.intent(token=sample if token else None))
            await pay_somehow(at, decision)
            intents.append(intent)
            if fault in ("refuse", "deny"):
                assert at.journal.of_decision(decision).state is PaymentState.SIGNED
            await at.rounds(decision)
            assert len(at.journal.signed(at.journal.of_decision(decision).key)) == 1, "it was signed again"
            assert fault not in ("refuse", "deny") or not node.faults
        judge(FAULTS[fault], node.done[fault], TIMES, at.judged(intents, sample if token else None))


async def test_any_call_may_go_wrong_at_any_time(chain: Anvil, key: LocalKey, tmp_path: Path) -> None:
    async with faulty(chain.url) as node, desk(chain, tmp_path, url=node.url, key=key) as at:
        made = [at.approved() for _ in range(10 * ROUNDS)]
        for seed in range(3):
            node.randomly(seed, 0.25)
            await asyncio.gather(*(pay_somehow(at, decision) for _, decision in made))
        async with asyncio.timeout(3 * PATIENCE_SECONDS):
            while at.journal.unfinished():
                with contextlib.suppress(ChainUnavailable, ChainRefused):
                    await at.office.payments.round()
        assert at.journal.frozen is None
        intents = [intent for intent, _ in made]
        judge("Any call of the node fails, one in four", sum(node.done.values()), len(made), at.judged(intents))


async def test_an_evicted_transaction_is_sent_again_byte_for_byte(paying: Desk) -> None:
    intents = []
    for _ in range(TIMES):
        paying.chain.automine(False)
        intent, decision = paying.approved()
        await paying.pay(decision)
        found = await paying.rounds(decision, PaymentState.SENT)
        (hashed,) = paying.chain.pool()
        assert paying.chain.rpc("anvil_dropTransaction", hashed) == hashed
        assert paying.chain.pool() == []
        await paying.office.payments.round()
        assert paying.chain.pool() == [hashed] == [one.hash for one in paying.journal.signed(found.key)]
        paying.chain.mine()
        await paying.rounds(decision)
        intents.append(intent)
    judge("The node's pool forgets the transaction", TIMES, TIMES, paying.judged(intents))


@pytest.mark.parametrize("winner", ["newest", "oldest"])
async def test_a_stuck_transaction_is_replaced_with_the_same_nonce_and_either_may_win(
    chain: Anvil, tmp_path: Path, winner: str
) -> None:
    async with desk(chain, tmp_path, stuck_after=0.01) as at:
        intents = []
        for _ in range(TIMES):
            chain.automine(False)
            intent, decision = at.approved()
            intents.append(intent)
            await at.pay(decision)
            found = at.journal.of_decision(decision)
            await at.carried_on(decision, lambda one: len(at.journal.signed(one.key)) > 1)
            newest, *_, oldest = at.journal.signed(found.key)
            assert newest.fees.most >= oldest.fees.most * 5 // 4 and newest.fees.tip >= oldest.fees.tip * 5 // 4
            assert newest.hash in chain.pool() and oldest.hash not in chain.pool()
            if winner == "oldest":
                for hashed in chain.pool():
                    chain.rpc("anvil_dropTransaction", hashed)
                chain.rpc("eth_sendRawTransaction", oldest.raw)
            expected = {one.hash for one in at.journal.signed(found.key)} & set(chain.pool())
            chain.mine()
            ended = await at.rounds(decision)
            assert {ended.receipt.tx_hash} == expected
            await at.office.payments.round()
        judge(f"Nobody mines it: replaced, the {winner} is mined", TIMES, TIMES, at.judged(intents))


async def test_a_replacement_never_offers_more_than_the_settings(chain: Anvil, tmp_path: Path) -> None:
    from placet.executor.settings import ExecutorSettings

    async with desk(chain, tmp_path, stuck_after=0.001, pins=ExecutorSettings(max_fee_gwei=4)) as at:
        chain.automine(False)
        _, decision = at.approved()
        await at.pay(decision)
        for _ in range(10):
            await at.office.payments.round()
            await asyncio.sleep(0.002)
        found = at.journal.of_decision(decision)
        assert all(one.fees.most <= 4 * 10**9 for one in at.journal.signed(found.key))
        assert "more than 4 gwei" in found.why
        chain.mine()
        await at.rounds(decision)


async def test_a_reorganised_chain_gets_the_same_bytes_again(chain: Anvil, tmp_path: Path) -> None:
    async with desk(chain, tmp_path, confirmations=4) as at:
        intents = []
        for _ in range(TIMES):
            intent, decision = at.approved()
            intents.append(intent)
            await at.pay(decision)
            found = await at.carried_on(decision, lambda one: one.receipt is not None)
            chain.mine()
            before = found.receipt.block
            chain.rpc("anvil_reorg", 2, [])
            chain.mine(3)
            assert chain.rpc("eth_getBlockByNumber", hex(before.number), False)["hash"] != before.hash
            for _ in range(6):
                await at.office.payments.round()
                chain.mine()
            ended = await at.rounds(decision)
            assert ended.receipt.block != before
            assert len(at.journal.signed(found.key)) == 1
        judge("A reorganisation takes the block away", TIMES, TIMES, at.judged(intents))


async def test_a_chain_that_forgets_confirmed_blocks_gets_the_same_bytes_again(paying: Desk) -> None:
    """An embedded chain that was killed has forgotten its last blocks; that heals, and is no reason to freeze."""
    intents = []
    for _ in range(TIMES):
        older = paying.chain.rpc("evm_snapshot")
        made = [paying.approved() for _ in range(3)]
        for intent, decision in made:
            await paying.pay(decision)
            await paying.rounds(decision)
            intents.append(intent)
        assert paying.chain.rpc("evm_revert", older) is True
        assert paying.chain.balance(made[0][0].to) == 0
        for _, decision in made:
            await paying.office.payments.round()
            await paying.rounds(decision)
    assert paying.journal.frozen is None
    judge("The chain forgets confirmed blocks", TIMES, 3 * TIMES, paying.judged(intents))


async def test_a_database_restored_from_an_older_copy_pays_nothing_twice(paying: Desk) -> None:
    import sqlalchemy as sa

    from executor import council
    from placet.executor.verify import Refused
    from placet.store import tables as t

    intents = []
    for _ in range(TIMES):
        intent, decision = paying.approved()
        await paying.pay(decision)
        await paying.rounds(decision)
        intents.append(intent)
        gone = sa.delete(t.decision).where(t.decision.c.id == decision)
        paying.store.submit(lambda tx, gone=gone: tx.conn.execute(gone)).result()
        assert (await paying.pay(decision)).state is PaymentState.CONFIRMED
        council.close(paying.store, intent)
        assert (await paying.pay(decision)).state is PaymentState.CONFIRMED
        more = intent.model_copy(update={"amount": "2000"})
        council.close(paying.store, more)
        with pytest.raises(Refused) as refused:
            await paying.pay(decision)
        assert refused.value.code == "other-intent"
    judge("The application database goes back to an older copy", TIMES, TIMES, paying.judged(intents))
