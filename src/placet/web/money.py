"""A payment in words and in numbers, so that people can compare every digit of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from babel.numbers import get_decimal_symbol

from placet.connectors.chain.port import LOCAL_CHAIN
from placet.domain.payment import Token
from placet.web.telling import amount
from placet.web.words import _, later, reader

NATIVE_DECIMALS = 18
GROUP = 4
CHAINS = {
    1: "Ethereum",
    10: "OP Mainnet",
    100: "Gnosis",
    137: "Polygon",
    8453: "Base",
    42161: "Arbitrum One",
    LOCAL_CHAIN: later("Test chain of this machine"),
}


@dataclass(frozen=True)
class Price:
    """`sum` is the amount in whole units, None where nobody knows how many digits are behind the point; `unit` names
    the currency, `smallest` is the exact number that would be paid."""

    sum: str | None
    unit: str
    smallest: str

    @property
    def told(self) -> str:
        return f"{self.smallest if self.sum is None else self.sum} {self.unit}"


def price(units: int, token: str | None, tokens: Iterable[Token]) -> Price:
    """So many of the smallest unit of this token, or of the chain's own currency (None)."""
    if token is None:
        return Price(whole(units, NATIVE_DECIMALS), _("of the chain's own currency"), amount(units))
    known = next((one for one in tokens if one.address.lower() == token.lower()), None)
    if known is None:
        return Price(None, _("of an unknown token"), amount(units))
    return Price(whole(units, known.decimals), known.symbol, amount(units))


def chain(chain_id: int) -> str:
    return f"{_(CHAINS.get(chain_id, 'Chain'))} ({chain_id})"


def whole(units: int, decimals: int) -> str:
    """So many of the smallest unit in whole ones, to the last digit, as the reader writes numbers."""
    front, behind = divmod(units, 10**decimals)
    digits = str(behind).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{amount(front)}{get_decimal_symbol(reader().language)}{digits}" if digits else amount(front)


def groups(address: str) -> list[str]:
    """An address in groups of four, to be compared one after the other."""
    digits = address.removeprefix("0x")
    return ["0x", *(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))]
