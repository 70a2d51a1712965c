"""The overview: where cases stand, how fast they go, and where they wait; bounded, however much there has been."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from placet.control import attention, counting, figures
from placet.control.door import Door
from placet.control.listing import Narrowing
from placet.control.overview_views import OverviewView, Period
from placet.control.part import Part
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.store.engine import Tx


class Overview:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, person: Person, period: Period) -> OverviewView:
        """The figures of the period, of what this person sees."""
        return await self._door.read(lambda tx: _shown(tx, person, period))


def _shown(tx: Tx, person: Person, period: Period) -> OverviewView:
    part, until = Part(person), tx.now.date()
    since = _first_day(until, period)
    moment = datetime(since.year, since.month, since.day, tzinfo=UTC)
    counts = counting.cases(tx, person, Narrowing())
    overdue, overdue_more = figures.overdue(tx, part)
    needing, needing_more = attention.needed(tx, person)
    reads_budget = any(permitted(person, Action.READ_FAUCET, grant.scope) for grant in person.grants)
    return OverviewView(
        sees=_sees(part),
        scopes=[] if part.everything else part.scopes,
        since=since,
        until=until,
        complete=counts.complete and not figures.is_cut(tx, part),
        counts=counts.items,
        throughput=figures.throughput(tx, part, moment, period.by),
        waiting=figures.waiting(tx, part, moment),
        turnout=figures.turnout(tx, part, moment),
        overdue=overdue,
        overdue_more=overdue_more,
        attention=needing,
        attention_more=needing_more,
        budget=figures.budget(tx, since, until) if reads_budget else None,
    )


def _first_day(until: date, period: Period) -> date:
    first = until - timedelta(days=period.days - 1)
    return first - timedelta(days=first.weekday()) if period.by == "week" else first


def _sees(part: Part) -> Literal["everything", "scopes", "own"]:
    if part.everything:
        return "everything"
    return "scopes" if part.scopes else "own"
