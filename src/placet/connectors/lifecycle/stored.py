"""The embedded register of resources, in the application database."""

from placet.domain.lifecycle import Findings, StateChanged, StateOrder
from placet.store import resources
from placet.store.engine import Store


class StoredResources:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def findings(self, case_id: str, order: StateOrder) -> Findings:
        return await self._store.read(lambda tx: resources.findings(tx, case_id, order))

    async def change(self, key: str, case_id: str, order: StateOrder) -> StateChanged:
        return await self._store.write(lambda tx: resources.change(tx, key, case_id, order))

    async def restore(self, key: str, case_id: str, order: StateOrder) -> None:
        await self._store.write(lambda tx: resources.restore(tx, key, case_id, order))
