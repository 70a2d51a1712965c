"""Transfers, checked without a node."""

from collections.abc import Sequence

from placet.connectors.chain.addresses import check_address
from placet.domain.intent import MAX_UINT256
from placet.domain.model import Durable
from placet.domain.payment import Token, TransferRequest


class BadTransfer(Durable):
    """Why a transfer cannot be made as it was asked for: the field, a stable code, and what to do."""

    field: str
    code: str
    text: str


def check_transfer(wanted: TransferRequest, tokens: Sequence[Token]) -> BadTransfer | None:
    """What is wrong with a transfer, before anybody is asked for approval; None when nothing is."""
    if (why := check_address(wanted.to)) is not None:
        return BadTransfer(field="to", code="bad-address", text=why)
    if wanted.token is not None:
        if (why := check_address(wanted.token)) is not None:
            return BadTransfer(field="token", code="bad-address", text=why)
        if wanted.token not in {token.address for token in tokens}:
            known = ", ".join(f"{token.symbol} {token.address}" for token in tokens) or "none"
            return BadTransfer(
                field="token", code="unknown-token", text=f"This token is not known here. Known: {known}."
            )
        if wanted.to == wanted.token:
            return BadTransfer(
                field="to", code="bad-address", text="This is the token itself: it would keep the money."
            )
        if wanted.data != "0x":
            return BadTransfer(field="data", code="bad-data", text="A transfer of a token carries no data of its own.")
    digits = wanted.amount
    if not digits.isascii() or not digits.isdigit() or digits.startswith("0") or len(digits) > 78:
        text = "The amount is a whole number above zero, in the smallest unit, without leading zeros."
        return BadTransfer(field="amount", code="bad-amount", text=text)
    if int(digits) > MAX_UINT256:
        return BadTransfer(field="amount", code="bad-amount", text="The amount does not fit into 256 bits.")
    data = wanted.data.removeprefix("0x")
    if not wanted.data.startswith("0x") or len(data) % 2 or len(data) > 20_000 or not _is_hex(data):
        return BadTransfer(field="data", code="bad-data", text="The data is 0x and pairs of hexadecimal digits.")
    return None


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)
