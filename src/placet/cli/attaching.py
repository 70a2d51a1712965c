"""Files that a new case brings along: sent first, then named in its request by their hashes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from placet.cli.door import Door

if TYPE_CHECKING:
    from placet.web.fields import Field

Take = Callable[[str], None]
"""Puts a hash into its field."""


def attach(door: Door, kind: str, request: Any, attached: Sequence[str]) -> None:
    """Send each file, written as `field=path`, and name it in the request. Fields of groups are written with dots, and
    entries of lists by their number from 0, such as `stops.0.proof=a.pdf`."""
    # Only here, so that other commands begin sooner.
    from placet.web.fields import fields

    schema = door.call("GET", f"/api/v1/workflows/{kind}")["request_schema"]
    wanted: list[tuple[Path, Take]] = []
    for one in attached:
        name, equals, file = one.partition("=")
        take = _field(fields(schema), request, name.split("."))
        if not equals or take is None:
            raise click.UsageError(f"--attach {one}: {kind} takes no document there; write FIELD=FILE.")
        if not Path(file).is_file():
            raise click.UsageError(f"--attach {one}: there is no file {file}.")
        wanted.append((Path(file), take))
    for path, take in wanted:
        sent = door.upload("/api/v1/documents", None, [(path.name, path.read_bytes())])
        take(sent["items"][0]["hash"])


def _field(known: "Sequence[Field]", values: Any, path: Sequence[str]) -> Take | None:
    """What takes the hash at this place of the request, or None if no document belongs there."""
    field = next((one for one in known if one.name == path[0]), None)
    if field is None or not isinstance(values, dict):
        return None
    rest = path[1:]
    if not rest:
        match field.kind:
            case "file":
                return lambda hash: values.update({field.name: hash})
            case "files":
                return lambda hash: values.setdefault(field.name, []).append(hash)
        return None
    inner = values.setdefault(field.name, {}) if field.kind == "group" else values.get(field.name)
    if field.kind == "list" and field.item is not None and isinstance(inner, list) and len(rest) > 1:
        number = int(rest[0]) if rest[0].isdecimal() else len(inner)
        return _field(field.item.parts, inner[number], rest[1:]) if number < len(inner) else None
    if field.kind == "variants" and isinstance(inner, dict):
        chosen = next((one for one in field.parts if one.name == inner.get(field.tag)), None)
        return _field(chosen.parts, inner, rest) if chosen is not None else None
    return _field(field.parts, inner, rest)
