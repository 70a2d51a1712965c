"""Positions in lists, opaque to the caller."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from placet.control.errors import Problem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BIGGEST = 2**63 - 1


def micros(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(value: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError as error:
        raise _unknown() from error


def encode(*position: int | str | None) -> str:
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode(cursor: str, *shape: type | tuple[type, ...]) -> list[Any]:
    """The position, if it has this shape; raises the problem `bad-cursor`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _unknown() from error
    if not isinstance(position, list) or len(position) != len(shape):
        raise _unknown()
    for part, kind in zip(position, shape, strict=True):
        if isinstance(part, bool) or not isinstance(part, kind):
            raise _unknown()
        if isinstance(part, int) and not -BIGGEST <= part <= BIGGEST:
            raise _unknown()
        if isinstance(part, str) and ("\x00" in part or any("\ud800" <= letter <= "\udfff" for letter in part)):
            raise _unknown()
    return position


def _unknown() -> Problem:
    return Problem("bad-cursor", "This cursor is not one of ours; begin again without it.", field="cursor")
