"""A payment in words and in numbers, so that people can compare every digit of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from babel.numbers import get_decimal_symbol

from placet.domain.intent import Intent
from placet.domain.payment import Token
from placet.web.telling import amount
from placet.web.words import _, reader

NATIVE_DECIMALS = 18
GROUP = 4
CHAINS = {1: "Ethereum", 10: "OP Mainnet", 100: "Gnosis", 137: "Polygon", 8453: "Base", 42161: "Arbitrum One"}


@dataclass(frozen=True)
class Payment:
    """`sum` is the amount in whole units, if it is known how many digits are behind the point; `unit` names the
    currency, `smallest` is the exact number that would be paid."""

    sum: str | None
    unit: str
    smallest: str
    chain: str
    known: bool

    @property
    def told(self) -> str:
        return f"{self.sum} {self.unit}" if self.sum is not None else self.smallest


def payment(intent: Intent, tokens: Iterable[Token]) -> Payment:
    """What this intent would pay."""
    chain = CHAINS.get(intent.chain_id, _("Chain"))
    smallest = amount(intent.units)
    told = f"{chain} ({intent.chain_id})"
    if intent.token is None:
        return Payment(whole(intent.units, NATIVE_DECIMALS), _("of the chain's own currency"), smallest, told, True)
    token = next((one for one in tokens if one.address.lower() == intent.token.lower()), None)
    if token is None:
        return Payment(None, _("of an unknown token"), smallest, told, False)
    return Payment(whole(intent.units, token.decimals), token.symbol, smallest, told, True)


def whole(units: int, decimals: int) -> str:
    """So many of the smallest unit in whole ones, to the last digit, as the reader writes numbers."""
    front, behind = divmod(units, 10**decimals)
    digits = str(behind).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{amount(front)}{get_decimal_symbol(reader().language)}{digits}" if digits else amount(front)


def groups(address: str) -> list[str]:
    """An address in groups of four, to be compared one after the other."""
    digits = address.removeprefix("0x")
    return ["0x", *(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))]
