"""The two base shapes of Placet's data, and what may be kept of what people send."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict

MAX_DEPTH = 50


class Durable(BaseModel):
    """Everything that crosses a durable boundary (Temporal payloads, JSON columns).

    Frozen, so state is never shared by accident; unknown fields are ignored, so that after a rollback an
    older worker can still read what a newer one wrote. Changes are additive: a new field has a default.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Strict(BaseModel):
    """Everything people send to us: an unknown field is a mistake worth telling."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def storable(value: Any) -> bool:
    """Whether both databases and the audit log can keep this JSON value exactly.

    They cannot keep NUL characters, halves of surrogate pairs, numbers that are not finite, or extreme nesting.
    """
    rest = [(value, 0)]
    while rest:
        part, depth = rest.pop()
        if depth > MAX_DEPTH:
            return False
        match part:
            case str():
                if "\x00" in part or part != part.encode("utf-8", "replace").decode():
                    return False
            case float():
                if not math.isfinite(part):
                    return False
            case dict():
                rest += [(inner, depth + 1) for pair in part.items() for inner in pair]
            case list() | tuple():
                rest += [(inner, depth + 1) for inner in part]
    return True
