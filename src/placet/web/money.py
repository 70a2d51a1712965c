"""A payment in words and in numbers, so that people can compare every digit of it."""

from dataclasses import dataclass

from babel.numbers import get_decimal_symbol

from placet.connectors.chain.port import LOCAL_CHAIN
from placet.domain import currency
from placet.domain.currency import Currencies
from placet.web.telling import amount
from placet.web.words import _, later, reader

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


def price(units: int, token: str | None, currencies: Currencies) -> Price:
    """So many of the smallest unit of this token, or of the chain's own currency (None)."""
    unit = currencies.unit(token)
    if unit is None:
        return Price(None, _("of an unknown token"), amount(units))
    return Price(whole(units, unit.decimals), unit.symbol or _("of the chain's own currency"), amount(units))


def chain(chain_id: int) -> str:
    return f"{_(CHAINS.get(chain_id, 'Chain'))} ({chain_id})"


def whole(units: int, decimals: int) -> str:
    """So many of the smallest unit in whole ones, to the last digit, as the reader writes numbers."""
    front, point, behind = currency.whole(units, decimals).partition(".")
    return f"{amount(int(front))}{get_decimal_symbol(reader().language) if point else ''}{behind}"


def groups(address: str) -> list[str]:
    """An address in groups of four, to be compared one after the other."""
    digits = address.removeprefix("0x")
    return ["0x", *(digits[at : at + GROUP] for at in range(0, len(digits), GROUP))]
