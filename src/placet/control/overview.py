"""Many cases at once: which a person may see and has chosen, how many, and as a table to take along."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from placet.control.door import Door
from placet.control.sent import OneLine, Paging, Sent
from placet.control.views import View
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.cases import CaseState
from placet.store.engine import Tx
from placet.store.sight import visible_cases

PAGE = 500
COLUMNS = ("id", "kind", "title", "scope", "requester", "state", "paused", "opened_at", "closed_at", "parent")
ACTING = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula, in its wide forms too."""

_c = t.case.c


class CaseChoice(Sent):
    """Which cases: of a kind, a state (or all `open` or `closed` ones), a scope, with `q` in the title or the id."""

    kind: OneLine | None = Field(default=None, max_length=100)
    state: CaseState | Literal["open", "closed"] | None = None
    scope: OneLine | None = Field(default=None, max_length=64)
    q: OneLine | None = Field(default=None, max_length=200)


class CaseFilter(CaseChoice, Paging):
    """The same, one part of the list."""


class CaseCounts(View):
    """Of the chosen cases that the caller may see; a state or kind that none has is left out."""

    total: int
    open: int
    by_state: dict[str, int]
    by_kind: dict[str, int]


def chosen(person: Person, which: CaseChoice) -> list[sa.ColumnElement[bool]]:
    """The conditions on `case_`: what this person may see, and has asked for."""
    conditions = [visible_cases(person)]
    if which.kind is not None:
        conditions.append(_c.kind == which.kind)
    if which.scope is not None:
        conditions.append(_c.scope == which.scope)
    if which.state in ("open", "closed"):
        conditions.append(_c.is_open if which.state == "open" else ~_c.is_open)
    elif which.state is not None:
        conditions.append(_c.state == which.state)
    if which.q:
        conditions.append(_c.title.icontains(which.q, autoescape=True) | _c.id.icontains(which.q, autoescape=True))
    return conditions


class Overview:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def counts(self, person: Person, which: CaseChoice) -> CaseCounts:
        """One pass over what the person may see."""
        query = (
            sa.select(_c.state, _c.kind, _c.is_open, sa.func.count().label("number"))
            .where(*chosen(person, which))
            .group_by(_c.state, _c.kind, _c.is_open)
        )

        def look(tx: Tx) -> CaseCounts:
            rows = tx.conn.execute(query).all()
            by_state: dict[str, int] = {}
            by_kind: dict[str, int] = {}
            for row in rows:
                by_state[row.state] = by_state.get(row.state, 0) + row.number
                by_kind[row.kind] = by_kind.get(row.kind, 0) + row.number
            return CaseCounts(
                total=sum(row.number for row in rows),
                open=sum(row.number for row in rows if row.is_open),
                by_state=dict(sorted(by_state.items())),
                by_kind=dict(sorted(by_kind.items())),
            )

        return await self._door.read(look)

    async def export(self, person: Person, which: CaseChoice) -> AsyncIterator[bytes]:
        """The chosen cases as CSV, newest first, read page by page."""
        yield _table([COLUMNS])
        conditions = chosen(person, which)
        last: tuple[datetime, str] | None = None
        while True:
            rows = await self._door.read(partial(_page, conditions=conditions, last=last))
            if rows:
                last = (rows[-1].opened_at, rows[-1].id)
                yield _table([_cells(row) for row in rows])
            if len(rows) < PAGE:
                return


def _page(tx: Tx, conditions: list[sa.ColumnElement[bool]], last: tuple[datetime, str] | None) -> list[sa.Row[Any]]:
    query = sa.select(t.case).where(*conditions).order_by(_c.opened_at.desc(), _c.id.desc()).limit(PAGE)
    if last is not None:
        place = sa.tuple_(sa.literal(last[0], _c.opened_at.type), sa.literal(last[1]))
        query = query.where(sa.tuple_(_c.opened_at, _c.id) < place)
    return list(tx.conn.execute(query))


def _cells(row: sa.Row[Any]) -> tuple[str, ...]:
    closed = row.closed_at.isoformat() if row.closed_at else ""
    paused = "yes" if row.paused_at else "no"
    # Whether the parent may be seen is another question; that there is one is part of the case's own id.
    facts = (row.id, row.kind, row.title, row.scope, row.requester, row.state, paused, row.opened_at.isoformat())
    return tuple(plain(cell) for cell in (*facts, closed, row.parent_id or ""))


def plain(cell: str) -> str:
    """Text that no spreadsheet computes: what could begin a formula gets an apostrophe before it."""
    return f"'{cell}" if cell.lstrip(" ").startswith(ACTING) else cell


def _table(rows: list[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode()
