"""The local activities by which a workflow meets the database."""

from temporalio import activity

from placet.domain.course import Reply, Report
from placet.domain.model import Durable
from placet.domain.step import Step, StepState
from placet.store import course, crash, journal
from placet.store.engine import Store


class StepDecision(Durable):
    """What people decided about a step that failed for good."""

    step: Step
    state: StepState
    by: str


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
