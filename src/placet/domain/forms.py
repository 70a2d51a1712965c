"""Checking the data of an answer against the task's form (JSON Schema, frozen when the task opened)."""

from datetime import datetime
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from placet.domain.model import Durable
from placet.domain.said import Said, Text, later

FORMATS = FormatChecker()
LONGEST = 300
"""Characters of a sentence about one field: the choices in it come from elsewhere."""


@FORMATS.checks("date-time", ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or bool(datetime.fromisoformat(value))


class Fault(Durable):
    """One thing wrong in a request: a JSON pointer to the field, and a sentence."""

    pointer: str
    detail: Text


def faults(form: dict[str, Any] | None, data: dict[str, Any]) -> tuple[Fault, ...]:
    """What is wrong with `data`; without a form no data is taken at all."""
    if form is None:
        none = Said("This task takes no further data.")
        return tuple(Fault(pointer=f"/data/{_escaped(name)}", detail=none) for name in sorted(data))
    validator = Draft202012Validator(form, format_checker=FORMATS)
    errors = sorted(validator.iter_errors(data), key=lambda error: [str(part) for part in error.path])
    return tuple(_fault(error) for error in errors)


PLAIN = {
    "minimum": later("This must be at least %(limit)s."),
    "exclusiveMinimum": later("This must be more than %(limit)s."),
    "maximum": later("This must be at most %(limit)s."),
    "exclusiveMaximum": later("This must be less than %(limit)s."),
    "minLength": later("Use at least %(limit)s characters."),
    "maxLength": later("Use at most %(limit)s characters."),
    "minItems": later("There must be at least %(limit)s entries."),
    "maxItems": later("There may be at most %(limit)s entries."),
}
TYPES = {
    "string": later("This must be text."),
    "integer": later("This must be a whole number."),
    "number": later("This must be a number."),
    "boolean": later("This must be true or false."),
    "array": later("This must be a list."),
    "object": later("This must be an object with fields."),
}
WRITTEN_LIKE = {
    "date": later("Write a date like 2026-03-31."),
    "date-time": later("Write a moment like 2026-03-31T09:00:00Z."),
    "email": later("Write an e-mail address."),
}


def _fault(error: ValidationError) -> Fault:
    """The error in plain words, at the field that must change."""
    path = list(error.path)
    told: str | None = None
    wanted: Any = error.validator_value
    given: Any = error.instance
    match error.validator:
        case "required":
            # It stands with the object; what people look for is the field that is missing.
            path.append(next(name for name in wanted if name not in given))
            told = Said("This field is required.")
        case "type" if isinstance(wanted, str):
            told = TYPES.get(wanted)
        case "format":
            told = WRITTEN_LIKE.get(str(wanted))
        case "pattern":
            told = Said("This does not have the form that is expected here.")
        case "enum":
            told = Said("Choose one of: %(choices)s.", choices=tuple(map(str, wanted)))
        case known if known in PLAIN:
            told = Said(PLAIN[known], limit=wanted if isinstance(wanted, int) else str(wanted))
    detail = told or error.message
    pointer = "/".join(["/data", *map(_escaped, path)])
    return Fault(pointer=pointer, detail=detail if len(detail) <= LONGEST else detail[:LONGEST])


def _escaped(part: object) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
