"""The audit log as a live stream (server-sent events), resumed by event id."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from placet.api.callers import Caller, Doors, Token
from placet.api.errors import DOCUMENTED
from placet.control.control import Control
from placet.control.events import LiveEvent, Place
from placet.control.streams import Streams, follow

router = APIRouter(prefix="/api/v1/events", tags=["events"], responses=DOCUMENTED)


@router.get("", response_class=StreamingResponse)
async def stream(
    request: Request,
    control: Doors,
    caller: Caller,
    token: Token,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """Audit lines that the caller may see, as they are written; with `Last-Event-ID`, from there on."""
    place = Place.parse(last_event_id) if last_event_id else await control.events.now()
    lines = written(control, request.app.state.streams, token, place)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def written(control: Control, streams: Streams, token: str, place: Place) -> AsyncIterator[bytes]:
    """The stream itself; a revoked token ends it."""
    async for events in follow(control.events, streams, lambda: control.people.authenticate(token), place):
        if not events:
            yield KEEPALIVE_COMMENT
        for event in events:
            yield _line(event)


def _line(event: LiveEvent) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.action, id=event.id)
