"""The HTTP application: routers over the control layer, and nothing else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from placet.api import (
    admin,
    ballots,
    cases,
    comments,
    credentials,
    documents,
    errors,
    events,
    messages,
    multisigs,
    overview,
    people,
    policies,
    proposer,
    resources,
    service,
    tasks,
    upkeep,
    voter,
    votes,
    workflows,
)
from placet.api.frame import BodyLimit, Frame, told
from placet.api.metrics import Metrics, Timed
from placet.control.control import Control
from placet.control.streams import Streams
from placet.web import site, uploads
from placet.web.provider import Provider
from placet.web.shield import Shield
from placet.web.signin import Sampled


def create_app(
    control: Control,
    engine_status: service.EngineStatus,
    *,
    provider: Provider | None = None,
    engine_page: str | None = None,
    sample: Sequence[Sampled] = (),
    poll_seconds: float = 1.0,
    heartbeat_seconds: float = 15.0,
) -> FastAPI:
    """The application. Call `close_streams` when the server is asked to stop: it waits for open streams otherwise."""
    app = FastAPI(
        title="Placet",
        summary="Durable decisions.",
        version=version("placet"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
    )
    wire(app, control, engine_status, Streams(poll_seconds, heartbeat_seconds))
    app.state.provider = provider
    app.state.engine_page = engine_page
    app.state.sample = sample
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, refusal=lambda scope, limit: uploads.too_large(scope) or told(scope, limit))
    app.add_middleware(Shield, refusal=errors.cross_site)
    app.add_middleware(Timed)
    app.add_middleware(Frame)
    errors.install(app)
    for part in (
        votes,
        people,
        workflows,
        cases,
        comments,
        documents,
        tasks,
        multisigs,
        proposer,
        voter,
        admin,
        ballots,
        credentials,
        policies,
        resources,
        messages,
        overview,
        upkeep,
        events,
        service,
    ):
        app.include_router(part.router)
    site.install(app)
    errors.describe(app)
    return app


def wire(app: FastAPI, control: Control, engine_status: service.EngineStatus, streams: Streams) -> None:
    """Say what the application works on: its parts look everything up here."""
    app.state.control = control
    app.state.engine_status = engine_status
    app.state.streams = streams
    app.state.metrics = metrics = Metrics()
    control.door.on_act = metrics.act


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    try:
        yield
    finally:
        close_streams(app)


def close_streams(app: FastAPI) -> None:
    """End the live streams; call it in the event loop of the server."""
    streams: Streams = app.state.streams
    streams.close()
