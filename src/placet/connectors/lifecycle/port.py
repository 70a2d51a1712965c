"""Resources and their states: what stands against a change, the change, and the state before again."""

from typing import Protocol

from temporalio import activity

from placet.domain.lifecycle import Findings, StateChanged, StateOrder
from placet.domain.step import Step


class Resources(Protocol):
    """The register of resources; `key` makes a repeated call the same call."""

    async def findings(self, case_id: str, order: StateOrder) -> Findings: ...

    async def change(self, key: str, case_id: str, order: StateOrder) -> StateChanged: ...

    async def restore(self, key: str, case_id: str, order: StateOrder) -> None:
        """Take back the change under this key, unless another came since, and keep it from arriving later."""
        ...


class LifecycleActivities:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    @activity.defn(name="lifecycle.check")
    async def check(self, step: Step, order: StateOrder) -> Findings:
        return await self._resources.findings(step.case_id, order)

    @activity.defn(name="lifecycle.change")
    async def change(self, step: Step, order: StateOrder) -> StateChanged:
        """A change that is no longer possible is answered as such: trying again cannot help, nothing has failed."""
        return await self._resources.change(step.key, step.case_id, order)

    @activity.defn(name="lifecycle.restore")
    async def restore(self, step: Step, order: StateOrder) -> None:
        await self._resources.restore(step.undone_key, step.case_id, order)
