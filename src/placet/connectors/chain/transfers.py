"""Transfers, checked without a node."""

from collections.abc import Sequence

from placet.connectors.chain.addresses import check_address
from placet.domain.intent import MAX_UINT256
from placet.domain.model import Durable
from placet.domain.payment import Token, TransferRequest
from placet.domain.said import Said, Text


class BadTransfer(Durable):
    """Why a transfer cannot be made as it was asked for: the field, a stable code, and what to do."""

    field: str
    code: str
    text: Text


def check_transfer(wanted: TransferRequest, tokens: Sequence[Token]) -> BadTransfer | None:
    """What is wrong with a transfer, before anybody is asked for approval; None when nothing is."""
    if (why := check_address(wanted.to)) is not None:
        return BadTransfer(field="to", code="bad-address", text=why)
    if wanted.token is not None:
        if (why := check_address(wanted.token)) is not None:
            return BadTransfer(field="token", code="bad-address", text=why)
        if wanted.token not in {token.address for token in tokens}:
            known = tuple(f"{token.symbol} {token.address}" for token in tokens) or Said("none")
            text = Said("This token is not known here. Known: %(known)s.", known=known)
            return BadTransfer(field="token", code="unknown-token", text=text)
        if wanted.to == wanted.token:
            text = Said("This is the token itself: it would keep the money.")
            return BadTransfer(field="to", code="bad-address", text=text)
        if wanted.data != "0x":
            text = Said("A transfer of a token carries no data of its own.")
            return BadTransfer(field="data", code="bad-data", text=text)
    digits = wanted.amount
    if not digits.isascii() or not digits.isdigit() or digits.startswith("0") or len(digits) > 78:
        text = Said("The amount is a whole number above zero, in the smallest unit, without leading zeros.")
        return BadTransfer(field="amount", code="bad-amount", text=text)
    if int(digits) > MAX_UINT256:
        return BadTransfer(field="amount", code="bad-amount", text=Said("The amount does not fit into 256 bits."))
    data = wanted.data.removeprefix("0x")
    if not wanted.data.startswith("0x") or len(data) % 2 or len(data) > 20_000 or not _is_hex(data):
        return BadTransfer(field="data", code="bad-data", text=Said("The data is 0x and pairs of hexadecimal digits."))
    return None


def _is_hex(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)
