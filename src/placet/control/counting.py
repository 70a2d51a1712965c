"""How many cases there are, by kind and state, within what a person sees."""

from collections import Counter
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
    complete = True
    if sees_all(person):
        counted = _counted(tx, *told)
    else:
        scopes = scopes_seen(person)
        counted = _counted(tx, _k.scope.in_(scopes), *told) if scopes else Counter()
        beside = (_k.scope.not_in(scopes),) if scopes else ()
        counted += _counted(tx, _k.id.in_(own(person, MOST_OWN)), *beside, *told)
        complete = not is_cut(tx, person, MOST_OWN)
    lines = [CountLine(kind=kind, state=state, cases=number) for (kind, state), number in sorted(counted.items())]
    return CountsView(items=lines, total=sum(counted.values()), complete=complete)


def own(person: Person, most: int) -> sa.CompoundSelect[Any]:
    """The single cases that this person sees beside whole scopes, the newest of each reason."""
    parts = []
    for way in ways(person):
        if not way.is_case:
            newest = sa.select(way.case_id.label("case_id")).where(way.where).order_by(way.opened_at.desc()).limit(most)
            parts.append(sa.select(newest.subquery().c.case_id))
    return sa.union(*parts or [sa.select(sa.null().label("case_id")).where(sa.false())])


def is_cut(tx: Tx, person: Person, most: int) -> bool:
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
