"""The embedded policies: versions in the application database."""

from placet.domain.people import SYSTEM
from placet.domain.policy import PolicyChanged, PolicyOrder
from placet.store import policies
from placet.store.engine import Store
from placet.store.policies import Check


class StoredPolicies:
    def __init__(self, store: Store, check: Check) -> None:
        self._store = store
        self._check = check

    async def change(self, key: str, case_id: str, order: PolicyOrder) -> PolicyChanged:
        return await self._store.write(lambda tx: policies.put(tx, order, self._check, SYSTEM, case_id, key))

    async def restore(self, key: str, case_id: str, order: PolicyOrder) -> None:
        await self._store.write(lambda tx: policies.take_back(tx, order.policy, key, SYSTEM, case_id))
