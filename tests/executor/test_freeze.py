"""Where the journal and the chain disagree, nothing more is signed until an administrator has looked."""

import secrets
from pathlib import Path

import pytest
import sqlalchemy as sa
from eth_account import Account

from executor import council
from executor.anvil import CHAIN_ID, Anvil, anvil
from executor.desk import Desk, copy_journal, desk, put_journal, somebody
from executor.ledger import judge
from placet.domain.payment import PaymentState
from placet.executor.keys import LocalKey
from placet.executor.payments import Frozen
from placet.executor.verify import Refused
from placet.store import tables as t

SECRET = secrets.token_bytes(32)


@pytest.fixture
def key() -> LocalKey:
    return LocalKey(SECRET)


def spend(chain: Anvil, nonce: int | None = None, **more: int) -> str:
    """A transaction by somebody else who has the key."""
    thief = Account.from_key(SECRET)
    call = {"chainId": CHAIN_ID, "nonce": chain.nonce(thief.address) if nonce is None else nonce, "gas": 21_000}
    fees = {"maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**11, "value": 1, "to": somebody()}
    raw = thief.sign_transaction(call | fees | more).raw_transaction
    return chain.rpc("eth_sendRawTransaction", f"0x{bytes(raw).hex()}")


def audited(at: Desk) -> list[str]:
    query = sa.select(t.audit.c.action).where(t.audit.c.chain == "@executor").order_by(t.audit.c.seq)
    return at.store.read_now(lambda tx: list(tx.conn.execute(query).scalars()))


async def test_a_transaction_that_is_not_in_the_journal_freezes(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    async with desk(chain, tmp_path, key=key) as at:
        _intent, decision = at.approved()
        await at.pay(decision)
        await at.rounds(decision)
        spend(chain)
        chain.mine()
        _, second = at.approved()
        with pytest.raises(Frozen):
            await at.pay(second)
        assert at.journal.next_nonce == 1, "a nonce was given out"
        status = await at.office.status()
        assert status["state"] == "frozen" and "thaw" in str(status["advice"])
        assert audited(at) == ["executor.frozen"]
        assert (await at.pay(decision)).state is PaymentState.CONFIRMED, "what was paid is still told"


async def test_a_foreign_transaction_that_waits_in_the_pool_freezes_too(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    async with desk(chain, tmp_path, key=key) as at:
        chain.automine(False)
        spend(chain)
        _, decision = at.approved()
        with pytest.raises(Frozen):
            await at.pay(decision)


async def test_a_nonce_that_a_stranger_used_ends_the_payment_and_freezes(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    async with desk(chain, tmp_path, key=key) as at:
        chain.automine(False)
        intent, decision = at.approved()
        await at.pay(decision)
        spend(chain, nonce=0)
        chain.mine()
        found = await at.rounds(decision, PaymentState.FROZEN)
        assert "was used by a transaction that is not in the journal" in found.why
        assert at.journal.frozen is not None
        judge("Somebody else uses a nonce of ours", 1, 0, (chain.received()[intent.to.lower()], 0, 0))
        await at.office.thaw(())
        _, third = at.approved()
        chain.automine(True)
        await at.pay(third)
        await at.rounds(third)
        assert (await at.pay(decision)).state is PaymentState.FROZEN, "what ended is not paid after a thaw"


async def test_a_frozen_payment_whose_bytes_are_mined_after_all_is_confirmed(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    async with desk(chain, tmp_path, key=key, confirmations=2) as at:
        chain.automine(False)
        before = chain.rpc("evm_snapshot")
        intent, decision = at.approved()
        await at.pay(decision)
        spend(chain, nonce=0)
        chain.mine(2)
        await at.rounds(decision, PaymentState.FROZEN)
        # The chain takes the stranger's block back, and mines ours.
        assert chain.rpc("evm_revert", before)
        ours = at.journal.signed(f"{intent.case_id}/treasury.pay/1")[0]
        if ours.hash not in chain.pool():
            chain.rpc("eth_sendRawTransaction", ours.raw)
        await at.office.payments.round()
        chain.mine()
        await at.office.payments.round()
        found = at.journal.of_decision(decision)
        assert found is not None and found.state is PaymentState.FROZEN, "not deep enough"
        chain.mine()
        found = await at.rounds(decision)
        assert found.receipt is not None and found.receipt.tx_hash == ours.hash
        assert at.journal.frozen is not None, "an administrator looks all the same"
        assert chain.received()[intent.to.lower()] == 1


async def test_a_journal_older_than_the_chain_freezes_and_pays_nothing_twice(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    copy = tmp_path / "copy.db"
    async with desk(chain, tmp_path, key=key) as at:
        first, decision = at.approved()
        await at.pay(decision)
        await at.rounds(decision)
        copy_journal(tmp_path, copy)
        second, lost = at.approved()
        await at.pay(lost)
        await at.rounds(lost)
        third, unpaid = at.approved()
    put_journal(tmp_path, copy)
    async with desk(chain, tmp_path, key=key, endowed=False) as at:
        for asked in (lost, unpaid):
            with pytest.raises(Frozen):
                await at.pay(asked)
        await at.office.thaw((unpaid,))
        with pytest.raises(Refused) as refused:
            await at.pay(lost)
        assert refused.value.code == "needs-clearance"
        await at.pay(unpaid)
        await at.rounds(unpaid)
        _, later = at.approved()
        await at.pay(later)
        await at.rounds(later)
        judge("The journal goes back to an older copy", 1, 3, at.judged([first, second, third]))
        assert audited(at) == ["executor.frozen", "executor.thawed", "payment.refused"]


async def test_a_journal_that_was_copied_between_reserving_and_signing_freezes(
    chain: Anvil, tmp_path: Path, key: LocalKey
) -> None:
    """The copy knows the nonce, but not what was signed for it."""
    copy = tmp_path / "copy.db"
    async with desk(chain, tmp_path, key=key) as at:
        intent, decision = at.approved()
        at.journal.reserve(f"{intent.case_id}/treasury.pay/1", decision, intent, {}, 21_000)
        copy_journal(tmp_path, copy)
        at.journal.note("genesis", None)
        await at.pay(decision)
        await at.rounds(decision)
    put_journal(tmp_path, copy)
    async with desk(chain, tmp_path, key=key, endowed=False) as at:
        await at.rounds(decision, PaymentState.FROZEN)
        assert at.journal.frozen is not None
        judge("The journal is a copy from before the signature", 1, 1, at.judged([intent]))


async def test_thawing_what_is_not_frozen_changes_nothing(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    async with desk(chain, tmp_path, key=key) as at:
        _, decision = at.approved()
        await at.office.thaw(())
        await at.pay(decision)
        await at.rounds(decision)


async def test_a_new_journal_for_a_used_account_freezes(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    chain.give(key.address)
    spend(chain)
    chain.mine()
    async with desk(chain, tmp_path, key=key) as at:
        _intent, decision = at.approved()
        with pytest.raises(Frozen):
            await at.pay(decision)
        await at.office.thaw((decision,))
        await at.pay(decision)
        await at.rounds(decision)
        assert chain.nonces(key.address) == [0, 1]


async def test_another_chain_freezes_and_cannot_be_thawed(tmp_path: Path, key: LocalKey) -> None:
    with anvil("--timestamp", "1700000000") as one, anvil("--timestamp", "1700000001") as other:
        async with desk(one, tmp_path, key=key) as at:
            _, decision = at.approved()
            await at.pay(decision)
            await at.rounds(decision)
        async with desk(other, tmp_path, key=key) as at:
            intent, second = at.approved()
            with pytest.raises(Frozen):
                await at.pay(second)
            with pytest.raises(Frozen):
                await at.office.payments.round()
            with pytest.raises(Frozen):
                await at.office.thaw(())
            judge("The node is on another chain", 1, 0, at.judged([intent]))
        async with desk(one, tmp_path, key=key, endowed=False) as at:
            await at.office.thaw((second,))
            await at.pay(second)
            await at.rounds(second)


async def test_a_node_with_another_chain_id_freezes(chain: Anvil, tmp_path: Path, key: LocalKey) -> None:
    async with desk(chain, tmp_path, key=key, kind="rpc", url_env="URL", chain_id=1) as at:
        intent = at.intent(chain_id=1)
        decision = council.close(at.store, intent)
        with pytest.raises(Frozen):
            await at.pay(decision)
        assert chain.transactions() == []
