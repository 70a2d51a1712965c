"""Mail, readable in the product."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.administration import RetriedView
from placet.control.cursor import BIGGEST
from placet.control.messages import MessageFilter
from placet.control.views import MessageView, Page

router = APIRouter(prefix="/api/v1/messages", tags=["messages"], responses=DOCUMENTED)


@router.get("")
async def list_messages(control: Doors, caller: Caller, which: Annotated[MessageFilter, Query()]) -> Page[MessageView]:
    """My mail, newest first; administrators may read everybody's with `all=true`."""
    return await control.messages.listed(caller, which)


@router.post("/{message_id}/retry", response_model=RetriedView)
async def retry_message(
    control: Doors, caller: Caller, key: Key, message_id: Annotated[int, Path(ge=1, le=BIGGEST)]
) -> JSONResponse:
    """Send a mail again that could not be delivered (administrators)."""
    return answered(await control.administration.retry(caller, message_id, key))
