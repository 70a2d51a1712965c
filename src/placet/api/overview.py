"""The overview: figures of what the caller sees."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from placet.api.callers import Caller, Doors
from placet.api.errors import DOCUMENTED
from placet.api.sheets import CSV, SHEET, attached
from placet.control.csv_export import TableExport
from placet.control.overview_views import OverviewView, Period

router = APIRouter(prefix="/api/v1/overview", tags=["overview"], responses=DOCUMENTED)


@router.get("")
async def show_overview(control: Doors, caller: Caller, period: Annotated[Period, Query()]) -> OverviewView:
    """Counts, throughput, waiting for people, turnout, what is overdue or needs attention, and the budget."""
    return await control.overview.show(caller, period)


@router.get("/export.csv", response_class=Response, responses=SHEET)
async def export_overview(control: Doors, caller: Caller, which: Annotated[TableExport, Query()]) -> Response:
    """One table of the overview; no cell of it is taken for a formula."""
    table = await control.csv.table(caller, which)
    return Response(table, media_type=CSV, headers=attached(which.table))
