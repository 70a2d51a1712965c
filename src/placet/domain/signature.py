"""A wallet's signature as text, and the message that proves that somebody holds a wallet. Nothing is recovered here."""

import re
from typing import Any

from placet.domain.said import Said

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of the curve secp256k1."""

_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{130})")


class BadSignature(ValueError):
    """Why something cannot be the signature of a wallet: a stable code, and words for the person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class CannotRecover(RuntimeError):
    """Signatures cannot be checked here at all, so none counts."""


def normal(signature: str) -> str:
    """The one spelling of a signature: `0x`, r, s and v of 27 or 28 in lower case. Raises BadSignature."""
    found = _HEX.fullmatch(signature.strip())
    if found is None:
        raise BadSignature("signature-malformed", Said("A signature is 65 bytes as hex: 0x and 130 digits."))
    digits = found[1].lower()
    r, s, v = int(digits[:64], 16), int(digits[64:128], 16), int(digits[128:], 16)
    if v in (0, 1):
        v += 27
    if v not in (27, 28) or not 0 < r < ORDER or not 0 < s < ORDER:
        raise BadSignature(
            "signature-malformed", Said("This is not the signature of a wallet: r, s or v is out of range.")
        )
    if s > ORDER // 2:
        # Its twin with the low s signs the same message: two spellings must not pass for two signatures.
        raise BadSignature(
            "signature-high-s", Said("The s of this signature is too high; sign again with a current wallet.")
        )
    return f"0x{digits[:128]}{v:02x}"


def wallet_proof(person: str, wallet: str, challenge: str) -> dict[str, Any]:
    """The EIP-712 message with which somebody proves that they hold a wallet; the challenge is this installation's."""
    return {
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}, {"name": "version", "type": "string"}],
            "Wallet": [
                {"name": "statement", "type": "string"},
                {"name": "person", "type": "string"},
                {"name": "wallet", "type": "address"},
                {"name": "challenge", "type": "string"},
            ],
        },
        "primaryType": "Wallet",
        "domain": {"name": "Placet", "version": "1"},
        "message": {
            "statement": "This wallet is mine; I approve payments with it.",
            "person": person,
            "wallet": wallet,
            "challenge": challenge,
        },
    }
