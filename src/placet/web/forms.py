"""Forms for pages that work without scripts: inputs, groups of them, lists with rows to fill, variants to choose."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from placet.control.errors import Problem
from placet.domain.forms import Fault
from placet.web.fields import Field as Field
from placet.web.fields import fields as fields
from placet.web.fields import filled
from placet.web.fields import takes_files as takes_files
from placet.web.words import _, reader

PREFIX = "data."
TAKEN = ("outcome", "comment", "subject_hash", "key", "confirmation")
MORE, LESS, CHOOSE = "_more", "_less", "_choose"
MOST_ROWS = 100
WRONG = {
    "integer": "Write a whole number.",
    "number": "Write a number like 12.5.",
    "decimal": "Write a number like 12.5.",
    "json": "Write valid JSON.",
    "moment": "Choose a date and a time.",
    "pairs": "Write each line as a name, = and a value.",
}
DECIMAL = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")


@dataclass(frozen=True)
class Input:
    """A field as it stands on a page: its name there, what is written in it, and what is wrong with that."""

    field: Field
    name: str
    path: str
    value: str = ""
    error: str | None = None
    parts: tuple["Input", ...] = ()
    rows: tuple["Input", ...] = ()
    must: bool = False
    only: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.name.replace(".", "-")

    @property
    def paths(self) -> tuple[str, ...]:
        """Under which errors name it: several files share one input."""
        files = self.value.split() if self.field.kind == "files" else ()
        return (self.path, *(f"{self.path}.{number}" for number in range(len(files))))


def inputs(
    wanted: Sequence[Field],
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    top: str = "",
) -> list[Input]:
    """The fields with what was sent, or else with their defaults. `errors` are by path, such as `data.address.city`;
    `top` is the first part of these paths."""
    given = dict(sent) if sent is not None else None
    return [
        _input(one, _own_name(one), f"{top}.{one.name}" if top else one.name, given, errors or {}) for one in wanted
    ]


def read(sent: Mapping[str, str], wanted: Sequence[Field], top: str = "/data") -> tuple[dict[str, Any], list[Fault]]:
    """The data of a sent form, and what could not be read; an empty input counts as not given."""
    data: dict[str, Any] = {}
    faults: list[Fault] = []
    for one in wanted:
        _put(data, one.name, _read(one, _own_name(one), f"{top}/{one.name}", sent, faults))
    return data, faults


def rearranged(sent: Mapping[str, str]) -> bool:
    """Whether a list is to get another row or to lose one, or a variant was chosen; then nothing is to be read yet."""
    return MORE in sent or LESS in sent or CHOOSE in sent


def tidied(sent: Mapping[str, str], wanted: Sequence[Field]) -> dict[str, str]:
    """The form without the row that is to go, and without rows in which nothing is written: so the rows on the page
    have the numbers under which errors name them."""
    dropped = sent.get(LESS)
    kept = {key: value for key, value in sent.items() if key != LESS and not (dropped and _within(key, dropped))}
    for one in wanted:
        kept = _packed(kept, one, _own_name(one))
    return kept


def places(shown: Iterable[Input]) -> dict[str, str]:
    """Where each field stands on the page, by the path under which errors name it."""
    found: dict[str, str] = {}
    for one in shown:
        found |= dict.fromkeys(one.paths, one.id)
        if one.field.kind == "variants":
            # A fault is named with the chosen variant in its place, or without.
            found |= {part.path.replace(f"{one.path}.{one.value}.", f"{one.path}.", 1): part.id for part in one.parts}
        found |= places((*one.parts, *one.rows))
    return found


def labels(shown: Iterable[Input]) -> dict[str, str]:
    """What each field is called on the page, with the entry of a list that it belongs to, by its path."""
    found: dict[str, str] = {}
    for one in shown:
        found |= dict.fromkeys(one.paths, _(one.field.label))
        found |= labels(one.parts)
        if one.field.kind == "variants":
            inner = f"{one.path}.{one.value}."
            found |= {path.replace(inner, f"{one.path}.", 1): label for path, label in labels(one.parts).items()}
        for number, row in enumerate(one.rows, start=1):
            entry = _("%(list)s, entry %(number)s", list=_(one.field.label), number=number)
            found |= {path: f"{entry}: {label}" for path, label in labels(row.parts).items()} | {row.path: entry}
    return found


def place(name: str) -> str:
    """The pointer to a field, without its beginning, from the name of its input."""
    return name.removeprefix(PREFIX).replace(".", "/")


def errors_of(problem: Problem | None) -> dict[str, str]:
    """What is wrong, by the path of the field."""
    if problem is None:
        return {}
    named: dict[str, str] = {}
    for fault in problem.faults:
        named.setdefault(fault.pointer.strip("/").replace("/", "."), fault.detail)
    if problem.field and problem.field not in named:
        named[problem.field] = problem.detail
    return named


def _own_name(one: Field) -> str:
    """The property's own name, unless the page has an input of that name already."""
    return PREFIX + one.name if one.name in TAKEN else one.name


def _put(data: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        data[name] = value


def _input(
    one: Field, name: str, path: str, sent: Mapping[str, str] | None, errors: Mapping[str, str], must: bool = True
) -> Input:
    must = must and one.required
    error = errors.get(path)
    if one.kind == "variants":
        chosen = (sent or {}).get(f"{name}.{one.tag}", "")
        variant = next((part for part in one.parts if part.name == chosen), None)
        wrong = errors.get(path) or errors.get(f"{path}.{one.tag}")
        if variant is None:
            return Input(one, name, path, error=wrong, must=must)
        short = {key.replace(f"{path}.", f"{path}.{chosen}.", 1): text for key, text in errors.items()}
        inner = tuple(
            _input(part, f"{name}.{part.name}", f"{path}.{chosen}.{part.name}", sent, {**short, **errors}, must)
            for part in variant.parts
        )
        return Input(one, name, path, value=chosen, error=wrong, parts=inner, must=must)
    if one.kind == "group":
        parts = tuple(
            _input(part, f"{name}.{part.name}", f"{path}.{part.name}", sent, errors, must) for part in one.parts
        )
        return Input(one, name, path, error=error, parts=parts, must=must)
    if one.kind == "list" and one.item is not None:
        if sent is None and one.rows:
            known = (filled(list(one.item.parts), row).items() for row in one.rows)
            sent = {f"{name}.{number}.{key}": text for number, row in enumerate(known) for key, text in row}
        asked = 1 if sent is not None and sent.get(MORE) == name else 0
        count = min(max(_rows(name, sent or {}) + asked, 1), MOST_ROWS)
        rows = tuple(
            _input(one.item, f"{name}.{row}", f"{path}.{row}", sent, errors, must=False) for row in range(count)
        )
        return Input(one, name, path, error=error, rows=rows, must=must)
    # What was not on the page yet, as a variant just chosen, has its default; a box not ticked sends nothing too.
    value = one.default if sent is None else sent.get(name, "" if one.kind == "boolean" else one.default)
    plain = Input(one, name, path, value=value, must=must)
    return replace(plain, error=next((errors[place] for place in plain.paths if place in errors), None))


def _within(key: str, name: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _packed(sent: dict[str, str], one: Field, name: str) -> dict[str, str]:
    """The same with the rows of this list numbered anew, and those of the lists in it."""
    if one.kind == "group":
        for part in one.parts:
            sent = _packed(sent, part, f"{name}.{part.name}")
        return sent
    if one.kind != "list" or one.item is None:
        return sent
    more = sent.get(MORE)
    rest = {key: value for key, value in sent.items() if not key.startswith(f"{name}.")}
    number = 0
    for row in range(min(_rows(name, sent), MOST_ROWS)):
        old, new = f"{name}.{row}", f"{name}.{number}"
        here = {f"{new}{key[len(old) :]}": value for key, value in sent.items() if _within(key, old)}
        growing = more is not None and _within(more, old)
        if not growing and _blank(one.item, old, sent):
            continue
        if growing and more is not None:
            rest[MORE] = f"{new}{more[len(old) :]}"
        rest |= _packed(here, one.item, new)
        number += 1
    return rest


def _blank(one: Field, name: str, sent: Mapping[str, str]) -> bool:
    """Whether nothing is written here beyond what the page itself fills in, such as a box that is ticked."""
    if one.kind == "group":
        return all(_blank(part, f"{name}.{part.name}", sent) for part in one.parts)
    if one.kind == "list" and one.item is not None:
        return all(_blank(one.item, f"{name}.{row}", sent) for row in range(min(_rows(name, sent), MOST_ROWS)))
    chosen = f"{name}.{one.tag}" if one.kind == "variants" else name
    return sent.get(chosen, "").strip() in ("", one.default)


def _rows(name: str, sent: Mapping[str, str]) -> int:
    """How many rows of this list were sent."""
    heads = (key[len(name) + 1 :].partition(".")[0] for key in sent if key.startswith(f"{name}."))
    return max((int(head) + 1 for head in heads if head.isdecimal() and len(head) < 4), default=0)


def _read(one: Field, name: str, pointer: str, sent: Mapping[str, str], faults: list[Fault]) -> Any:
    if one.kind == "variants":
        return _read_variant(one, name, pointer, sent, faults)
    if one.kind == "group":
        data: dict[str, Any] = {}
        for part in one.parts:
            _put(data, part.name, _read(part, f"{name}.{part.name}", f"{pointer}/{part.name}", sent, faults))
        written = any(value not in (False, {}, []) for value in data.values())
        return data if written or one.required else None
    if one.kind == "list" and one.item is not None:
        return _read_rows(one, one.item, name, pointer, sent, faults)
    text = sent.get(name, "").strip()
    if one.kind == "boolean":
        return bool(text)
    if not text:
        return None
    try:
        return _value(one, text)
    except (ValueError, RecursionError, OverflowError):
        faults.append(Fault(pointer=pointer, detail=WRONG[one.kind]))
        return None


def _read_variant(one: Field, name: str, pointer: str, sent: Mapping[str, str], faults: list[Fault]) -> Any:
    """The chosen one with its tag; without a choice nothing, which is a fault where one is needed."""
    chosen = sent.get(f"{name}.{one.tag}", "")
    variant = next((part for part in one.parts if part.name == chosen), None)
    if variant is None:
        if one.required:
            faults.append(Fault(pointer=pointer, detail="Choose one of these."))
        return None
    data: dict[str, Any] = {one.tag: chosen}
    for part in variant.parts:
        _put(data, part.name, _read(part, f"{name}.{part.name}", f"{pointer}/{chosen}/{part.name}", sent, faults))
    return data


def _read_rows(
    one: Field, item: Field, name: str, pointer: str, sent: Mapping[str, str], faults: list[Fault]
) -> list[Any] | None:
    """The rows in which something was written; the places of faults are those of the rows that are kept.

    Of a list that comes with rows, none is what somebody has cleared: what it came with must not come back.
    """
    found: list[Any] = []
    for row in range(min(_rows(name, sent), MOST_ROWS)):
        if not _blank(item, f"{name}.{row}", sent):
            value = _read(item, f"{name}.{row}", f"{pointer}/{len(found)}", sent, faults)
            found.append({} if value is None else value)
    return found if found or one.required or one.rows else None


def _value(one: Field, text: str) -> Any:
    match one.kind:
        case "integer":
            return int(text)
        case "number":
            return float(text.replace(",", "."))
        case "decimal":
            return _decimal(text)
        case "json":
            return json.loads(text)
        case "pairs":
            return dict(_pair(line) for line in text.splitlines() if line.strip())
        case "file":
            # A file that was chosen takes the place of the one that was there.
            return text.split()[-1]
        case "files":
            return list(dict.fromkeys(text.split()))
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "moment":
            at = datetime.fromisoformat(text)
            zone: ZoneInfo = reader().zone
            return (at if at.tzinfo else at.replace(tzinfo=zone)).isoformat()
        case "long":
            return text.replace("\r\n", "\n")
    return text


def _pair(line: str) -> tuple[str, Any]:
    """A name and its value: a number, yes or no, or a text, as JSON writes them; anything else is a text."""
    name, equals, written = (part.strip() for part in line.partition("="))
    if not name or not equals or not written:
        raise ValueError("no pair")
    try:
        return name, json.loads(written)
    except ValueError:
        return name, written


def _decimal(text: str) -> str:
    """The number as it was written, with a point."""
    written = text.replace(",", ".")
    if not DECIMAL.fullmatch(written):
        raise ValueError("no decimal number")
    return written
