"""The processes of Placet, and the supervisor that runs them as one."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from pwdlib import PasswordHash
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client

from placet.api.app import close_streams, create_app
from placet.catalogue.registry import CATALOGUE
from placet.connectors.blobs.port import BlobStore
from placet.connectors.chain.port import ChainSettings
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.connectors.treasury.port import TreasuryUnavailable
from placet.control.control import Control
from placet.executor.keys import PASSPHRASE
from placet.runtime import chain, embedded, engine, first_admin, worker
from placet.runtime.dispatcher import Dispatcher
from placet.runtime.executor import chain_port, client_of, treasury_address, treasury_of
from placet.runtime.place import Place
from placet.runtime.settings import Settings, SettingsError, policy_of
from placet.runtime.supervisor import Child, ChildState, Status, Supervisor
from placet.runtime.wiring import blobs_of, database_url, mail_transport, open_store, ports_of, provider_of
from placet.store import schema
from placet.store.engine import Store

log = logging.getLogger(__name__)

MIN_FREE_MB = 200
DRAIN_SECONDS = 35.0
# People come first: in a burst of answers the API takes a half more of them, and cases go on a little later.
BACKGROUND = 5


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


def prepare(place: Place, demo: bool = False, keep_admin: bool = False) -> None:
    """Bring the database up to date and make sure that there is an administrator.

    With `keep_admin` an administrator's token that is there stays: of several processes, each may have another one.
    """
    settings = place.settings()
    schema.upgrade(database_url(settings, place.datadir, place.environment))
    token, _ = place.datadir.admin_token(place.environment)
    store = open_store(settings, place.datadir, place.port, place.environment)
    try:
        store.submit(lambda tx: first_admin.ensure_admin(tx, token, keep_admin)).result()
        if demo:
            password_hash = PasswordHash.recommended().hash(place.datadir.demo_password())
            store.submit(lambda tx: first_admin.ensure_sample(tx, password_hash)).result()
    finally:
        store.close()


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
            worker.serve(
                client,
                store,
                ports,
                transport,
                CATALOGUE,
                settings.temporal.task_queue,
                ready,
            )
        )
        await asyncio.wait([serving, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        place.worker_ready.write_text(str(os.getpid()))
        await serving
    finally:
        place.worker_ready.unlink(missing_ok=True)
        store.close()


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


async def up(place: Place, demo: bool, say: Callable[[str], None]) -> int:
    """Run everything under one supervisor until told to stop; the exit code."""
    place.datadir.check_space(MIN_FREE_MB)
    settings = place.settings()
    mail_transport(settings, place.environment)
    with place.datadir.lock():
        embedded.check_port(place.port, "--port", settings.server.host)
        own_server = settings.temporal.address is None
        on = chain.resolved(settings.chain)
        own_chain = on.kind == "embedded"
        if own_chain:
            embedded.check_port(chain_port(on, place.port), "[chain] port")
        if own_server:
            embedded.check_port(place.temporal_port)
            await asyncio.gather(embedded.bootstrap(place.datadir), asyncio.to_thread(prepare, place, demo))
        else:
            await asyncio.to_thread(prepare, place, demo)
        if own_chain and not chain.begun(place.datadir):
            account = await treasury_address(place.arguments(), place.environment)
            await chain.bootstrap(place.datadir, [account, *filter(None, [on.safe])])
        _, token_file = place.datadir.admin_token(place.environment)
        address = f"http://{settings.server.host}:{place.port}"
        place.datadir.write_runtime({"url": address, "temporal": place.temporal, "pid": os.getpid()})
        children = _children(place, own_server, on, demo)
        waiting = {child.name for child in children}

        def told(status: Status) -> None:
            if status.state in (ChildState.DIED, ChildState.GIVEN_UP, ChildState.NOT_READY, ChildState.KILLED):
                say(f"{status.child}: {status.state}. {status.detail}")
            if status.state is ChildState.READY and status.child in waiting:
                waiting.discard(status.child)
                if not waiting:
                    if own_server:
                        say(f"temporal {place.temporal} (namespace {settings.temporal.namespace or 'default'})")
                    if demo:
                        who = ", ".join(one.id for one in first_admin.EVERYBODY)
                        say(f"sign in as one of {who}; their password is in {place.datadir.demo_password_file}")
                    if token_file is not None:
                        say(f"administrator token in {token_file}")
                    say(f"ready {address}")

        keeping = asyncio.create_task(chain.keep(place.datadir, chain_port(on, place.port))) if own_chain else None
        try:
            return await Supervisor(children, place.datadir.logs, told).run()
        finally:
            if keeping is not None:
                keeping.cancel()
            place.datadir.remove_runtime()


def _children(place: Place, own_server: bool, on: ChainSettings, demo: bool) -> list[Child]:
    lit = place.settings().executor.lit
    # What opens the executor's key is for the executor alone.
    secrets = {PASSPHRASE, lit.api_key_env if lit else PASSPHRASE}
    env = {name: value for name, value in place.environment.items() if name not in secrets}
    placet = [sys.executable, "-m", "placet.cli.main"]
    children = [
        Child(
            "api",
            [*placet, "api", *place.arguments(), *(["--demo"] if demo else [])],
            env,
            _answers(place.settings().server.host, place.port),
            stop_order=0,
            waits=False,
        ),
        Child(
            "worker",
            [*placet, "worker", *place.arguments()],
            env,
            _exists(place.worker_ready),
            stop_order=1,
            grace_seconds=DRAIN_SECONDS,
            waits=False,
            niceness=BACKGROUND,
        ),
    ]
    if own_server:
        temporal = Child(
            "temporal",
            embedded.command(place.datadir, place.temporal_port),
            embedded.environment(),
            lambda: embedded.ready(place.datadir, place.temporal_port),
            stop_order=2,
            niceness=BACKGROUND,
        )
        children.insert(0, temporal)
    return [*children, *_for_money(place, placet, on)]


def _for_money(place: Place, placet: list[str], on: ChainSettings) -> list[Child]:
    """The executor, unless it runs elsewhere, and its chain."""
    if place.settings().executor.url is not None:
        return []
    executor = Child(
        "executor",
        [*placet, "executor", *place.arguments()],
        dict(place.environment),
        _listens(place.datadir.executor_socket()),
        stop_order=3,
        waits=False,
        niceness=BACKGROUND,
    )
    if on.kind != "embedded":
        return [executor]
    port = chain_port(on, place.port)
    anvil = Child(
        "chain", chain.command(place.datadir, port), {}, lambda: chain.ready(port), 4, waits=False, niceness=BACKGROUND
    )
    return [anvil, executor]


def _answers(host: str, port: int) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1" if host in ("0.0.0.0", "::") else host, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    return ready


def _listens(path: Path) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

    return ready


def _exists(path: Path) -> Callable[[], Awaitable[None]]:
    async def ready() -> None:
        while not _names_a_process(path):
            await asyncio.sleep(0.05)

    return ready


def _names_a_process(path: Path) -> bool:
    try:
        os.kill(int(path.read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


__all__ = ["SettingsError", "control_of", "engine_status", "prepare", "run_api", "run_worker", "up"]
