"""Transactions as bytes (EIP-1559): what is signed, what is sent, and under which hash it will be found.

The hash is known before anything is sent, so whether it arrived can always be asked.
"""

from placet.connectors.chain.port import Call, Fees, Receipt
from placet.domain.intent import Intent
from placet.domain.model import Durable

TRANSFER = "a9059cbb"
# The event Transfer(address,address,uint256).
TRANSFERRED = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
KIND = b"\x02"


class Unsigned(Durable):
    """A transaction before its signature."""

    chain_id: int
    nonce: int
    fees: Fees
    gas: int
    call: Call

    def _fields(self) -> list[int | bytes | list[bytes]]:
        whom, data = bytes.fromhex(self.call.to[2:]), bytes.fromhex(self.call.data[2:])
        return [
            self.chain_id, self.nonce, self.fees.tip, self.fees.most, self.gas, whom, self.call.value, data, []
        ]  # fmt: skip

    @property
    def digest(self) -> bytes:
        """What the key signs."""
        import rlp
        from eth_utils.crypto import keccak

        return keccak(KIND + rlp.encode(self._fields()))

    def signed(self, signature: bytes) -> "Signed":
        """With a signature of 65 bytes (r, s, recovery id 0 or 1)."""
        import rlp
        from eth_utils.crypto import keccak

        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = KIND + rlp.encode([*self._fields(), signature[64], r, s])
        return Signed(raw=f"0x{raw.hex()}", hash=f"0x{keccak(raw).hex()}")


class Signed(Durable):
    """The bytes that are sent, however often, and their hash."""

    raw: str
    hash: str


def transfer(intent: Intent) -> Call:
    """The call by which the account itself fulfils the intent."""
    if intent.token is None:
        return Call(to=intent.to, value=intent.units, data=intent.data)
    return Call(to=intent.token, value=0, data=f"0x{TRANSFER}{intent.to[2:].lower():0>64}{intent.units:064x}")


def moved(intent: Intent, receipt: Receipt) -> bool:
    """Whether the receipt shows the transfer: a token may refuse one by answering `false` in a good transaction."""
    if not receipt.ok or intent.token is None:
        return receipt.ok
    expected = (TRANSFERRED, f"0x{intent.account[2:].lower():0>64}", f"0x{intent.to[2:].lower():0>64}")
    return any(
        log.address == intent.token.lower() and log.topics == expected and int(log.data, 16) == intent.units
        for log in receipt.logs
    )
