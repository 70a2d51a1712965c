"""The overview: where cases stand, how fast they go, and where they wait; bounded, however much there has been."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

from placet.control import attention, figures
from placet.control.door import Door
from placet.control.history import History, Past, flow, number_of
from placet.control.overview_views import MOST_LISTED, OverviewView, Period
from placet.control.part import Part
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.store.ballots import LockedBallot
from placet.store.engine import Tx
from placet.store.tasks import LockedTask


class Overview:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._history = History()

    async def show(self, person: Person, period: Period, listed: int = MOST_LISTED) -> OverviewView:
        """The figures of the period, of what this person sees; so many of each list."""
        return await self._door.read(lambda tx: _shown(tx, self._history.past(tx), person, period, listed))


def _shown(tx: Tx, past: Past, person: Person, period: Period, listed: int) -> OverviewView:
    part, until = Part(tx, person), tx.now.date()
    since = _first_day(until, period)
    moment = datetime(since.year, since.month, since.day, tzinfo=UTC)
    moved = flow(tx, part, past, number_of(since))
    overdue, late = figures.overdue(tx, part, listed)
    needing, failed = attention.needed(tx, person, listed)
    tasks, ballots = (figures.decided(tx, part, form, moment) for form in (LockedTask.form, LockedBallot.form))
    reads_budget = any(permitted(person, Action.READ_FAUCET, grant.scope) for grant in person.grants)
    return OverviewView(
        sees=_sees(part),
        scopes=part.scopes,
        since=since,
        until=until,
        complete=not part.is_cut,
        counts=figures.counts(tx, part, past, moved),
        throughput=figures.throughput(moved, since, period.by),
        waiting=figures.waiting([*tasks, *ballots]),
        turnout=figures.turnout(tx, ballots[:listed]),
        overdue=overdue,
        overdue_number=late,
        overdue_more=late > len(overdue),
        attention=needing,
        attention_number=failed,
        attention_more=failed > len(needing),
        budget=figures.budget(tx, since, until, period.by) if reads_budget else None,
    )


def _first_day(until: date, period: Period) -> date:
    first = until - timedelta(days=period.days - 1)
    return first - timedelta(days=first.weekday()) if period.by == "week" else first


def _sees(part: Part) -> Literal["everything", "scopes", "own"]:
    if part.everything:
        return "everything"
    return "scopes" if part.scopes else "own"
