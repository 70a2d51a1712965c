"""The list of cases: searched and narrowed down, newest first."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from placet.control.csv_export import CaseExport
from placet.control.errors import invalid
from placet.control.listing import CaseFilter
from placet.store.cases import CaseState
from placet.web.overview import CSV, attached
from placet.web.pages import control_of, page, router, sorry
from placet.web.session import Visitor

routes = router()

Text = Annotated[str, Query(max_length=200)]
STATES = ("open", "closed", *CaseState)


@routes.get("/cases")
async def listed(
    request: Request,
    visitor: Visitor,
    q: Text = "",
    state: Text = "",
    kind: Text = "",
    scope: Text = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    control = control_of(request)
    given = {"q": q.strip(), "state": state, "kind": kind, "scope": scope.strip()}
    wanted = {name: value for name, value in given.items() if value}
    try:
        which = CaseFilter.model_validate({**wanted, "limit": 25, "cursor": cursor})
    except ValidationError as error:
        return sorry(request, invalid(error))
    found = await control.cases.listed(visitor.person, which)
    return page(
        request,
        "case/cases.html",
        cases=found.items,
        next_cursor=found.next_cursor,
        query=urlencode(wanted) + "&" if wanted else "",
        wanted=given,
        narrowed=bool(wanted),
        states=STATES,
        kinds=[(one.kind, one.title) for one in control.workflows.listed().items],
        names=await control.people.names({one.requester for one in found.items}),
    )


@routes.get("/cases/export.csv", response_class=StreamingResponse)
async def export(request: Request, visitor: Visitor, which: Annotated[CaseExport, Query()]) -> StreamingResponse:
    """All cases that the search finds, as a table."""
    lines = await control_of(request).csv.cases(visitor.person, which.model_copy(update={"bom": True}))
    return StreamingResponse(lines, media_type=CSV, headers={**attached("cases"), "X-Accel-Buffering": "no"})
