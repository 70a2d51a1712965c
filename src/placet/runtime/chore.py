"""The loop of what is carried on beside the cases."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from placet.store.engine import Store, StoreUnavailable

log = logging.getLogger(__name__)


async def carry_on(store: Store, topic: str, do: Callable[[], Awaitable[int]], poll_seconds: float) -> None:
    """Do what is due until cancelled: again at once while something was, else once the topic is announced or the poll
    is over. A database that is away is waited for."""
    loop = asyncio.get_running_loop()
    kick = asyncio.Event()
    unlisten = store.listen(topic, lambda: loop.call_soon_threadsafe(kick.set))
    try:
        while True:
            kick.clear()
            done = 0
            try:
                done = await do()
            except StoreUnavailable as error:
                log.warning("%s: the database is not available: %s", topic, error)
            if not done:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(kick.wait(), poll_seconds)
    finally:
        unlisten()
