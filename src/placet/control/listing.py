"""Cases newest first, narrowed down: a few rows of each index that leads to them, whatever there has been."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import AwareDatetime, Field

from placet.control import cursor
from placet.control.errors import Problem
from placet.control.merging import merged
from placet.control.sent import OneLine, Paging, Sent
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.cases import OPEN_STATES, CaseState
from placet.store.engine import Tx
from placet.store.sight import Way, sees_all, sees_case, ways

Place = tuple[datetime, str]

AnyState = Literal[
    "open",
    "closed",
    "starting",
    "running",
    "waiting",
    "needs-attention",
    "compensating",
    "completed",
    "refused",
    "cancelled",
    "failed",
]
"""A state of a case, or what several have in common."""

FEW = 1500
"""So many cases are looked through one by one; of more, some are soon found."""

CLOSED_STATES = tuple(state for state in CaseState if state not in OPEN_STATES)

_k = t.case.c


class Narrowing(Sent):
    """Which cases: of a kind, a state (or all `open` or `closed` ones), a scope, with `q` in the title or at the
    beginning of the id, opened from a moment on and before another."""

    kind: OneLine | None = Field(default=None, max_length=100)
    state: AnyState | None = None
    scope: OneLine | None = Field(default=None, max_length=64)
    q: OneLine | None = Field(default=None, max_length=200)
    opened_from: AwareDatetime | None = None
    opened_before: AwareDatetime | None = None

    @property
    def states(self) -> tuple[CaseState, ...] | None:
        match self.state:
            case None:
                return None
            case "open":
                return OPEN_STATES
            case "closed":
                return CLOSED_STATES
            case one:
                return (CaseState(one),)

    @property
    def is_narrow(self) -> bool:
        """Whether more than time is said: time alone is a part of every index."""
        return any(one is not None for one in (self.kind, self.state, self.scope)) or bool(self.q)


class CaseFilter(Narrowing, Paging):
    """Which cases, and which part of their list."""


def place_of(which: Paging) -> Place | None:
    """Where the page begins."""
    if which.cursor is None:
        return None
    at, last = cursor.decode(which.cursor, int, str)
    return cursor.moment(at), last


def newest(tx: Tx, person: Person, which: Narrowing, before: Place | None, most: int) -> list[Place]:
    """The next cases that this person may see: when each opened, and its id."""
    branches = [
        query.order_by(opened_at.desc(), case_id.desc()).limit(most)
        for query, opened_at, case_id in _branches(tx, person, which, before)
    ]
    return sorted(((at, case_id) for case_id, at in merged(tx, branches)), reverse=True)[:most]


def fits(tx: Tx, which: Narrowing) -> list[sa.ColumnElement[bool]]:
    """The conditions on `case_`, without those of time."""
    told = [column == value for column, value in ((_k.kind, which.kind), (_k.scope, which.scope)) if value is not None]
    if which.states is not None:
        told.append(_k.state.in_(which.states))
    return [*told, _has(tx, which.q)] if which.q else told


def in_time(which: Narrowing, opened_at: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    told = []
    if which.opened_from is not None:
        told.append(opened_at >= _moment(which.opened_from, opened_at))
    if which.opened_before is not None:
        told.append(opened_at < _moment(which.opened_before, opened_at))
    return told


Branch = tuple[sa.Select[Any], sa.ColumnElement[Any], sa.ColumnElement[Any]]


def _branches(tx: Tx, person: Person, which: Narrowing, before: Place | None) -> Iterator[Branch]:
    """The cases as parts, each in the order of one index; a case may be in several."""
    if sees_all(person):
        yield from _of_cases(tx, which, before)
    elif which.is_narrow and (few := _few(tx, which)) is not None:
        looked_at = sa.select(_k.id, _k.opened_at).where(_k.id.in_(few), sees_case(person))
        yield _behind(looked_at, before, _k.opened_at, _k.id), _k.opened_at, _k.id
    else:
        for way in ways(person):
            if way.is_case:
                for query, opened_at, case_id in _of_cases(tx, which, before):
                    yield query.where(way.where), opened_at, case_id
            else:
                yield _of_way(tx, way, which, before)


def _of_cases(tx: Tx, which: Narrowing, before: Place | None) -> Iterator[Branch]:
    """From `case_` itself. Only with a state has each choice of kind and scope an index in this order."""
    told = fits(tx, which.model_copy(update={"state": None}))
    states = which.states or (tuple(CaseState) if which.kind is not None else None)
    for own in [_k.state == state for state in states] if states else [sa.true()]:
        query = sa.select(_k.id, _k.opened_at).where(*told, own, *in_time(which, _k.opened_at))
        yield _behind(query, before, _k.opened_at, _k.id), _k.opened_at, _k.id


def _of_way(tx: Tx, way: Way, which: Narrowing, before: Place | None) -> Branch:
    query = sa.select(way.case_id, way.opened_at).distinct().where(way.where, *in_time(which, way.opened_at))
    if which.is_narrow:
        query = query.join(t.case, _k.id == way.case_id).where(*fits(tx, which))
    return _behind(query, before, way.opened_at, way.case_id), way.opened_at, way.case_id


def _behind(
    query: sa.Select[Any], before: Place | None, opened_at: sa.ColumnElement[Any], case_id: sa.ColumnElement[str]
) -> sa.Select[Any]:
    if before is None:
        return query
    place = sa.tuple_(sa.literal(before[0], opened_at.type), sa.literal(before[1]))
    return query.where(sa.tuple_(opened_at, case_id) < place)


def _few(tx: Tx, which: Narrowing) -> list[str] | None:
    """The cases that fit, whoever may see them, if they are so few that each can be looked at."""
    found: list[str] = []
    for query, _, _ in _of_cases(tx, which, None):
        found += (row[0] for row in tx.conn.execute(query.limit(FEW + 1 - len(found))))
        if len(found) > FEW:
            return None
    return found


def _has(tx: Tx, text: str) -> sa.ColumnElement[bool]:
    # LIKE of SQLite takes large and small letters for the same by itself, and much faster than with lower().
    held = _k.title.icontains if tx.on_postgres else _k.title.contains
    return held(text, autoescape=True) | _k.id.startswith(text, autoescape=True)


def _moment(at: datetime, like: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    try:
        return sa.literal(cursor.moment(cursor.micros(at)), like.type)
    except OverflowError as error:
        raise Problem("invalid-request", "This is no moment that a calendar knows.", field="opened_from") from error
