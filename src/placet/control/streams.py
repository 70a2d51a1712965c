"""Following the audit log live: lines as they are written, for whoever may see them at that moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from placet.control.errors import Problem
from placet.control.events import Events, LiveEvent, Place
from placet.domain.people import Person
from placet.store.engine import StoreUnavailable


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


async def follow(
    log: Events, streams: Streams, who: Callable[[], Awaitable[Person]], place: Place
) -> AsyncIterator[list[LiveEvent]]:
    """The lines behind a place as they come; none of them is a heartbeat. Rights are looked up at every turn, so the
    stream ends when `who` no longer knows the caller."""
    loop = asyncio.get_running_loop()
    with streams.opened() as woken:

        def wake() -> None:
            # A thread of the store calls this, and must never fail because a loop has just ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(woken.set)

        stop = log.listen(wake)
        try:
            yield []
            spoke = loop.time()
            while not streams.closed:
                woken.clear()
                try:
                    events, reached = await log.after(await who(), place)
                except Problem:
                    return
                except StoreUnavailable:
                    events, reached = [], place
                more = bool(events) and reached != place
                place = reached
                if events:
                    yield events
                    spoke = loop.time()
                if more:
                    continue
                if loop.time() - spoke >= streams.heartbeat:
                    yield []
                    spoke = loop.time()
                if not streams.closed:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(woken.wait(), min(streams.poll, streams.heartbeat))
        finally:
            stop()
