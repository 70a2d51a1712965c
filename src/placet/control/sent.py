"""Input as people send it: strict fields, and only text that every database and every page can hold."""

import math
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from placet.domain.model import Strict
from placet.domain.said import later

DEEPEST = 32
SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"
MAIL = r"^[^@\s<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,185}[A-Za-z0-9])?$"


def storable(value: Any, depth: int = 0) -> None:
    """Raise ValueError for what cannot be kept: NUL, half a surrogate pair, NaN, or nesting beyond `DEEPEST`."""
    if depth > DEEPEST:
        raise ValueError(f"This is nested too deeply; the most is {DEEPEST} levels.")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("This contains a character that is no text.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("This must be a finite number.")
    elif isinstance(value, dict):
        for key, inner in value.items():
            storable(key, depth + 1)
            storable(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            storable(inner, depth + 1)


class Sent(Strict):
    """Base of everything that people send."""

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        storable(value)
        return value


def _one_line(text: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError(later("Write this on one line, without control characters."))
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[OneLine, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=SLUG)]
Scope = Annotated[str, Field(pattern=SLUG)]
Reason = Annotated[str, Field(max_length=2000)]


class Because(Sent):
    """Why somebody pauses, resumes or cancels."""

    reason: Reason = ""


class Paging(Sent):
    """Which part of a list: `limit` entries (1 to 200) from `cursor` on."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=500)
