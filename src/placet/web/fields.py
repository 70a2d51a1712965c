"""The fields of a form, read from a JSON Schema."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from placet.domain.collection import DOCUMENT
from placet.domain.proposal import MAX_AMOUNT
from placet.domain.span import PATTERN
from placet.web.words import later

KINDS = {"string": "text", "integer": "integer", "number": "number", "decimal": "decimal", "boolean": "boolean"}
SPANS = f"^{PATTERN.pattern}$"
SPAN = later("A number and a unit: 90m, 24h, 14d, 2w, or 3bd for business days.")
FORMATS = {"date": "date", "date-time": "moment", "email": "email", "uri": "url", DOCUMENT: "file"}


@dataclass(frozen=True)
class Field:
    """One input, a `group` with parts, a `list` of items (`rows`: those that it comes with), or `variants`: groups of
    which one is chosen, each named by its value of `tag`. The other kinds are text, long, lines, pairs (a name and a
    value on each line), integer, number, decimal, boolean, choice, date, moment, email, url, json, and of
    documents file and files."""

    name: str
    label: str
    kind: str
    required: bool
    choices: tuple[str, ...] = ()
    hint: str = ""
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None
    default: str = ""
    parts: tuple["Field", ...] = ()
    item: "Field | None" = None
    rows: tuple[Mapping[str, Any], ...] = ()
    tag: str = ""


def fields(schema: Mapping[str, Any] | None) -> list[Field]:
    """The fields of a form, in the order of the schema."""
    return list(_parts(schema, schema)) if schema else []


def takes_files(wanted: Iterable[Field]) -> bool:
    """Whether documents can be given in any of these fields, at any depth."""
    return any(
        one.kind in ("file", "files") or takes_files((*one.parts, *([one.item] if one.item else ()))) for one in wanted
    )


def filled(wanted: list[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """Values as one would write them into these fields, by the names of their inputs."""
    found: dict[str, str] = {}
    for one in wanted:
        value = values.get(one.name)
        if one.kind == "group" and isinstance(value, Mapping):
            inner = filled(list(one.parts), value)
        elif one.kind == "list" and one.item is not None and isinstance(value, list | tuple):
            rows = (filled(list(one.item.parts), row).items() for row in value)
            inner = {f"{number}.{name}": text for number, row in enumerate(rows) for name, text in row}
        else:
            found[one.name] = _written(one.kind, value)
            continue
        found |= {f"{one.name}.{name}": text for name, text in inner.items()}
    return found


def _parts(schema: Mapping[str, Any], within: Mapping[str, Any]) -> Iterator[Field]:
    required = within.get("required", [])
    for name, part in within.get("properties", {}).items():
        yield _field(schema, name, _resolved(schema, part), name in required)


def _label(name: str, title: str | None) -> str:
    """What the schema calls the field, unless that was only made from its name."""
    words = name.replace("_", " ")
    return words.capitalize() if not title or title == words.title() else title


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """The part with its reference followed, and of an optional one what it is when given."""
    found = dict(part)
    if isinstance(reference := found.pop("$ref", None), str) and reference.startswith("#/$defs/"):
        meant = schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
        # Its title is the name of a class, and not what the field is called.
        found = {**{key: value for key, value in meant.items() if key != "title"}, **found}
    options = [option for option in found.get("anyOf", ()) if option.get("type") != "null"]
    numbers = [option for option in options if option.get("type") in ("number", "integer")]
    if len(options) == 1 or (
        numbers and all(option.get("type") in ("number", "integer", "string") for option in options)
    ):
        # A decimal may be written as a number or as text; as text it stays exact.
        chosen = (numbers or options)[0]
        if len(options) > 1:
            chosen = {**chosen, "type": "decimal"}
        found = {**_resolved(schema, chosen), **{key: value for key, value in found.items() if key != "anyOf"}}
    return found


def _field(schema: Mapping[str, Any], name: str, part: Mapping[str, Any], required: bool, depth: int = 0) -> Field:
    parts: tuple[Field, ...] = ()
    item: Field | None = None
    choices = part.get("enum") or ([part["const"]] if "const" in part else [])
    kind = KINDS.get(str(part.get("type")), "json")
    if choices and all(isinstance(choice, str) for choice in choices):
        kind = "choice"
    elif kind == "text":
        kind = FORMATS.get(part.get("format", ""), "long" if (part.get("maxLength") or 0) > 300 else "text")
    elif "discriminator" in part:
        kind, parts = "variants", tuple(_variants(schema, part))
    elif part.get("type") == "object" and part.get("additionalProperties") is True and not part.get("properties"):
        kind = "pairs"
    elif part.get("type") == "object" and part.get("properties"):
        kind, parts = "group", tuple(_parts(schema, part))
    elif part.get("type") == "array" and isinstance(part.get("items"), dict):
        inner = _resolved(schema, part["items"])
        if inner.get("type") == "string" and not inner.get("enum"):
            kind = "files" if inner.get("format") == DOCUMENT else "lines"
        elif inner.get("type") == "object" and inner.get("properties"):
            kind, item = "list", _field(schema, "item", inner, True)
    return Field(
        name=name,
        label=_label(name, part.get("title")),
        kind=kind,
        required=required,
        choices=tuple(choices) if kind == "choice" else (),
        hint=part.get("description", SPAN if part.get("pattern") == SPANS else "")
        if kind not in ("group", "list", "variants")
        else "",
        minimum=part.get("minimum"),
        # The largest number of all is no limit that people would ask for.
        maximum=None if part.get("maximum") == MAX_AMOUNT else part.get("maximum"),
        longest=part.get("maxLength"),
        default=_written(kind, part.get("default")),
        parts=parts,
        item=item,
        rows=tuple(part.get("default") or ()) if item else (),
        tag=str(part["discriminator"]["propertyName"]) if kind == "variants" else "",
    )


def _variants(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[Field]:
    """A group for each value of the tag, without the tag itself."""
    tag = part["discriminator"]["propertyName"]
    for value, reference in part["discriminator"]["mapping"].items():
        variant = _resolved(schema, {"$ref": reference})
        group = _field(schema, value, {**variant, "title": value.replace("-", " ").capitalize()}, True)
        yield replace(group, parts=tuple(one for one in group.parts if one.name != tag))


def _written(kind: str, default: Any) -> str:
    """A default as one would write it into the input."""
    if default is None or kind in ("group", "list", "variants"):
        return ""
    if kind == "boolean":
        return "true" if default else ""
    if kind in ("lines", "files"):
        return "\n".join(map(str, default))
    return json.dumps(default, ensure_ascii=False) if kind == "json" else str(default)
