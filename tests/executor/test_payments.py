"""A payment from end to end, on a real chain which alone says what was paid."""

import asyncio

import pytest

from executor.desk import Desk, somebody
from placet.domain.payment import PaymentState
from placet.executor.verify import Refused


async def test_an_approved_payment_is_made_once_and_asked_for_again_only_told(paying: Desk) -> None:
    intent, decision = paying.approved()
    await paying.pay(decision)
    first = await paying.rounds(decision)
    again = await paying.pay(decision)
    assert again == first
    assert paying.chain.balance(intent.to) == 1000
    assert paying.judged([intent]) == (1, 0, 0)
    facts = paying.office.facts(again)
    assert facts is not None and facts.status == "confirmed"
    mined = paying.chain.rpc("eth_getTransactionReceipt", facts.tx_hash)
    assert (mined["blockHash"], int(mined["gasUsed"], 16)) == (facts.block_hash, facts.gas_used)


async def test_a_token_is_paid_in_its_own_contract(paying: Desk) -> None:
    intent, decision = paying.approved(paying.intent(token=paying.token, amount=250))
    await paying.pay(decision)
    await paying.rounds(decision)
    assert paying.judged([intent], paying.token) == (1, 0, 0)
    assert paying.chain.balance(intent.to) == 0


async def test_a_token_that_answers_no_in_a_good_transaction_has_not_paid(paying: Desk) -> None:
    payee = somebody()
    from eth_account import Account

    stranger = Account.create()
    paying.chain.give(stranger.address)
    ignored = paying.chain.transact(stranger, paying.token, f"0x{_selector('ignore(address)')}{payee[2:]:0>64}")
    assert ignored["status"] == "0x1"
    _, decision = paying.approved(paying.intent(payee, token=paying.token))
    await paying.pay(decision)
    found = await paying.rounds(decision, PaymentState.REVERTED)
    assert "without a transfer" in found.why
    assert paying.chain.received(paying.token)[payee.lower()] == 0


async def test_thirty_at_once_get_thirty_nonces_in_a_row(paying: Desk) -> None:
    made = [paying.approved() for _ in range(30)]
    await asyncio.gather(*(paying.pay(decision) for _, decision in made), *(paying.pay(made[0][1]) for _ in range(5)))
    for _, decision in made:
        await paying.rounds(decision)
    assert paying.judged([intent for intent, _ in made]) == (30, 0, 0)
    assert paying.chain.nonces(paying.account) == list(range(30))


async def test_a_decision_pays_once_whatever_keys_are_invented(paying: Desk) -> None:
    intent, decision = paying.approved()
    other, second = paying.approved()
    await paying.pay(decision)
    for key, asked, code in (
        ("another", decision, "already-paid"),
        (f"{intent.case_id}/treasury.pay/1", second, "key-reused"),
    ):
        with pytest.raises(Refused) as refused:
            await paying.pay(asked, key)
        assert refused.value.code == code
    answers = await asyncio.gather(
        *(paying.pay(second, f"key {number}") for number in range(8)), return_exceptions=True
    )
    assert sorted(isinstance(one, Refused) for one in answers) == [False] + [True] * 7
    await paying.rounds(second)
    assert paying.judged([intent, other]) == (2, 0, 0)


async def test_what_the_account_does_not_cover_takes_no_nonce(paying: Desk) -> None:
    much = paying.chain.balance(paying.account)
    _, decision = paying.approved(paying.intent(amount=much))
    with pytest.raises(Refused) as refused:
        await paying.pay(decision)
    assert refused.value.code == "insufficient-funds"
    assert (paying.journal.next_nonce, paying.chain.nonces(paying.account)) == (0, [])
    paying.chain.give(paying.account, 2 * much)
    await paying.pay(decision)
    await paying.rounds(decision)


async def test_a_call_that_would_revert_takes_no_nonce(paying: Desk) -> None:
    assert paying.token is not None
    _, decision = paying.approved(paying.intent(paying.token, data="0xdeadbeef"))
    with pytest.raises(Refused) as refused:
        await paying.pay(decision)
    assert refused.value.code == "would-revert"
    assert paying.journal.next_nonce == 0


def _selector(signature: str) -> str:
    from eth_utils.crypto import keccak

    return keccak(text=signature)[:4].hex()
