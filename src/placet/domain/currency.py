"""Sums of money in the units that people know, pure and exact."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from placet.domain.intent import MAX_UINT256
from placet.domain.payment import Token
from placet.domain.said import Said

NATIVE_DECIMALS = 18
NATIVE_SYMBOLS = {1: "ETH", 10: "ETH", 100: "xDAI", 137: "POL", 8453: "ETH", 31337: "ETH", 42161: "ETH"}
"""What the own currency of a chain is called, by the id of the chain."""

WRITTEN = re.compile(r"([0-9]{1,78})(?:\.([0-9]{1,78}))?[ \u00a0\u202f]*([A-Za-z$][A-Za-z0-9.$-]{0,15})")


class BadSum(ValueError):
    """Why a sum with its unit cannot be read; `text` says what to write."""

    def __init__(self, text: Said) -> None:
        super().__init__(text)
        self.text = text


class Unit(NamedTuple):
    """`symbol` is empty for the own currency of a chain whose name nobody knows."""

    symbol: str
    decimals: int


@dataclass(frozen=True)
class Currencies:
    """What a treasury pays in: the own currency of its chain, and the tokens that the house knows."""

    chain_id: int = 0
    tokens: tuple[Token, ...] = ()

    def unit(self, token: str | None) -> Unit | None:
        """The unit of this token, or of the chain's own currency (None); None where nobody knows the token."""
        if token is None:
            return Unit(NATIVE_SYMBOLS.get(self.chain_id, ""), NATIVE_DECIMALS)
        known = next((one for one in self.tokens if one.address.lower() == token.lower()), None)
        return Unit(known.symbol, known.decimals) if known is not None else None

    def payment(self, units: int, token: str | None, to: str) -> Said:
        """A payment of so many of the smallest unit, in words that fit into a title."""
        unit = self.unit(token)
        if unit is None:
            told = Said("%(units)s (smallest unit) of an unknown token", units=str(units))
        else:
            symbol = unit.symbol or Said("of the native currency")
            told = Said("%(sum)s %(symbol)s", sum=whole(units, unit.decimals), symbol=symbol)
        return Said("Payment of %(sum)s to %(to)s", sum=told, to=shortened(to))

    def smallest(self, text: str, token: str | None) -> str:
        """An amount as people write it, such as `1.5 ETH`, in the smallest unit of what is paid. A number alone is in
        the smallest unit already, and stays as it is. Raises BadSum."""
        unit = self.unit(token)
        if text.isdecimal() or unit is None:
            return text
        example = Said("Write a whole number of the smallest unit.")
        if unit.symbol:
            example = Said(
                "Write the amount like 1.5 %(symbol)s, or as a whole number of the smallest unit.", symbol=unit.symbol
            )
        written = WRITTEN.fullmatch(text)
        if written is None:
            raise BadSum(example)
        front, behind, symbol = written[1], written[2] or "", written[3]
        if symbol.casefold() != unit.symbol.casefold():
            raise BadSum(Said("%(unit)s is not what is paid here. %(example)s", unit=symbol, example=example))
        if len(behind) > unit.decimals:
            raise BadSum(
                Said("%(symbol)s has %(most)s digits behind the point.", symbol=unit.symbol, most=unit.decimals)
            )
        units = int(front + behind.ljust(unit.decimals, "0"))
        if not 0 < units <= MAX_UINT256:
            raise BadSum(example)
        return str(units)


def whole(units: int, decimals: int) -> str:
    """So many of the smallest unit in whole ones, to the last digit."""
    front, behind = divmod(units, 10**decimals)
    digits = str(behind).rjust(decimals, "0").rstrip("0") if decimals else ""
    return f"{front}.{digits}" if digits else str(front)


def shortened(address: str) -> str:
    """The ends of an address, by which people recognise it; they compare the whole of it where they decide."""
    return f"{address[:6]}…{address[-4:]}"
