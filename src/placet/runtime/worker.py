"""The worker process: runs the workflows and their steps, carries the outbox, delivers mail, sweeps."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from placet.catalogue.registry import CATALOGUE
from placet.connectors.mail.port import MailTransport
from placet.durable.journaling import Journaling
from placet.durable.workflow import Entry
from placet.runtime import engine
from placet.runtime.chore import carry_on
from placet.runtime.database import prepare
from placet.runtime.dispatcher import Dispatcher
from placet.runtime.place import Place
from placet.runtime.postman import Postman
from placet.runtime.sweeper import Sweeper
from placet.runtime.treasury import treasury_of
from placet.runtime.wiring import Ports, activities, mail_transport, open_store, ports_of
from placet.store import funds, mailings
from placet.store.engine import Store

GRACE = timedelta(seconds=30)


def build(
    client: Client,
    store: Store,
    ports: Ports,
    task_queue: str,
    more_activities: Sequence[Callable[..., Any]] = (),
) -> Worker:
    """The Temporal worker, as it runs in production and in tests; the client's plugin brings the workflows."""
    return Worker(
        client,
        task_queue=task_queue,
        activities=[*activities(store, ports), *more_activities],
        interceptors=[Journaling(store)],
        # About 0.1 MB each. A case that has left the cache is replayed when it wakes, some 10 ms after days of waiting.
        max_cached_workflows=500,
        max_concurrent_activities=50,
        # Without it every deploy would cut running steps short and run them again.
        graceful_shutdown_timeout=GRACE,
    )


def voting_chores(store: Store, poll_seconds: float = 1.0) -> list[Coroutine[Any, Any, None]]:
    """Expanding the mails to electorates, and asking those who wait for money once some became free."""
    return [
        carry_on(store, "mailing", lambda: store.write(mailings.expand), poll_seconds),
        carry_on(store, "funds", lambda: funds.offer_all(store), poll_seconds),
    ]


async def serve(
    client: Client,
    store: Store,
    ports: Ports,
    transport: MailTransport,
    catalogue: tuple[Entry, ...],
    task_queue: str,
    ready: asyncio.Event | None = None,
) -> None:
    """Serve until cancelled or told to stop by SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    chores = [
        asyncio.create_task(Dispatcher(store, client, catalogue, task_queue, poll_seconds=1.0).run()),
        asyncio.create_task(Postman(store, transport).run()),
        asyncio.create_task(Sweeper(store, ports.blobs).run()),
        *(asyncio.create_task(chore) for chore in voting_chores(store)),
    ]
    try:
        async with build(client, store, ports, task_queue):
            if ready is not None:
                ready.set()
            waiting = asyncio.create_task(stop.wait())
            await asyncio.wait([waiting, *chores], return_when=asyncio.FIRST_COMPLETED)
            for chore in chores:
                if chore.done() and not chore.cancelled() and (error := chore.exception()):
                    raise error
    finally:
        for chore in chores:
            chore.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*chores, return_exceptions=True)


async def announced(file: Path, serving: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Write the file once serving is ready, and not if it fails before; then wait for its end, and raise its error."""
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if ready.is_set():
        await asyncio.to_thread(file.write_text, str(os.getpid()))
    await serving


async def run_worker(place: Place) -> None:
    """The worker process, until SIGTERM."""
    place.worker_ready.unlink(missing_ok=True)
    settings = place.settings()
    transport = mail_transport(settings, place.environment)
    await asyncio.to_thread(prepare, place, keep_admin=True)
    store = open_store(settings, place.datadir, place.port, place.environment)
    ports = replace(
        ports_of(settings, store, place.datadir, place.environment),
        treasury=treasury_of(settings, place.datadir, place.environment),
    )
    try:
        client = await engine.connect_patiently(settings.temporal, place.temporal, CATALOGUE, place.environment)
        ready = asyncio.Event()
        serving = asyncio.create_task(
            serve(
                client,
                store,
                ports,
                transport,
                CATALOGUE,
                settings.temporal.task_queue,
                ready,
            )
        )
        await announced(place.worker_ready, serving, ready)
    finally:
        place.worker_ready.unlink(missing_ok=True)
        store.close()
