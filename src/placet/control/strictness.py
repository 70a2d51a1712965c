"""A request must not say more than its model knows, at any depth: a typo is a mistake worth telling."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

Path = tuple[Any, ...]


def unknown_fields(value: Any, sent: Any, path: Path = ()) -> Iterator[Path]:
    """Where `sent` has fields that `value`, the model validated from it, did not take."""
    if isinstance(value, BaseModel) and isinstance(sent, dict):
        names = {field.alias or name: name for name, field in type(value).model_fields.items()}
        for key, inner in sent.items():
            if key in names:
                yield from unknown_fields(getattr(value, names[key]), inner, (*path, key))
            elif type(value).model_config.get("extra") != "allow":
                yield (*path, key)
    elif isinstance(value, list | tuple) and isinstance(sent, list):
        for position, (one, inner) in enumerate(zip(value, sent, strict=False)):
            yield from unknown_fields(one, inner, (*path, position))
    elif isinstance(value, Mapping) and isinstance(sent, dict):
        for key, inner in sent.items():
            yield from unknown_fields(value.get(key), inner, (*path, key))


def closed(schema: Any) -> Any:
    """The JSON Schema with every object of known properties closed to others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        told["additionalProperties"] = False
    return told


def place_in(sent: Any, path: Path) -> Path:
    """Where in `sent` an error is: pydantic also names which of several models it tried, and nobody has sent that."""
    place: list[Any] = []
    for number, part in enumerate(path, start=1):
        if isinstance(part, str) and isinstance(sent, Mapping) and part not in sent and number < len(path):
            continue
        place.append(part)
        try:
            sent = sent[part]
        except (KeyError, IndexError, TypeError):
            sent = None
    return tuple(place)
