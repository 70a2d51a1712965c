"""The audit log as a live stream (server-sent events), resumed by event id."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from placet.api.callers import Caller, Doors, Token
from placet.api.errors import DOCUMENTED
from placet.control.control import Control
from placet.control.errors import Problem
from placet.control.events import LiveEvent, Place
from placet.store.engine import StoreUnavailable

router = APIRouter(prefix="/api/v1/events", tags=["events"], responses=DOCUMENTED)


@dataclass
class Streams:
    """The open streams of this process; `close` ends them all. Times are seconds."""

    poll: float
    heartbeat: float
    closed: bool = False
    _open: set[asyncio.Event] = field(default_factory=set)

    def close(self) -> None:
        self.closed = True
        for woken in self._open:
            woken.set()

    @contextmanager
    def opened(self) -> Iterator[asyncio.Event]:
        woken = asyncio.Event()
        self._open.add(woken)
        try:
            yield woken
        finally:
            self._open.discard(woken)


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
    lines = follow(control, request.app.state.streams, token, place)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def follow(control: Control, streams: Streams, token: str, place: Place) -> AsyncIterator[bytes]:
    """The stream itself. Rights are looked up at every turn, so a revoked token ends it."""
    loop = asyncio.get_running_loop()
    with streams.opened() as woken:

        def wake() -> None:
            # A thread of the store calls this, and must never fail because a loop has just ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        stop = control.events.listen(wake)
        try:
            yield KEEPALIVE_COMMENT
            spoke = loop.time()
            while not streams.closed:
                woken.clear()
                try:
                    person = await control.people.authenticate(token)
                    events, reached = await control.events.after(person, place)
                except Problem:
                    return
                except StoreUnavailable:
                    events, reached = [], place
                for event in events:
                    yield _line(event)
                    spoke = loop.time()
                if reached != place and events:
                    place = reached
                    continue
                place = reached
                if loop.time() - spoke >= streams.heartbeat:
                    yield KEEPALIVE_COMMENT
                    spoke = loop.time()
                if not streams.closed:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(woken.wait(), min(streams.poll, streams.heartbeat))
        finally:
            stop()


def _line(event: LiveEvent) -> bytes:
    return format_sse_event(data_str=event.model_dump_json(), event=event.action, id=event.id)
