"""The audit log as it grows, for those who may see it; the same from every process."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from placet.control.cursor import BIGGEST
from placet.control.door import Door
from placet.control.errors import Problem
from placet.control.views import View
from placet.domain.access import SEES_ALL
from placet.domain.audit import stamp
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.sight import sees_case

BATCH = 500
PLACE = re.compile(r"(\d{1,19})\.(\d{1,19})")


@dataclass(frozen=True)
class Place:
    """A position in the log: the writing transaction (0 on SQLite), and the line."""

    txid: int
    line: int

    def __str__(self) -> str:
        return f"{self.txid}.{self.line}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        match = PLACE.fullmatch(text)
        if match is None or max(int(match[1]), int(match[2])) > BIGGEST:
            raise Problem("bad-cursor", "This event id is not one of ours; connect again without it.")
        return cls(int(match[1]), int(match[2]))


class LiveEvent(View):
    """One line of the log; `case_id` is None for what belongs to no case."""

    id: str
    case_id: str | None
    seq: int
    at: str
    actor: str
    action: str
    detail: dict[str, object]


class Events:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def now(self) -> Place:
        """The end of the log."""
        return await self._door.read(end_of_log)

    async def after(self, person: Person, place: Place) -> tuple[list[LiveEvent], Place]:
        """The next lines that this person may see, at most `BATCH`, and the place up to which the log is now read."""

        def look(tx: Tx) -> tuple[list[LiveEvent], Place]:
            end = end_of_log(tx)
            query = (
                sa.select(t.audit)
                .where(*_between(tx, place, end), _visible(person))
                .order_by(*_ORDER[tx.on_postgres])
                .limit(BATCH)
            )
            events = [
                LiveEvent(
                    id=str(Place(row.txid, row.id)),
                    case_id=row.case_id,
                    seq=row.seq,
                    at=stamp(row.at),
                    actor=row.actor,
                    action=row.action,
                    detail=row.detail,
                )
                for row in tx.conn.execute(query)
            ]
            return events, Place.parse(events[-1].id) if len(events) == BATCH else end

        return await self._door.read(look)

    def listen(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Be called, from any thread, when this process has written a line; returns the way to stop it."""
        return self._door.store.listen("events", callback)


def end_of_log(tx: Tx) -> Place:
    """The place behind the last line that is settled."""
    a = t.audit.c
    query = sa.select(a.txid, a.id).where(_settled(tx)).order_by(a.txid.desc(), a.id.desc()).limit(1)
    last = tx.conn.execute(query).one_or_none()
    return Place(last.txid, last.id) if last else Place(0, 0)


# On SQLite every transaction is number 0, and of a pair it looks up only the first.
_ORDER = {True: (t.audit.c.txid, t.audit.c.id), False: (t.audit.c.id,)}


def _between(tx: Tx, after: Place, end: Place) -> list[sa.ColumnElement[bool]]:
    """Behind the one place, up to the other."""
    a = t.audit.c
    if not tx.on_postgres:
        return [a.id > after.line, a.id <= end.line]
    place = sa.tuple_(a.txid, a.id)
    return [
        place > sa.tuple_(sa.literal(after.txid), sa.literal(after.line)),
        place <= sa.tuple_(sa.literal(end.txid), sa.literal(end.line)),
    ]


def _settled(tx: Tx) -> sa.ColumnElement[bool]:
    """Lines before which nothing can appear any more: on Postgres, a transaction in flight may still commit earlier
    ones; SQLite writes one transaction after the other."""
    if not tx.on_postgres:
        return sa.true()
    oldest = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot())
    return t.audit.c.txid < sa.cast(sa.cast(oldest, sa.Text), sa.BigInteger)


def _visible(person: Person) -> sa.ColumnElement[bool]:
    if not person.external and any(person.holds_any(role) for role in SEES_ALL):
        return sa.true()
    # Line by line: a stream reads the few that are new, of all the cases that there ever were.
    return sa.exists().where(t.case.c.id == t.audit.c.case_id, sees_case(person))
