"""Cases: what the caller may see, and steering them."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.api.sheets import CSV, SHEET, attached
from placet.control.counting import CountsView
from placet.control.csv_export import CaseExport
from placet.control.listing import CaseFilter, Narrowing
from placet.control.sent import Because, Paging
from placet.control.views import CaseLine, CaseView, EventView, Page

router = APIRouter(prefix="/api/v1/cases", tags=["cases"], responses=DOCUMENTED)

Why = Annotated[Because, Body()]
NO_REASON = Because()


@router.get("")
async def list_cases(control: Doors, caller: Caller, which: Annotated[CaseFilter, Query()]) -> Page[CaseLine]:
    """Newest first."""
    return await control.cases.listed(caller, which)


@router.get("/counts")
async def count_cases(control: Doors, caller: Caller, which: Annotated[Narrowing, Query()]) -> CountsView:
    """How many cases I may see, by kind and state."""
    return await control.cases.counts(caller, which)


@router.get("/export.csv", response_class=StreamingResponse, responses=SHEET)
async def export_cases(control: Doors, caller: Caller, which: Annotated[CaseExport, Query()]) -> StreamingResponse:
    """The cases that I may see as a table, newest first; no cell of it is taken for a formula."""
    return StreamingResponse(await control.csv.cases(caller, which), media_type=CSV, headers=attached("cases"))


@router.get("/{case_id}")
async def show_case(control: Doors, caller: Caller, case_id: str) -> CaseView:
    """One case: its state, what it waits for, its tasks and steps."""
    found = await control.cases.get(caller, case_id)
    own = f"/api/v1/cases/{case_id}"
    return found.model_copy(update={"links": {"self": own, "events": f"{own}/events"}})


@router.get("/{case_id}/events")
async def list_events(
    control: Doors, caller: Caller, case_id: str, page: Annotated[Paging, Query()]
) -> Page[EventView]:
    """The audit lines of the case, oldest first."""
    return await control.cases.events(caller, case_id, page)


@router.get("/{case_id}/documents/{content_hash}", response_class=Response)
async def show_document(control: Doors, caller: Caller, case_id: str, content_hash: str) -> Response:
    """A document that was given to the case, or that a step of it made."""
    document = await control.documents.get(caller, case_id, content_hash)
    return Response(document.content, media_type=document.media_type, headers=document.headers)


@router.post("/{case_id}/pause", response_model=CaseLine)
async def pause_case(control: Doors, caller: Caller, key: Key, case_id: str, because: Why = NO_REASON) -> JSONResponse:
    """Stop the case: no act is taken and no clock runs."""
    return answered(await control.cases.pause(caller, case_id, because, key))


@router.post("/{case_id}/resume", response_model=CaseLine)
async def resume_case(control: Doors, caller: Caller, key: Key, case_id: str, because: Why = NO_REASON) -> JSONResponse:
    """Go on; every deadline has moved by the time the case stood still."""
    return answered(await control.cases.resume(caller, case_id, because, key))


@router.post("/{case_id}/cancel", response_model=CaseLine)
async def cancel_case(control: Doors, caller: Caller, key: Key, case_id: str, because: Why = NO_REASON) -> JSONResponse:
    """End the case early; what was done is compensated."""
    return answered(await control.cases.cancel(caller, case_id, because, key))
