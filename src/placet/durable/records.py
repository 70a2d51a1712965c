"""The activities by which a workflow meets the database."""

from temporalio import activity

from placet.domain.course import Reply, Report
from placet.domain.model import Durable
from placet.domain.step import Step, StepState
from placet.store import course, crash, journal, roll
from placet.store.engine import Store
from placet.store.roll import Electorate, Staging


class StepDecision(Durable):
    """What people decided about a step that failed for good."""

    step: Step
    state: StepState
    by: str


class RollOrder(Durable):
    """The electorate of a ballot that is about to open."""

    ballot: str
    electorate: Electorate


class Records:
    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn(name="placet.report")
    async def report(self, told: Report) -> Reply:
        reply = await self._store.write(lambda tx: course.report(tx, told))
        crash.reach("report-committed")
        return reply

    @activity.defn(name="placet.mark-step")
    async def mark_step(self, decided: StepDecision) -> None:
        await self._store.write(lambda tx: journal.mark(tx, decided.step, decided.state, decided.by))

    @activity.defn(name="placet.stage-roll")
    async def stage_roll(self, order: RollOrder) -> None:
        """Read a large electorate, piece by piece; started over, it begins anew."""
        staging = Staging(order.ballot, order.electorate)
        while not staging.done:
            activity.heartbeat(staging.after)
            await roll.move_on(self._store, staging)
