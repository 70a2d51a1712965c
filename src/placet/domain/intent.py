"""One exact payment, and what its signers sign.

An intent is never changed: another recipient, amount or nonce is another intent with another hash, and no approval of
the one counts for the other. `typed_data` is what a wallet shows and signs (EIP-712).
"""

from typing import Any, Self

from pydantic import Field, model_validator

from placet.domain.audit import digest
from placet.domain.model import Durable

ADDRESS = r"^0x[0-9a-fA-F]{40}$"
NATIVE = f"0x{'0' * 40}"
"""The token address that means the chain's own currency."""

MAX_UINT256 = 2**256 - 1


class Intent(Durable):
    """One transfer from a treasury account. Addresses carry their checksum (EIP-55).

    `amount` is in the smallest unit, as decimal text: JSON numbers lose digits beyond 2^53. `token` is the address of
    an ERC-20 contract, None for the chain's own currency; `data` is call data as hex. `safe_nonce` is set when the
    account is a Safe: then its owners sign the Safe's own transaction of that nonce.
    """

    chain_id: int = Field(ge=1, le=2**53 - 1)
    account: str = Field(pattern=ADDRESS)
    to: str = Field(pattern=ADDRESS)
    token: str | None = Field(default=None, pattern=ADDRESS)
    amount: str = Field(pattern=r"^[1-9][0-9]{0,77}$")
    data: str = Field(default="0x", pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=20_002)
    case_id: str = Field(min_length=1, max_length=200)
    safe_nonce: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.units > MAX_UINT256:
            raise ValueError("the amount does not fit into 256 bits")
        if self.token is not None and self.data != "0x":
            raise ValueError("a transfer of a token carries no call data of its own")
        return self

    @property
    def units(self) -> int:
        return int(self.amount)

    @property
    def hash(self) -> str:
        """Identifies this intent and nothing else (SHA-256 over its canonical JSON, hex)."""
        return digest(self.model_dump(mode="json"))


def typed_data(intent: Intent) -> dict[str, Any]:
    """The EIP-712 message that a council member's wallet signs to approve a payment from a plain account."""
    fields = [
        ("case", "string"),
        ("to", "address"),
        ("token", "address"),
        ("amount", "uint256"),
        ("data", "bytes"),
        ("intent", "bytes32"),
    ]
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Approval": [{"name": name, "type": kind} for name, kind in fields],
        },
        "primaryType": "Approval",
        "domain": {"name": "Placet", "version": "1", "chainId": intent.chain_id, "verifyingContract": intent.account},
        "message": {
            "case": intent.case_id,
            "to": intent.to,
            "token": intent.token or NATIVE,
            "amount": intent.amount,
            "data": intent.data,
            "intent": f"0x{intent.hash}",
        },
    }
