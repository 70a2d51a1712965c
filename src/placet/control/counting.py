"""How many cases there are, by kind and state, within what a person sees."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from placet.control.listing import Narrowing, fits, in_time
from placet.control.views import View
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.sight import scopes_seen, sees_all, ways

MOST_OWN = 10_000
"""Of each reason for which somebody sees single cases, the newest so many are counted."""

Counts = Counter[tuple[str, str]]
"""Cases by kind and state."""

_k = t.case.c


class CountLine(View):
    kind: str
    state: str
    cases: int


class CountsView(View):
    """`complete` is false when somebody sees so many single cases that only the newest were counted."""

    items: list[CountLine]
    total: int
    complete: bool


def cases(tx: Tx, person: Person, which: Narrowing) -> CountsView:
    told = [*fits(tx, which), *in_time(which, _k.opened_at)]
    if sees_all(person):
        items = lines(counted(tx, *told))
        return CountsView(items=items, total=sum(line.cases for line in items), complete=True)
    scopes = scopes_seen(person)
    whole = counted(tx, _k.scope.in_(scopes), *told) if scopes else Counter()
    items = lines(whole + beside(tx, person, *told))
    complete = not _is_cut(tx, person, MOST_OWN)
    return CountsView(items=items, total=sum(line.cases for line in items), complete=complete)


def lines(found: Counts) -> list[CountLine]:
    return [CountLine(kind=kind, state=state, cases=number) for (kind, state), number in sorted(found.items())]


def counted(tx: Tx, *told: sa.ColumnElement[bool], by: Sequence[sa.ColumnElement[Any]] = (_k.kind, _k.state)) -> Counts:
    """The cases that fit these conditions; the database groups them `by` these columns."""
    query = sa.select(_k.kind, _k.state, sa.func.count()).where(*told).group_by(*by)
    found: Counts = Counter()
    for kind, state, number in tx.conn.execute(query):
        found[kind, state] += int(number)
    return found


def beside(tx: Tx, person: Person, *told: sa.ColumnElement[bool]) -> Counts:
    """The single cases that this person sees beside whole scopes, the newest of each reason."""
    newest, scopes = [sa.select(some.c.case_id) for some in _own(person, MOST_OWN)], scopes_seen(person)
    if not newest:
        return Counter()
    return counted(tx, _k.id.in_(sa.union_all(*newest)), *((_k.scope.not_in(scopes),) if scopes else ()), *told)


def newest_own(tx: Tx, person: Person, most: int) -> tuple[list[str], bool]:
    """The single cases that this person sees beside whole scopes, from the newest rows of each reason; and whether one
    of the reasons has more than `most` rows. One whose newest rows are all of whole scopes leads to nothing else."""
    scopes = set(scopes_seen(person))
    parts = [
        sa.select(sa.literal(number), some.c.case_id, _k.scope).join_from(some, t.case, _k.id == some.c.case_id)
        for number, some in enumerate(_own(person, most + 1))
    ]
    rows = tx.conn.execute(sa.union_all(*parts)).all() if parts else []
    beside = [row for row in rows if row.scope not in scopes]
    each, leads = Counter(row[0] for row in rows), {row[0] for row in beside}
    return sorted({row.case_id for row in beside}), any(each[number] > most for number in leads)


def _own(person: Person, most: int) -> list[sa.Subquery]:
    """The newest rows of each reason for which this person sees single cases."""
    return [
        sa.select(way.case_id.label("case_id")).where(way.where).order_by(way.opened_at.desc()).limit(most).subquery()
        for way in ways(person)
        if not way.is_case
    ]


def _is_cut(tx: Tx, person: Person, most: int) -> bool:
    """Whether somebody sees more single cases for one reason than so many."""
    for way in ways(person):
        if not way.is_case:
            beyond = sa.select(way.case_id).where(way.where).order_by(way.opened_at.desc()).offset(most).limit(1)
            if tx.conn.execute(beyond).first() is not None:
                return True
    return False
