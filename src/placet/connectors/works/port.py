"""Carrying out what was approved: cases of work, their bounties, and the schedules of series."""

from functools import partial
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.proposal import Recurrence
from placet.domain.step import Step
from placet.store import crash, works
from placet.store.engine import Store
from placet.store.funds import NotReserved, pay


class Payment(Durable):
    """A bounty, in the smallest unit, from what the proposal has reserved to whoever earned it."""

    proposal: str
    work: str
    person: str
    amount: int
    memo: str = ""


class Schedules(Protocol):
    """What makes the instances of a series in time; `series` makes a repeated call the same call."""

    async def start(self, series: str, recurrence: Recurrence, note: str) -> None:
        """Make an instance now, and then one each day, week or month."""
        ...

    async def stop(self, series: str) -> None:
        """Make no more; also when there never was such a schedule."""
        ...


class WorksActivities:
    """Steps of voting's cases; what they change in the database is once by natural key."""

    def __init__(self, store: Store, schedules: Schedules) -> None:
        self._store = store
        self._schedules = schedules

    @activity.defn(name="works.begin")
    async def begin(self, step: Step, proposal: str) -> str:
        """Carry out an approved proposal: open its one case of work, or start its series.

        Returns that id; nothing if the proposal has been deleted meanwhile.
        """
        series = await self._store.write(lambda tx: works.begin_series(tx, proposal))
        if series is None:
            return await self._store.write(lambda tx: works.open_work(tx, proposal, "once")) or ""
        crash.reach("series-planned")
        if series.active:
            await self._schedules.start(series.id, series.recurrence, series.title)
            if not await self._store.read(lambda tx: works.is_active(tx, series.id)):
                # Deleted meanwhile, perhaps before there was a schedule to stop.
                await self._schedules.stop(series.id)
        return series.id

    @activity.defn(name="works.stop-schedule")
    async def stop_schedule(self, step: Step, target: str) -> None:
        """Stop the schedule behind a series or its proposal, before anything else of it is touched."""
        series = await self._store.write(lambda tx: works.stop_series(tx, target))
        if series is not None:
            await self._schedules.stop(series)

    @activity.defn(name="works.delete")
    async def delete(self, step: Step, target: str) -> bool:
        """Cancel what still runs of the target and give its reservation back; False when all had gone already."""
        if not await self._store.write(lambda tx: works.delete(tx, target, step.case_id)):
            return False
        for case_id in await self._store.read(lambda tx: works.running(tx, target)):
            await self._store.write(partial(works.cancel, case_id=case_id, by=step.case_id))
        await self._store.write(lambda tx: works.give_back(tx, target, step.key))
        return True

    @activity.defn(name="works.pay")
    async def pay(self, step: Step, payment: Payment) -> bool:
        """Pay a bounty into the ledger, once; False for a repeat."""
        due = payment
        try:
            return await self._store.write(
                lambda tx: pay(tx, due.proposal, due.work, due.person, due.amount, step.key, due.memo)
            )
        except NotReserved as error:
            raise ApplicationError(str(error), type="not-reserved", non_retryable=True) from error

    @activity.defn(name="works.tick")
    async def tick(self, series: str, slot: str) -> str | None:
        """Open the instance of a series for this moment, once; None when the series has stopped."""
        return await self._store.write(lambda tx: works.tick(tx, series, slot))
