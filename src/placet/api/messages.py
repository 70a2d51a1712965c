"""Mail, readable in the product."""

from typing import Annotated

from fastapi import APIRouter, Query

from placet.api.callers import Caller, Doors
from placet.api.errors import DOCUMENTED
from placet.control.messages import MessageFilter
from placet.control.views import MessageView, Page

router = APIRouter(prefix="/api/v1/messages", tags=["messages"], responses=DOCUMENTED)


@router.get("")
async def list_messages(control: Doors, caller: Caller, which: Annotated[MessageFilter, Query()]) -> Page[MessageView]:
    """My mail, newest first; administrators may read everybody's with `all=true`."""
    return await control.messages.listed(caller, which)
