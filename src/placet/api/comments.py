"""What people say about a case."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.comments import CommentView, GivenComment
from placet.control.sent import Paging
from placet.control.views import Page

router = APIRouter(prefix="/api/v1/cases/{case_id}/comments", tags=["cases"], responses=DOCUMENTED)


@router.get("")
async def list_comments(
    control: Doors, caller: Caller, case_id: str, page: Annotated[Paging, Query()]
) -> Page[CommentView]:
    """Thread by thread, each comment followed by its replies, oldest first."""
    return await control.comments.listed(caller, case_id, page)


@router.post("", status_code=201, response_model=CommentView)
async def comment(control: Doors, caller: Caller, key: Key, case_id: str, given: GivenComment) -> JSONResponse:
    """Comment on an open case that I see; its requester and whoever is replied to are told."""
    return answered(await control.comments.add(caller, case_id, given, key))
