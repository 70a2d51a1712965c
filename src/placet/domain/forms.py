"""Checking the data of an answer against the task's form (JSON Schema, frozen when the task opened)."""

from typing import Any

from jsonschema import Draft202012Validator

from placet.domain.model import Durable


class Fault(Durable):
    """One thing wrong in a request: a JSON pointer to the field, and a sentence."""

    pointer: str
    detail: str


def faults(form: dict[str, Any] | None, data: dict[str, Any]) -> tuple[Fault, ...]:
    """What is wrong with `data`; without a form no data is taken at all."""
    if form is None:
        return tuple(Fault(pointer=f"/data/{name}", detail="This task takes no further data.") for name in sorted(data))
    errors = sorted(Draft202012Validator(form).iter_errors(data), key=lambda error: [str(part) for part in error.path])
    return tuple(
        Fault(pointer="/".join(["/data", *map(str, error.path)]), detail=error.message[:300]) for error in errors
    )
