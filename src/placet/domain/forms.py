"""Checking the data of an answer against the task's form (JSON Schema, frozen when the task opened)."""

from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

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
    return tuple(_fault(error) for error in errors)


PLAIN = {
    "minimum": "This must be at least {}.",
    "exclusiveMinimum": "This must be more than {}.",
    "maximum": "This must be at most {}.",
    "exclusiveMaximum": "This must be less than {}.",
    "minLength": "Use at least {} characters.",
    "maxLength": "Use at most {} characters.",
    "minItems": "There must be at least {} entries.",
    "maxItems": "There may be at most {} entries.",
}
TYPES = {
    "string": "This must be text.",
    "integer": "This must be a whole number.",
    "number": "This must be a number.",
    "boolean": "This must be true or false.",
    "array": "This must be a list.",
    "object": "This must be an object with fields.",
}
WRITTEN_LIKE = {
    "date": "Write a date like 2026-03-31.",
    "date-time": "Write a moment like 2026-03-31T09:00:00Z.",
    "email": "Write an e-mail address.",
}


def _fault(error: ValidationError) -> Fault:
    """The error in plain words, at the field that must change."""
    path = list(error.path)
    told = None
    wanted: Any = error.validator_value
    given: Any = error.instance
    match error.validator:
        case "required":
            # It stands with the object; what people look for is the field that is missing.
            path.append(next(name for name in wanted if name not in given))
            told = "This field is required."
        case "type" if isinstance(wanted, str):
            told = TYPES.get(wanted)
        case "format":
            told = WRITTEN_LIKE.get(str(wanted))
        case "enum":
            told = f"Choose one of: {', '.join(map(str, wanted))}."
        case known if known in PLAIN:
            told = PLAIN[known].format(wanted)
    return Fault(pointer="/".join(["/data", *map(_escaped, path)]), detail=(told or error.message)[:300])


def _escaped(part: object) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
