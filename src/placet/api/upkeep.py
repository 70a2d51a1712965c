"""What administrators look after: failed steps, what is owed to the engine, mails."""

from typing import Annotated

from fastapi import APIRouter, Query

from placet.api.callers import Caller, Doors
from placet.api.errors import DOCUMENTED
from placet.control.administration import OutboxView
from placet.control.overview_views import Attention
from placet.control.sent import Paging
from placet.control.views import Page

router = APIRouter(prefix="/api/v1/admin", tags=["admin"], responses=DOCUMENTED)


@router.get("/failed-steps")
async def list_failed_steps(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[Attention]:
    """Cases that need attention, newest first: which step failed, why, and the task that asks what to do."""
    return await control.administration.failed_steps(caller, page)


@router.get("/outbox")
async def show_outbox(control: Doors, caller: Caller) -> OutboxView:
    """Starts and wake-ups that the engine has not confirmed, and mails that wait or could not be delivered."""
    return await control.administration.outbox(caller)
