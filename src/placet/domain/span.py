"""Lengths of time as people write them: "2s", "24h", "14d", and "3bd" for business days."""

import re
from datetime import timedelta
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
PATTERN = re.compile(r"([0-9]{1,6})(bd|[smhdw])")
HELP = 'a length of time is a number and a unit: "30s", "15m", "24h", "14d", "2w", or "3bd" for business days'


class Span:
    """An elapsed length of time, or a number of business days of the house calendar."""

    __slots__ = ("business_days", "elapsed", "text")

    def __init__(self, text: str) -> None:
        match = PATTERN.fullmatch(text.strip().lower()) if isinstance(text, str) else None
        if match is None or int(match[1]) == 0:
            raise ValueError(HELP)
        number, unit = int(match[1]), match[2]
        self.text = f"{number}{unit}"
        self.business_days = number if unit == "bd" else 0
        self.elapsed = timedelta() if unit == "bd" else timedelta(seconds=number * SECONDS[unit])
        if self.elapsed > timedelta(days=3660) or self.business_days > 2600:
            raise ValueError("a length of time of more than ten years is surely a mistake")

    def __repr__(self) -> str:
        return f"Span({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(cls, core_schema.str_schema()),
            python_schema=core_schema.no_info_plain_validator_function(cls._accept),
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{PATTERN.pattern}$", "examples": ["24h", "14d", "3bd"]}

    @classmethod
    def _accept(cls, value: Any) -> "Span":
        return value if isinstance(value, Span) else cls(value)


Unit = Literal["year", "month", "day", "hour", "minute", "second"]
SIZES: tuple[tuple[Unit, int], ...] = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
LONG: tuple[tuple[Unit, int], ...] = (("year", 365 * 86400), ("month", 30 * 86400), *SIZES)


def largest(length: timedelta, sizes: tuple[tuple[Unit, int], ...] = SIZES) -> tuple[int, Unit]:
    """The length in the largest unit that tells it well, rounded: 36 hours are neither one day nor two, but nobody
    counts the seconds of two minutes."""
    seconds = round(length.total_seconds())
    for unit, size in sizes:
        # Halves go up, as in a browser.
        number = (2 * seconds + size) // (2 * size)
        exact = abs(seconds - number * size) * 24 <= size
        if seconds >= (size if unit == "minute" else 2 * size) or (number and exact):
            return number, unit
    return seconds, "second"


def in_words(length: timedelta) -> str:
    """`3 days`, `1 hour`, `20 seconds`."""
    number, unit = largest(length)
    return f"{number} {unit}{'' if number == 1 else 's'}"
