"""The partner registry: where a partner stands, and the two steps of a case that change and give back its status."""

from enum import StrEnum
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.step import Step


class PartnerStatus(StrEnum):
    """Where a partner stands."""

    PROSPECT = "prospect"
    IN_APPROVAL = "in-approval"
    ACTIVE = "active"
    DECLINED = "declined"


class Partner(Durable):
    """One entry of the registry."""

    id: str
    name: str
    email: str
    status: PartnerStatus


class StatusChange(Durable):
    """The status a partner is to have; a partner not yet known is entered."""

    partner_id: str
    name: str
    email: str = ""
    status: PartnerStatus


class StatusChanged(Durable):
    """What a change did; `previous` is None for a partner that it entered."""

    partner_id: str
    status: PartnerStatus
    previous: PartnerStatus | None


class Restoration(StrEnum):
    """How giving back a status ended.

    `restored`: the partner has its earlier status again (or left the registry, if the change had entered it);
    `superseded`: someone has changed the partner since, so it was left alone; `prevented`: the change had not
    happened and can no longer happen; `already-undone`: this is a repeat, and nothing was left to do.
    """

    RESTORED = "restored"
    SUPERSEDED = "superseded"
    PREVENTED = "prevented"
    ALREADY_UNDONE = "already-undone"


class CrmRefused(Exception):
    """Making the same change again cannot help; `code` is stable: `change-undone` or `change-key-reused`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Crm(Protocol):
    """The registry; `key` makes a repeated call the same call."""

    async def get(self, partner_id: str) -> Partner | None: ...

    async def set_status(self, key: str, change: StatusChange) -> PartnerStatus | None:
        """Set it and return the status before, or return what this key returned before; raises CrmRefused."""
        ...

    async def restore(self, key: str, change: StatusChange) -> Restoration:
        """Give back the status before this key's change, unless the partner has been changed since."""
        ...


class CrmActivities:
    """Changes to the registry as steps of a case."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm

    @activity.defn(name="crm.set-status")
    async def set_status(self, step: Step, change: StatusChange) -> StatusChanged:
        try:
            previous = await self._crm.set_status(step.key, change)
        except CrmRefused as refused:
            raise ApplicationError(str(refused), type=refused.code, non_retryable=True) from refused
        return StatusChanged(partner_id=change.partner_id, status=change.status, previous=previous)

    @activity.defn(name="crm.restore-status")
    async def restore_status(self, step: Step, change: StatusChange) -> None:
        if await self._crm.restore(step.undone_key, change) is Restoration.SUPERSEDED:
            activity.logger.warning("Partner %s has been changed since; its status stays.", change.partner_id)
