"""Policies as cases change them: a new version, and the one before again."""

from typing import Protocol

from temporalio import activity

from placet.domain.policy import PolicyChanged, PolicyOrder
from placet.domain.step import Step


class Policies(Protocol):
    """The versions in force; `key` makes a repeated call the same call."""

    async def change(self, key: str, case_id: str, order: PolicyOrder) -> PolicyChanged: ...

    async def restore(self, key: str, case_id: str, order: PolicyOrder) -> None:
        """Take back the change under this key, unless another came since, and keep it from arriving later."""
        ...


class PolicyActivities:
    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    @activity.defn(name="policy.change")
    async def change(self, step: Step, order: PolicyOrder) -> PolicyChanged:
        """Check the base version and the values as they are now, and bring the new version into force."""
        return await self._policies.change(step.key, step.case_id, order)

    @activity.defn(name="policy.restore")
    async def restore(self, step: Step, order: PolicyOrder) -> None:
        await self._policies.restore(step.undone_key, step.case_id, order)
