"""Membership: who belongs to the organisation and with which roles, as steps of a case that can be taken back."""

from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.membership import Contact, ContactsOf, Entered, Entry, NewMember, RoleChanged, RoleOrder
from placet.domain.step import Step


class Membership(Protocol):
    """The directory of the organisation; `key` makes a repeated call the same call, `case_id` is who ordered it."""

    async def enter(self, key: str, case_id: str, member: NewMember) -> Entered: ...

    async def leave(self, key: str, case_id: str, member: NewMember) -> None:
        """Take back the entry under this key, and keep it from arriving later."""
        ...

    async def set_role(self, key: str, case_id: str, order: RoleOrder) -> RoleChanged: ...

    async def restore_role(self, key: str, case_id: str, order: RoleOrder) -> None:
        """Take back the change under this key, and keep it from arriving later."""
        ...

    async def contacts(self, wanted: ContactsOf) -> tuple[Contact, ...]: ...


class MembershipActivities:
    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    @activity.defn(name="membership.enter")
    async def enter(self, step: Step, member: NewMember) -> Entered:
        entered = await self._membership.enter(step.key, step.case_id, member)
        if entered.result is not Entry.ENTERED:
            why = f"The id {member.person} cannot be entered: {entered.result}."
            raise ApplicationError(why, type=f"entry-{entered.result}", non_retryable=True)
        return entered

    @activity.defn(name="membership.leave")
    async def leave(self, step: Step, member: NewMember) -> None:
        await self._membership.leave(step.undone_key, step.case_id, member)

    @activity.defn(name="membership.set-role")
    async def set_role(self, step: Step, order: RoleOrder) -> RoleChanged:
        """A change that must not be is answered as such: trying again cannot help, and nothing has failed."""
        return await self._membership.set_role(step.key, step.case_id, order)

    @activity.defn(name="membership.restore-role")
    async def restore_role(self, step: Step, order: RoleOrder) -> None:
        await self._membership.restore_role(step.undone_key, step.case_id, order)

    @activity.defn(name="membership.contacts")
    async def contacts(self, step: Step, wanted: ContactsOf) -> tuple[Contact, ...]:
        return await self._membership.contacts(wanted)
