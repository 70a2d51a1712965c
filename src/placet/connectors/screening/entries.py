"""Reading screening lists: CSV with one entity a line, or FollowTheMoney entities as JSON lines."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placet.connectors.screening.port import ScreenedList, SubjectKind

COLUMNS = ("id", "name", "aliases", "kind", "birth_date", "countries", "topics", "list")
PARTIAL_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
# FollowTheMoney schemata; None may be either.
SCHEMATA = {
    "Person": SubjectKind.PERSON,
    "Company": SubjectKind.COMPANY,
    "Organization": SubjectKind.COMPANY,
    "PublicBody": SubjectKind.COMPANY,
    "LegalEntity": None,
}
NAME_PROPERTIES = ("name", "alias", "previousName", "weakAlias")
DATE_PROPERTIES = ("birthDate", "incorporationDate")
COUNTRY_PROPERTIES = ("country", "nationality", "citizenship", "jurisdiction", "mainCountry")


class ListUnreadable(Exception):
    """The list cannot be used; the text names file and line, and says what to correct."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed entity; dates are `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, countries ISO codes in capitals."""

    id: str
    names: tuple[str, ...]
    kind: SubjectKind | None
    list_name: str
    birth_dates: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class Lists:
    """The content of one file: its entries, and the lists they come from."""

    entries: tuple[Entry, ...]
    sources: tuple[ScreenedList, ...]


def read_lists(path: Path) -> Lists:
    """Read a file by its ending: `.csv`, else JSON lines; raises ListUnreadable."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ListUnreadable(f"The screening list {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ListUnreadable(f"The screening list {path} is not in UTF-8. Save it as UTF-8.") from error
    rows = _csv(text) if path.suffix.lower() == ".csv" else _json_lines(text, path.name.partition(".")[0])
    entries: list[Entry] = []
    try:
        entries.extend(rows)
    except ValueError as error:
        raise ListUnreadable(f"{path}: {error}") from error
    if not entries:
        raise ListUnreadable(f"{path} has no entries. A screening against nothing would find nothing.")
    version = hashlib.sha256(content).hexdigest()
    counts = Counter(entry.list_name for entry in entries)
    sources = tuple(ScreenedList(name=name, entries=count, version=version) for name, count in sorted(counts.items()))
    return Lists(tuple(entries), sources)


def _csv(text: str) -> Iterator[Entry]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    missing = set(COLUMNS) - set(reader.fieldnames or ())
    if missing:
        raise ValueError(f"the first line lacks {', '.join(sorted(missing))}")
    try:
        for row in reader:
            yield _row(row, reader.line_num)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error


def _row(row: dict[str, Any], line: int) -> Entry:
    cells = {column: (row[column] or "").strip() for column in COLUMNS}
    for needed in ("id", "name", "list"):
        if not cells[needed]:
            raise ValueError(f"line {line}: {needed} is empty")
    if cells["kind"] not in ("", *SubjectKind):
        raise ValueError(f"line {line}: kind is {cells['kind']!r}; write person, company or nothing")
    dates = _several(cells["birth_date"])
    for date in dates:
        if not PARTIAL_DATE.fullmatch(date):
            raise ValueError(f"line {line}: birth_date is {date!r}; write YYYY, YYYY-MM or YYYY-MM-DD")
    return Entry(
        id=cells["id"],
        names=_distinct((cells["name"], *_several(cells["aliases"]))),
        kind=SubjectKind(cells["kind"]) if cells["kind"] else None,
        list_name=cells["list"],
        birth_dates=dates,
        countries=_distinct(country.upper() for country in _several(cells["countries"])),
        topics=_several(cells["topics"]),
    )


def _json_lines(text: str, default_list: str) -> Iterator[Entry]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = _entity(json.loads(line), default_list)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"line {number} is not a FollowTheMoney entity ({error})") from error
        if entry is not None:
            yield entry


def _entity(entity: dict[str, Any], default_list: str) -> Entry | None:
    """None for entities that nobody is screened against: ships, addresses, relations, and those without a name."""
    if entity["schema"] not in SCHEMATA:
        return None
    properties: dict[str, list[str]] = entity["properties"]

    def values(names: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct(value.strip() for name in names for value in properties.get(name, ()))

    caption = entity.get("caption")
    names = _distinct((*((caption,) if caption in properties.get("name", ()) else ()), *values(NAME_PROPERTIES)))
    if not names:
        return None
    datasets = entity.get("datasets") or [default_list]
    return Entry(
        id=entity["id"],
        names=names,
        kind=SCHEMATA[entity["schema"]],
        list_name=", ".join(sorted(datasets)),
        birth_dates=tuple(date[:10] for date in values(DATE_PROPERTIES) if PARTIAL_DATE.fullmatch(date[:10])),
        countries=_distinct(country.upper() for country in values(COUNTRY_PROPERTIES)),
        topics=values(("topics",)),
    )


def _several(cell: str) -> tuple[str, ...]:
    return _distinct(part.strip() for part in cell.split(";"))


def _distinct(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
