"""A Safe (1.4.1): a treasury of which the chain itself asks for n of m signatures."""

from collections.abc import Mapping, Sequence
from typing import Any

from placet.connectors.chain.port import Call, Chain, Receipt
from placet.connectors.chain.transactions import transfer
from placet.domain.intent import NATIVE, Intent
from placet.domain.model import Durable

FIELDS = (
    ("to", "address"),
    ("value", "uint256"),
    ("data", "bytes"),
    ("operation", "uint8"),
    ("safeTxGas", "uint256"),
    ("baseGas", "uint256"),
    ("gasPrice", "uint256"),
    ("gasToken", "address"),
    ("refundReceiver", "address"),
    ("nonce", "uint256"),
)
EXECUTE = "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
NONCE, OWNERS, THRESHOLD = "0xaffed0e0", "0xa0e67e2b", "0xe75235b8"
# The event ExecutionSuccess(bytes32 indexed txHash, uint256 payment).
EXECUTED = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e"
# A call, never a delegatecall; no gas of its own and no price, so a transfer that fails reverts the whole.
PLAIN: dict[str, Any] = {
    "operation": 0, "safeTxGas": 0, "baseGas": 0, "gasPrice": 0, "gasToken": NATIVE, "refundReceiver": NATIVE
}  # fmt: skip


class SafeFacts(Durable):
    """What the chain says of a Safe."""

    owners: tuple[str, ...]
    threshold: int
    nonce: int


def safe_typed_data(intent: Intent) -> dict[str, Any]:
    """The Safe's own transaction (EIP-712), as its owners' wallets show and sign it."""
    if intent.safe_nonce is None:
        raise ValueError("this intent is not one of a Safe")
    inner = transfer(intent)
    return {
        "types": {
            "EIP712Domain": [
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "SafeTx": [{"name": name, "type": kind} for name, kind in FIELDS],
        },
        "primaryType": "SafeTx",
        "domain": {"chainId": intent.chain_id, "verifyingContract": intent.account},
        "message": {"to": inner.to, "value": str(inner.value), "data": inner.data, **PLAIN, "nonce": intent.safe_nonce},
    }


def execution(intent: Intent, signatures: Mapping[str, str]) -> Call:
    """The call that has the Safe do what its owners signed; `signatures` by owner."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    inner = transfer(intent)
    # The contract wants them in the order of their owners.
    packed = b"".join(_for_contract(signatures[owner]) for owner in sorted(signatures, key=lambda one: int(one, 16)))
    kinds = [kind for _, kind in FIELDS[:-1]] + ["bytes"]
    values = [inner.to, inner.value, bytes.fromhex(inner.data[2:]), *PLAIN.values(), packed]
    return Call(to=intent.account, value=0, data=f"0x{(keccak(text=EXECUTE)[:4] + encode(kinds, values)).hex()}")


def safe_hash(intent: Intent) -> str:
    """The Safe's own hash of the transaction, which its owners sign and its events name."""
    from eth_account.messages import encode_typed_data
    from eth_utils.crypto import keccak

    message = encode_typed_data(full_message=safe_typed_data(intent))
    return f"0x{keccak(bytes([0x19]) + message.version + message.header + message.body).hex()}"


async def executed(chain: Chain, intent: Intent, since: float) -> Receipt | None:
    """The transaction in which the Safe did what the intent says, whoever sent it; None when it has not done so."""
    for tx_hash in await chain.logged(intent.account, (EXECUTED, safe_hash(intent)), since):
        if (receipt := await chain.receipt(tx_hash)) is not None and receipt.ok:
            return receipt
    return None


async def safe_facts(chain: Chain, safe: str) -> SafeFacts:
    from eth_abi.abi import decode
    from eth_utils.address import to_checksum_address

    owners, threshold, nonce = [await chain.call(safe, data) for data in (OWNERS, THRESHOLD, NONCE)]
    (found,) = decode(["address[]"], bytes.fromhex(owners[2:]))
    named: Sequence[str] = [str(to_checksum_address(one)) for one in found]
    return SafeFacts(owners=tuple(named), threshold=int(threshold, 16), nonce=int(nonce, 16))


def _for_contract(signature: str) -> bytes:
    """With 27 or 28 at its end: a Safe takes other values for signatures of quite other kinds."""
    raw = bytes.fromhex(signature.removeprefix("0x"))
    return raw[:64] + bytes([raw[64] + 27 if raw[64] < 27 else raw[64]])
