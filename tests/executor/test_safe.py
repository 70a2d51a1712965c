"""A Safe holds the money: the chain itself asks for two of three owners."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from executor import council
from executor.anvil import TRANSFERRED, Anvil
from executor.council import WALLETS, approvals_of, rules_of
from executor.desk import Desk, desk, somebody
from executor.ledger import judge
from placet.connectors.chain.evm import BLOCKS_AT_ONCE, CLOCKS_DIFFER, EvmNode
from placet.connectors.chain.safe import EXECUTED, execution, safe_facts, safe_hash
from placet.domain.intent import NATIVE, Intent
from placet.domain.payment import PaymentState
from placet.executor.admission import NotNow, next_safe_nonce
from placet.executor.keys import LocalKey
from placet.executor.verify import Refused

OWNERS = [wallet.address for wallet in WALLETS[:3]]


def deploy_safe(chain: Anvil) -> str:
    """Safe 1.4.1 as it was published: singleton, then a proxy of it with two of three owners."""
    from eth_abi.abi import encode
    from safe_eth.eth.contracts import load_contract_interface

    singleton = chain.deploy(load_contract_interface("Safe_V1_4_1.json")["bytecode"], [], [])
    factory = chain.deploy(load_contract_interface("ProxyFactory_V1_4_1.json")["bytecode"], [], [])
    kinds = ["address[]", "uint256", "address", "bytes", "address", "address", "uint256", "address"]
    setup = keccak(text="setup(address[],uint256,address,bytes,address,address,uint256,address)")[:4]
    setup += encode(kinds, [OWNERS, 2, NATIVE, b"", NATIVE, NATIVE, 0, NATIVE])
    create = keccak(text="createProxyWithNonce(address,bytes,uint256)")[:4]
    create += encode(["address", "bytes", "uint256"], [singleton, setup, 7])
    maker = Account.create()
    chain.give(maker.address)
    receipt = chain.transact(maker, factory, f"0x{create.hex()}")
    topic = f"0x{keccak(text='ProxyCreation(address,address)').hex()}"
    made = next(log for log in receipt["logs"] if log["topics"][0] == topic)
    return str(to_checksum_address(f"0x{made['topics'][1][-40:]}"))


@pytest.fixture
def safe(chain: Anvil) -> str:
    made = deploy_safe(chain)
    chain.give(made, 10**18)
    return made


async def paid(at: Desk, **more: Any) -> Any:
    nonce = await next_safe_nonce(at.office.payments.chain, at.journal, at.account)
    return at.approved(at.intent(safe_nonce=nonce, **more))


def moved(chain: Anvil, to: str) -> int:
    return chain.balance(to)


async def test_two_of_three_owners_pay_and_one_does_not(chain: Anvil, tmp_path: Path, safe: str) -> None:
    key = LocalKey(secrets.token_bytes(32))
    token = chain.token(safe)
    async with desk(chain, tmp_path, key=key, mode="safe", safe=safe, tokens=(token,)) as at:
        assert (await safe_facts(at.office.payments.chain, safe)).owners == tuple(OWNERS)
        intent = at.intent(safe_nonce=0)
        alone = rules_of(intent, threshold=1)
        decision = council.close(at.store, intent, rules=alone, approvals=approvals_of(intent, 1))
        with pytest.raises(Refused) as refused:
            await at.pay(decision)
        assert refused.value.code == "too-few-owners" and chain.nonces(key.address) == []
        intent, decision = await paid(at)
        await at.pay(decision)
        await at.rounds(decision)
        second, decision = await paid(at, token=token, amount=77)
        assert second.safe_nonce == 1
        await at.pay(decision)
        await at.rounds(decision)
        assert (chain.balance(intent.to), chain.received(token)[second.to.lower()]) == (1000, 1)
        seen = int(chain.balance(intent.to) == 1000) + chain.received(token)[second.to.lower()]
        nonces = chain.nonces(key.address)
        judge(
            "A Safe pays with two of three owners",
            2,
            2,
            (seen, len(nonces) - len(set(nonces)), nonces[-1] + 1 - len(nonces)),
        )


async def test_the_signed_transaction_of_a_safe_cannot_be_replayed(chain: Anvil, tmp_path: Path, safe: str) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe) as at:
        intent, decision = await paid(at)
        await at.pay(decision)
        await at.rounds(decision)
        assert present(chain, intent)["status"] == "0x0"
        assert chain.balance(intent.to) == 1000


def present(chain: Anvil, intent: Intent) -> dict[str, Any]:
    """Somebody else sees the signatures, and brings the payment to the Safe."""
    call = execution(intent, {wallet.address: council.signed(intent, wallet) for wallet in WALLETS[:2]})
    anybody = Account.create()
    chain.give(anybody.address)
    return chain.transact(anybody, intent.account, call.data)


async def test_a_payment_that_somebody_else_presents_first_ends_as_paid(
    chain: Anvil, tmp_path: Path, safe: str
) -> None:
    token = chain.token(safe)
    async with desk(chain, tmp_path, mode="safe", safe=safe, confirmations=3, tokens=(token,)) as at:
        for number, of in enumerate((None, token)):
            chain.automine(False)
            intent, decision = await paid(at, token=of)
            await at.pay(decision)
            ours = chain.pool()
            chain.rpc("anvil_dropTransaction", ours[0])
            chain.automine(True)
            theirs = present(chain, intent)
            assert theirs["status"] == "0x1"
            await at.office.payments.round()
            assert chain.receipt(ours[0])["status"] == "0x0", "ours came second, and reverted"
            chain.mine(2)
            found = await at.rounds(decision)
            assert (found.receipt is not None) and found.receipt.tx_hash == theirs["transactionHash"]
            facts = at.office.facts(found)
            assert facts is not None and facts.status == "confirmed" and found.nonce == number
        assert chain.received(token)[intent.to.lower()] == 1


async def test_what_was_presented_before_the_executor_was_asked_is_paid_and_not_to_be_approved_anew(
    chain: Anvil, tmp_path: Path, safe: str
) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe, confirmations=2) as at:
        intent, decision = await paid(at)
        other, unpaid = at.approved(at.intent(safe_nonce=0))
        theirs = present(chain, intent)
        with pytest.raises(NotNow):
            await at.pay(decision)
        assert at.journal.of_decision(decision) is None
        chain.mine()
        found = await at.pay(decision)
        assert found.state is PaymentState.CONFIRMED and found.receipt is not None
        assert found.receipt.tx_hash == at.office.paid(found).tx_hash == theirs["transactionHash"]
        with pytest.raises(Refused) as refused:
            await at.pay(unpaid)
        assert refused.value.code == "safe-nonce-used"
        assert (chain.balance(intent.to), chain.balance(other.to)) == (1000, 0)
        assert at.journal.next_nonce == 0, "no nonce of the account was spent"
        _, third = await paid(at)
        await at.pay(third)
        chain.mine()
        assert (await at.rounds(third)).nonce == 0


async def test_logs_are_looked_for_in_pieces_and_from_a_moment_on(chain: Anvil) -> None:
    owner = Account.create()
    chain.give(owner.address)
    token, data = chain.token(owner.address), f"0xa9059cbb{somebody()[2:].lower():0>64}{1:064x}"
    topics = (TRANSFERRED, f"0x{owner.address[2:].lower():0>64}")
    begun = int(chain.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
    first = chain.transact(owner, token, data)["transactionHash"]
    # Seconds lie between blocks, as their own clock has it.
    chain.rpc("anvil_mine", hex(BLOCKS_AT_ONCE + 100), hex(CLOCKS_DIFFER // 1000))
    second = chain.transact(owner, token, data)["transactionHash"]
    node = EvmNode(chain.url)
    try:
        assert await node.logged(token, topics, begun) == (first, second)
        assert await node.logged(token, topics, begun + CLOCKS_DIFFER + 100) == (second,)
        assert await node.logged(token, topics, begun + 10**9) == (second,), "the last block is always looked at"
        assert await node.logged(token, (TRANSFERRED, EXECUTED), begun) == ()
    finally:
        await node.close()


async def test_a_payment_whose_safe_nonce_another_one_took_reverts(chain: Anvil, tmp_path: Path, safe: str) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe) as at:
        chain.automine(False)
        intent, decision = await paid(at)
        await at.pay(decision)
        chain.rpc("anvil_dropTransaction", chain.pool()[0])
        chain.automine(True)
        other = at.intent(safe_nonce=0)
        assert present(chain, other)["status"] == "0x1"
        await at.rounds(decision, PaymentState.REVERTED)
        assert (chain.balance(intent.to), chain.balance(other.to)) == (0, 1000)


async def test_a_safe_nonce_is_used_once_and_in_turn(chain: Anvil, tmp_path: Path, safe: str) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe) as at:
        first, one = at.approved(at.intent(safe_nonce=0))
        other, two = at.approved(at.intent(safe_nonce=0))
        early, three = at.approved(at.intent(safe_nonce=1))
        with pytest.raises(NotNow):
            await at.pay(three)
        chain.automine(False)
        await at.pay(one)
        with pytest.raises(Refused) as refused:
            await at.pay(two)
        assert refused.value.code == "safe-nonce-used"
        assert await next_safe_nonce(at.office.payments.chain, at.journal, safe) == 1
        chain.automine(True)
        chain.mine()
        await at.rounds(one)
        with pytest.raises(Refused) as refused:
            await at.pay(two)
        assert refused.value.code == "safe-nonce-used"
        await at.pay(three)
        await at.rounds(three)
        assert [chain.balance(intent.to) for intent in (first, other, early)] == [1000, 0, 1000]


async def test_a_signature_over_the_plain_approval_is_none_for_a_safe(chain: Anvil, tmp_path: Path, safe: str) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe) as at:
        intent = at.intent(safe_nonce=0)
        plain = intent.model_copy(update={"safe_nonce": None})
        decision = council.close(at.store, intent, approvals=approvals_of(plain))
        with pytest.raises(Refused) as refused:
            await at.pay(decision)
        assert refused.value.code == "bad-signature"


async def test_a_safe_without_the_money_is_not_asked(chain: Anvil, tmp_path: Path, safe: str) -> None:
    async with desk(chain, tmp_path, mode="safe", safe=safe) as at:
        _, decision = await paid(at, amount=10**18 + 1)
        with pytest.raises(Refused) as refused:
            await at.pay(decision)
        assert refused.value.code == "insufficient-funds"


def test_the_hash_that_owners_sign_is_the_one_that_the_safes_own_library_signs(chain: Anvil, safe: str) -> None:
    from safe_eth.eth import EthereumClient
    from safe_eth.safe import SafeTx

    intent = Intent(
        chain_id=31337, account=safe, to=OWNERS[0], amount="5", data="0x1234", case_id="case-a", safe_nonce=3
    )
    theirs = SafeTx(
        EthereumClient(chain.url), safe, OWNERS[0], 5, b"\x12\x34", 0, 0, 0, 0, None, None, safe_nonce=3,
        safe_version="1.4.1", chain_id=31337,
    )  # fmt: skip
    assert safe_hash(intent) == f"0x{theirs.safe_tx_hash.hex().removeprefix('0x')}"
