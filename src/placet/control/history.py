"""What opened and closed on days that are over: counted once, as it does not change; however long ago, it costs nothing
more.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from threading import Lock
from typing import Any

import sqlalchemy as sa

from placet.control.counting import Counts
from placet.control.part import Part, Piece
from placet.domain.people import EVERYWHERE
from placet.store import tables as t
from placet.store.cases import reopened
from placet.store.engine import Tx
from placet.store.instant import EPOCH

SETTLED = timedelta(days=1)
"""A day is over for good so long after its end: what was opened or closed on it is committed by then."""

KEPT = 366 + 7
"""So many days are remembered one by one: a year that begins on a Monday."""

DAY_US = 24 * 60 * 60 * 1_000_000

ByDay = dict[int, dict[str, int]]
Days = dict[str, ByDay]
"""Cases by scope (all of them under `*`), day and kind."""

Moment = sa.ColumnElement[Any]

_k = t.case.c


@dataclass(frozen=True)
class Past:
    """All days before `until`: those of the last year one by one, and of all together the closed cases (`ended`, by
    scope, kind and state) and every kind of which a case has opened.

    It is true as long as the log still has the line `anchor` (no older copy was restored) and no case more was
    `reopened`.
    """

    until: int = 0
    anchor: tuple[int, str] = (0, "")
    reopened: int = 0
    opened: Days = field(default_factory=dict)
    closed: Days = field(default_factory=dict)
    ended: dict[str, Counts] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flow:
    """The cases opened and closed, by kind: what there was on a day, in pieces, and so a day may come more than once;
    and of whole scopes all that are closed, by kind and state.
    """

    opened: list[tuple[int, dict[str, int]]]
    closed: list[tuple[int, dict[str, int]]]
    ended: Counts


class History:
    """Remembers the past for this process."""

    def __init__(self) -> None:
        self._growing = Lock()
        self._past = Past()

    def past(self, tx: Tx) -> Past:
        """The past as this transaction sees it. While another thread counts, nothing is remembered: nobody waits."""
        until, marks, past = day_of(tx.now - SETTLED), reopened(tx), self._past
        true = past.reopened == marks and _has(tx, past.anchor)
        if true and past.until >= until:
            return past
        if not self._growing.acquire(blocking=False):
            return Past()
        try:
            self._past = _grown(tx, past if true else Past(reopened=marks), until)
            return self._past
        finally:
            self._growing.release()


def day_of(at: datetime) -> int:
    """The day of a moment in UTC, as a number of days since 1970."""
    return (at - EPOCH).days


def number_of(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()


def moment(day: int) -> datetime:
    """When the day begins."""
    return EPOCH + timedelta(days=day)


def date_of(day: int) -> date:
    return moment(day).date()


def day_in(tx: Tx, at: Moment) -> sa.ColumnElement[int]:
    """The same as `day_of`, in a query."""
    return microseconds(tx, at).op("/")(sa.literal_column(str(DAY_US)))


def microseconds(tx: Tx, at: Moment) -> sa.ColumnElement[int]:
    """Since 1970, in a query."""
    if tx.on_postgres:
        return sa.cast(sa.extract("epoch", at) * sa.literal_column("1000000"), sa.BigInteger)
    return sa.type_coerce(at, sa.BigInteger)


def flow(tx: Tx, part: Part, past: Past, first: int) -> Flow:
    """Of this part, at least the days from `first` on: from what is remembered, and what is not is looked up."""
    found = Flow([], [], Counter())
    for name in part.names:
        found.ended.update(past.ended.get(name, {}))
        for into, days in ((found.opened, past.opened), (found.closed, past.closed)):
            into += [(day, kinds) for day, kinds in days.get(name, {}).items() if day >= first]
    for piece in part.whole_in_time(_k.scope):
        for day, kind, cases in _days(tx, _k.opened_at, past.until, piece, _k.kind):
            found.opened.append((int(day), {kind: cases}))
        for day, kind, state, cases in _days(tx, _k.closed_at, past.until, piece, _k.kind, _k.state):
            found.closed.append((int(day), {kind: cases}))
            found.ended[kind, state] += cases
    for piece in part.single(_k.id, _k.scope):
        for into, at in ((found.opened, _k.opened_at), (found.closed, _k.closed_at)):
            into += [(int(day), {kind: cases}) for day, kind, cases in _days(tx, at, first, piece, _k.kind)]
    return found


def _has(tx: Tx, line: tuple[int, str]) -> bool:
    """Whether the log has this line, with the same hash."""
    query = sa.select(t.audit.c.hash).where(t.audit.c.id == line[0])
    return not line[0] or tx.conn.execute(query).scalar_one_or_none() == line[1]


def _grown(tx: Tx, past: Past, until: int) -> Past:
    """With the days that are over since."""
    end = moment(until)
    newest = sa.select(sa.func.max(t.audit.c.id)).scalar_subquery()
    last = tx.conn.execute(sa.select(t.audit.c.id, t.audit.c.hash).where(t.audit.c.id == newest)).first()
    opened = _days(tx, _k.opened_at, past.until, (_k.opened_at < end,), _k.scope, _k.kind).all()
    closed = _days(tx, _k.closed_at, past.until, (_k.closed_at < end,), _k.scope, _k.kind, _k.state).all()
    ended = {scope: Counter(states) for scope, states in past.ended.items()}
    for _, scope, kind, state, cases in closed:
        for key in (scope, EVERYWHERE):
            ended.setdefault(key, Counter())[kind, state] += cases
    return Past(
        until=until,
        anchor=(last.id, last.hash) if last else (0, ""),
        reopened=past.reopened,
        opened=_more(past.opened, until, opened),
        closed=_more(past.closed, until, ((day, scope, kind, cases) for day, scope, kind, _, cases in closed)),
        ended=ended,
        kinds=past.kinds | {kind for _, _, kind, _ in opened},
    )


def _days(tx: Tx, at: Moment, since: int, also: Piece, *columns: sa.ColumnElement[Any]) -> Any:
    """The day, these columns, and how many cases, from the day `since` on."""
    # The day comes first, so that no index that only begins with a column is read from end to end.
    by = (day_in(tx, at).label("day"), *columns)
    return tx.conn.execute(sa.select(*by, sa.func.count()).where(at >= moment(since), *also).group_by(*by))


def _more(days: Mapping[str, ByDay], until: int, found: Iterable[Any]) -> Days:
    """Without those that no period reaches any more."""
    # Whoever reads the past at this moment keeps what they have.
    more = {scope: {day: of for day, of in of_scope.items() if day >= until - KEPT} for scope, of_scope in days.items()}
    for day, scope, kind, cases in found:
        for key in (scope, EVERYWHERE):
            if day >= until - KEPT:
                kinds = more.setdefault(key, {}).setdefault(int(day), {})
                kinds[kind] = kinds.get(kind, 0) + cases
    return more
