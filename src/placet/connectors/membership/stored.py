"""The embedded directory: people and grants of the application database."""

from placet.domain.membership import Contact, ContactsOf, Entered, NewMember, RoleChanged, RoleOrder
from placet.store import membership
from placet.store.engine import Store


class StoredMembership:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def enter(self, key: str, case_id: str, member: NewMember) -> Entered:
        return await self._store.write(lambda tx: membership.enter(tx, key, case_id, member))

    async def leave(self, key: str, case_id: str, member: NewMember) -> None:
        await self._store.write(lambda tx: membership.leave(tx, key, case_id, member))

    async def set_role(self, key: str, case_id: str, order: RoleOrder) -> RoleChanged:
        return await self._store.write(lambda tx: membership.set_role(tx, key, case_id, order))

    async def restore_role(self, key: str, case_id: str, order: RoleOrder) -> None:
        await self._store.write(lambda tx: membership.restore_role(tx, key, case_id, order))

    async def contacts(self, wanted: ContactsOf) -> tuple[Contact, ...]:
        return await self._store.read(lambda tx: membership.contacts(tx, wanted))
