"""What a JSON Schema allows, in a few words for the reference."""

import json
from collections.abc import Mapping
from typing import Any


def resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref") or next((one["$ref"] for one in part.get("allOf", ()) if "$ref" in one), None)
    if reference is None:
        return dict(part)
    named: dict[str, Any] = schema["$defs"][str(reference).removeprefix("#/$defs/")]
    return {**named, **{key: value for key, value in part.items() if key not in ("$ref", "allOf")}}


LIMITS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} entries"),
)


def shape(schema: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    found = resolved(schema, part)
    options = [one for one in found.get("anyOf", ()) if one.get("type") != "null"]
    if {"number", "string"} <= {one.get("type") for one in options}:
        # A decimal may also be written as text.
        options = [one for one in options if one.get("type") != "string"]
    if options:
        return " or ".join(dict.fromkeys(shape(schema, one) for one in options))
    if "enum" in found or "const" in found:
        return " or ".join(code(value) for value in found.get("enum", [found.get("const")]))
    if found.get("examples") == ["24h", "14d", "3bd"]:
        return "length of time"
    kind = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}
    words = [kind.get(str(found.get("type")), str(found.get("type", "any value")))]
    if found.get("type") == "array":
        words[0] = f"list of {shape(schema, found.get('items', {}))}"
    if found.get("format"):
        words[0] = str(found["format"])
    if found.get("pattern"):
        words.append(f"of the form `{found['pattern']}`")
    words += [template.format(found[key]) for key, template in LIMITS if key in found]
    return ", ".join(words)


def code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"
