"""Checking the data of an answer against the task's form (JSON Schema, frozen when the task opened)."""

from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from placet.domain.model import Durable

FORMATS = FormatChecker()


@FORMATS.checks("date-time", ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


class Fault(Durable):
    """One thing wrong in a request: a JSON pointer to the field, and a sentence."""

    pointer: str
    detail: str


def faults(form: dict[str, Any] | None, data: dict[str, Any]) -> tuple[Fault, ...]:
    """What is wrong with `data`; without a form no data is taken at all."""
    if form is None:
        return tuple(
            Fault(pointer=f"/data/{_escaped(name)}", detail="This task takes no further data.") for name in sorted(data)
        )
    validator = Draft202012Validator(form, format_checker=FORMATS)
    errors = sorted(validator.iter_errors(data), key=lambda error: [str(part) for part in error.path])
    return tuple(
        Fault(pointer="/".join(["/data", *map(_escaped, error.path)]), detail=error.message[:300]) for error in errors
    )


def _escaped(part: object) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
