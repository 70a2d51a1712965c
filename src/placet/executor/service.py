"""The executor as a service: HTTP on a socket that only its owner's processes reach, and on TCP with a token."""

import asyncio
import contextlib
import hmac
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response

from placet.connectors.chain.port import Chain, ChainSettings
from placet.executor import problems, routes_payments
from placet.executor.badges import BadgeSigner
from placet.executor.journal import Journal
from placet.executor.keys import SigningKey
from placet.executor.office import Office
from placet.executor.payments import Payments, Policy
from placet.executor.routes_credentials import credentials_router
from placet.executor.settings import ExecutorSettings
from placet.executor.verify import Own
from placet.store.engine import Store

MAX_BODY = 64_000


def create_app(office: Office | None, token: str | None = None, badges: BadgeSigner | None = None) -> FastAPI:
    """The application: payments where there is a chain, credentials; with a `token` every request must bear it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        carried = asyncio.create_task(office.payments.run()) if office is not None else None
        try:
            yield
        finally:
            if carried is not None:
                carried.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await carried

    app = FastAPI(title="Placet executor", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.office = office
    problems.install(app)

    @app.middleware("http")
    async def guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token is not None and not hmac.compare_digest(given.encode(), token.encode()):
            return problems.problem(401, "unauthorized", "This door needs the executor's token.")
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isdigit() or int(length) > MAX_BODY:
            return problems.problem(413, "too-large", "That is more than the executor reads.")
        return await go_on(request)

    if office is not None:
        app.include_router(routes_payments.router)
    if badges is not None:
        app.include_router(credentials_router(badges))
    return app


def office_of(
    chain: Chain, key: SigningKey, journal: Journal, settings: ChainSettings, pins: ExecutorSettings, store: Store
) -> Office:
    """One executor, from its parts."""
    policy = Policy(
        chain_id=settings.chain_id,
        depth=settings.depth,
        stuck_after=settings.stuck_after,
        poll_seconds=settings.poll_seconds,
        max_fee_gwei=pins.max_fee_gwei,
    )

    async def frozen(why: str) -> None:
        await office.frozen(why)

    own = Own(
        chain_id=settings.chain_id,
        account=settings.safe or key.address,
        safe=settings.mode == "safe",
        tokens=settings.tokens,
        pins=pins,
    )
    office = Office(Payments(chain, key, journal, policy, frozen), own, store)
    return office


async def serve(
    office: Office | None, path: Path, listen: str | None, token: str | None, badges: BadgeSigner | None = None
) -> None:
    """Serve until SIGTERM."""
    if listen is not None and not token:
        raise ValueError("a door on TCP needs a token")
    sockets = [_unix(path)]
    if listen is not None:
        host, _, port = listen.rpartition(":")
        sockets.append(socket.create_server((host, int(port))))
    app = create_app(office, token, badges)
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        lifespan="on",
        # As the API: those who call hang up first.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise
    finally:
        _remove(path)
    if not server.started:
        raise SystemExit(1)


def _unix(path: Path) -> socket.socket:
    """A socket that nobody else can open, not even for a moment; what a killed executor left behind goes."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    made.listen(128)
    return made


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
