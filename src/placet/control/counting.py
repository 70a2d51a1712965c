"""How many cases there are, by kind and state, within what a person sees."""

from collections import Counter

import sqlalchemy as sa

from placet.control.listing import Narrowing, fits, in_time
from placet.control.views import View
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.sight import scopes_seen, sees_all, ways

MOST_OWN = 10_000
"""Of each reason for which somebody sees single cases, the newest so many are counted."""

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
    items = lines(tx, person, which)
    complete = sees_all(person) or not _is_cut(tx, person, MOST_OWN)
    return CountsView(items=items, total=sum(line.cases for line in items), complete=complete)


def lines(tx: Tx, person: Person, which: Narrowing) -> list[CountLine]:
    """The counts alone."""
    told = [*fits(tx, which), *in_time(which, _k.opened_at)]
    if sees_all(person):
        counted = _counted(tx, *told)
    else:
        scopes = scopes_seen(person)
        counted = _counted(tx, _k.scope.in_(scopes), *told) if scopes else Counter()
        beside = (_k.scope.not_in(scopes),) if scopes else ()
        if newest := [sa.select(some.c.case_id) for some in _own(person, MOST_OWN)]:
            counted += _counted(tx, _k.id.in_(sa.union(*newest)), *beside, *told)
    return [CountLine(kind=kind, state=state, cases=number) for (kind, state), number in sorted(counted.items())]


def newest_own(tx: Tx, person: Person, most: int) -> tuple[list[str], bool]:
    """The single cases that this person sees beside whole scopes, by the newest rows of each reason; and whether one of
    the reasons has more than so many rows."""
    parts = [sa.select(sa.literal(number), part.c.case_id) for number, part in enumerate(_own(person, most + 1))]
    rows = tx.conn.execute(sa.union_all(*parts)).all() if parts else []
    each = Counter(number for number, _ in rows)
    return sorted({case_id for _, case_id in rows}), max(each.values(), default=0) > most


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


def _counted(tx: Tx, *told: sa.ColumnElement[bool]) -> Counter[tuple[str, str]]:
    query = sa.select(_k.kind, _k.state, sa.func.count()).where(*told).group_by(_k.kind, _k.state)
    return Counter({(kind, state): int(number) for kind, state, number in tx.conn.execute(query)})
