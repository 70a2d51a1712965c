"""Pages that stay current: a stream of what has changed, after which the script looks at its own page again."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from placet.control.events import Place
from placet.control.streams import Streams, follow
from placet.domain.people import Person
from placet.web.pages import control_of, router
from placet.web.session import Visitor, cookie_name

routes = router()


@routes.get("/live", response_class=StreamingResponse)
async def live(
    request: Request,
    visitor: Visitor,
    after: Annotated[str | None, Query(max_length=100)] = None,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """Which cases have changed since the page was made (`after`), without a gap when the connection breaks."""
    known = last_event_id or after
    place = Place.parse(known) if known else visitor.place
    streams: Streams = request.app.state.streams
    return StreamingResponse(
        _changes(request, streams, place), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _changes(request: Request, streams: Streams, place: Place) -> AsyncIterator[bytes]:
    control, secret = control_of(request), request.cookies.get(cookie_name(request), "")

    async def who() -> Person:
        return (await control.sessions.known(secret, used=False)).person

    async for events in follow(control.events, streams, who, place):
        if not events:
            yield KEEPALIVE_COMMENT
            continue
        cases = sorted({event.case_id for event in events if event.case_id})
        yield format_sse_event(data_str=json.dumps({"cases": cases}), event="changed", id=events[-1].id)
