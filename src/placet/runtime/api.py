"""The API process: serves people and programs, and carries what they decide to the engine."""

import asyncio
import contextlib
import gc
from collections.abc import Mapping
from datetime import timedelta
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

from placet.api.app import close_streams, create_app
from placet.catalogue.registry import CATALOGUE
from placet.connectors.blobs.port import BlobStore
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import TreasuryUnavailable
from placet.control.control import Control
from placet.runtime import chain, engine, first_admin
from placet.runtime.database import prepare
from placet.runtime.dispatcher import Dispatcher
from placet.runtime.place import Place
from placet.runtime.settings import Settings, policy_of, secret_of
from placet.runtime.treasury import client_of
from placet.runtime.wiring import blobs_of, open_store
from placet.store.engine import Store
from placet.web.provider import Provider


def control_of(store: Store, settings: Settings, blobs: BlobStore | None = None) -> Control:
    pays = chain.resolved(settings.chain).kind != "none" or settings.executor.url is not None
    return Control(
        store,
        CATALOGUE,
        policies=lambda entry: policy_of(settings, entry),
        calendar=settings.calendar,
        patience=settings.patience,
        blobs=blobs,
        most_bytes=settings.documents.max_file_mb * 1_000_000,
        tokens=settings.chain.tokens if pays else None,
        session=settings.session,
    )


async def run_api(place: Place, demo: bool = False) -> None:
    """The API process, until SIGTERM. It serves people whether or not Temporal is there; with `demo` the page for
    signing in names the people of the sample organisation."""
    settings = place.settings()
    await asyncio.to_thread(prepare, place, keep_admin=True)
    store = open_store(settings, place.datadir, place.port, place.environment)
    client = await engine.connect(settings.temporal, place.temporal, CATALOGUE, place.environment, lazy=True)
    blobs = blobs_of(settings, store, place.datadir, place.environment)
    treasury = client_of(settings, place.datadir, place.environment)

    async def status() -> dict[str, Any]:
        engine, money = await asyncio.gather(engine_status(client), treasury_status(treasury))
        return engine | money

    app = create_app(
        control_of(store, settings, blobs),
        engine_status=status,
        provider=provider_of(settings, place.environment),
        engine_page=settings.temporal.ui,
        sample=first_admin.EVERYBODY if demo else (),
    )
    server = _Server(
        uvicorn.Config(
            app,
            host=settings.server.host,
            port=place.port,
            access_log=False,
            log_level="warning",
            server_header=False,
            # Longer than what calls us, such as a proxy, keeps a connection that nobody uses: who hangs up first must
            # not be we, just when the next request is on its way.
            timeout_keep_alive=75,
            # An open event stream would otherwise keep the process for ever.
            timeout_graceful_shutdown=3,
        ),
        app,
    )
    # What is loaded by now stays; each look through it for garbage would hold everybody up for a tenth of a second.
    gc.collect()
    gc.freeze()
    dispatcher = asyncio.create_task(Dispatcher(store, client, CATALOGUE, settings.temporal.task_queue).run())
    try:
        await server.serve()
    finally:
        dispatcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dispatcher
        store.close()
    if not server.started:
        raise SystemExit(1)


def provider_of(settings: Settings, environment: Mapping[str, str]) -> Provider | None:
    """Where people sign in with their organisation, if that is set up."""
    given = settings.oidc
    if given is None:
        return None
    secret = secret_of(environment, given.client_secret_env) if given.client_secret_env else None
    return Provider(given.issuer, given.client_id, secret, given.label)


class _Server(uvicorn.Server):
    """Ends the live streams as soon as it is asked to stop: it would wait for them otherwise."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(close_streams, self._app)
        super().handle_exit(sig, frame)


async def engine_status(client: Client) -> dict[str, Any]:
    """Whether Temporal answers, within a second."""
    try:
        info = await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=timedelta(seconds=1))
    except Exception as error:
        return {"engine": "down", "engine_detail": str(error)[:200]}
    return {"engine": "up", "engine_version": info.server_version}


async def treasury_status(client: ExecutorClient | None) -> dict[str, Any]:
    """Whether the executor answers, within a second, and pays."""
    if client is None:
        return {"treasury": "none"}
    try:
        async with asyncio.timeout(1):
            told = await client.status()
    except (TreasuryUnavailable, TimeoutError) as error:
        return {"treasury": "down", "treasury_detail": str(error)[:200]}
    return {"treasury": told["state"]} | ({"treasury_detail": told["why"]} if "why" in told else {})
