"""A form from a task's JSON Schema, for pages that work without scripts: simple fields become inputs, the rest JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from placet.domain.forms import Fault

PREFIX = "data."
TAKEN = ("outcome", "comment", "subject_hash")


@dataclass(frozen=True)
class Field:
    """One input; `kind` is text, integer, number, boolean, choice or json."""

    name: str
    label: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    hint: str = ""
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None

    @property
    def input_name(self) -> str:
        """The property's own name, unless the page has an input of that name already."""
        return PREFIX + self.name if self.name in TAKEN else self.name

    @property
    def fault_name(self) -> str:
        return PREFIX + self.name


def fields(schema: Mapping[str, Any] | None) -> list[Field]:
    """The inputs of a form, in the order of the schema."""
    if not schema:
        return []
    required = schema.get("required", [])
    return [
        _field(name, _resolved(schema, part), name in required) for name, part in schema.get("properties", {}).items()
    ]


def read(form: Mapping[str, str], inputs: list[Field]) -> tuple[dict[str, Any], list[Fault]]:
    """The data of a sent form, and what could not be read; an empty input counts as not given."""
    data: dict[str, Any] = {}
    faults: list[Fault] = []
    for one in inputs:
        text = form.get(one.input_name, "").strip()
        if one.kind == "boolean":
            data[one.name] = bool(text)
        elif text:
            try:
                data[one.name] = _value(one, text)
            except (ValueError, RecursionError):
                faults.append(Fault(pointer=f"/data/{one.name}", detail=WRONG[one.kind]))
    return data, faults


WRONG = {"integer": "Write a whole number.", "number": "Write a number like 12.5.", "json": "Write valid JSON."}


def _value(one: Field, text: str) -> Any:
    match one.kind:
        case "integer":
            return int(text)
        case "number":
            return float(text.replace(",", "."))
        case "json":
            return json.loads(text)
    return text


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """The part with its reference followed, and of an optional one what it is when given."""
    found = dict(part)
    if isinstance(reference := found.pop("$ref", None), str) and reference.startswith("#/$defs/"):
        found = {**schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}), **found}
    options = [option for option in found.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        found = {**_resolved(schema, options[0]), **{key: value for key, value in found.items() if key != "anyOf"}}
    return found


def _field(name: str, part: Mapping[str, Any], required: bool) -> Field:
    choices = part.get("enum") or ([part["const"]] if "const" in part else [])
    kinds = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
    kind = kinds.get(str(part.get("type")), "json")
    if choices and all(isinstance(choice, str) for choice in choices):
        kind = "choice"
    return Field(
        name=name,
        label=part.get("title") or name.replace("_", " ").capitalize(),
        kind=kind,
        required=required,
        choices=tuple(choices) if kind == "choice" else (),
        hint=part.get("description", ""),
        minimum=part.get("minimum"),
        maximum=part.get("maximum"),
        longest=part.get("maxLength"),
    )
