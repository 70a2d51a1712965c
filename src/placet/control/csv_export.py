"""Tables as CSV (RFC 4180) that a spreadsheet takes for data: no cell of it can be a formula."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from pydantic import Field

from placet.control import reading
from placet.control.door import Door
from placet.control.listing import Narrowing, Place, newest
from placet.control.overview import Overview
from placet.control.overview_views import OverviewView, Period, Table
from placet.control.sent import Sent
from placet.control.views import CaseLine, View
from placet.control.waiting import waiting_in
from placet.domain.people import Person
from placet.store import people
from placet.store.engine import Tx

PAGE = 200
BOM = "\ufeff"
# What begins a formula, also as a full-width letter, or hides the beginning of one.
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
COLUMNS = ("id", "kind", "title", "scope", "requester", "state", "paused", "opened_at", "closed_at", "waiting_for")


class AsCsv(Sent):
    """With `bom`, spreadsheets that guess take the file for UTF-8."""

    bom: bool = False


class CaseExport(Narrowing, AsCsv):
    """Which cases, and how the file begins."""


class TableExport(Period, AsCsv):
    """Which table of the overview, of which days."""

    table: Table = Field(default="counts")


class CsvExport:
    def __init__(self, door: Door, overview: Overview) -> None:
        self._door = door
        self._overview = overview

    async def cases(self, person: Person, which: CaseExport) -> AsyncIterator[bytes]:
        """The cases that this person may see, newest first, page by page: a header, then a line a case."""
        first = await self._door.read(lambda tx: _page(tx, person, which, None))
        return self._cases(person, which, first)

    async def _cases(
        self, person: Person, which: CaseExport, first: tuple[bytes, Place | None]
    ) -> AsyncIterator[bytes]:
        yield _start(which) + lines([COLUMNS])
        some, place = first
        yield some
        while place is not None:
            some, place = await self._door.read(partial(_next_page, person, which, place))
            yield some

    async def table(self, person: Person, which: TableExport) -> bytes:
        """One table of the overview."""
        view = await self._overview.show(person, Period(days=which.days, by=which.by))
        rows = rows_of(view, which.table)
        return _start(which) + lines([rows.columns, *rows.lines])


class Rows(View):
    columns: tuple[str, ...]
    lines: list[list[Any]]


def rows_of(view: OverviewView, table: Table) -> Rows:
    """A table of the overview with its columns, also when it is empty."""
    field = OverviewView.model_fields[table]
    shape = next(part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, View))
    columns = tuple(shape.model_fields)
    found = getattr(view, table) or []
    return Rows(columns=columns, lines=[[getattr(line, column) for column in columns] for line in found])


def lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def cell(value: Any) -> str:
    """A value as text; one that a spreadsheet would run gets an apostrophe, numbers of ours stay numbers."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case datetime() | date():
            return value.isoformat()
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0\u3000").startswith(FORMULA) or text.startswith(FORMULA) else text


def _start(which: AsCsv) -> bytes:
    return BOM.encode() if which.bom else b""


def _page(tx: Tx, person: Person | None, which: Narrowing, before: Place | None) -> tuple[bytes, Place | None]:
    """Some lines, and where to go on; nothing more for somebody who has left meanwhile."""
    if person is None:
        return b"", None
    found = newest(tx, person, which, before, PAGE + 1)
    ids = [case_id for _, case_id in found[:PAGE]]
    rows = reading.cases(tx, ids)
    waiting = waiting_in(tx, [case_id for case_id in ids if rows[case_id]["is_open"]])
    shown = [reading.case_line(rows[case_id], waiting.get(case_id, ()), tx.now) for case_id in ids]
    return lines(_cells(line) for line in shown), found[PAGE - 1] if len(found) > PAGE else None


def _next_page(person: Person, which: Narrowing, place: Place, tx: Tx) -> tuple[bytes, Place | None]:
    return _page(tx, _present(tx, person), which, place)


def _cells(line: CaseLine) -> list[Any]:
    return [getattr(line, column) for column in COLUMNS]


def _present(tx: Tx, person: Person) -> Person | None:
    """The person as they are now: rights that were taken away in between show no further page."""
    found = people.find(tx, person.id)
    return found if found is not None and found.active else None


def _parts(annotation: Any) -> Iterable[Any]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)
