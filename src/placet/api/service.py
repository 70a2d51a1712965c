"""For whoever runs the installation: alive, ready, figures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from placet.api.callers import Doors
from placet.api.errors import DOCUMENTED
from placet.api.metrics import Metrics

EngineStatus = Callable[[], Awaitable[dict[str, Any]]]
"""Says how the engine is: `{"engine": "up" | "down", ...}`."""

ENGINE_PATIENCE_SECONDS = 2

router = APIRouter(tags=["service"], responses=DOCUMENTED)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """This process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request, control: Doors) -> JSONResponse:
    """Acts can be taken: something was written just now. The engine may be down; what it is owed waits."""
    await control.pulse.prove_writable()
    vitals = await control.pulse.figures()
    engine = await _engine(request.app.state.engine_status)
    return JSONResponse({"status": "ready", **engine, **vitals.model_dump()})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, control: Doors) -> Response:
    """Figures for Prometheus."""
    figures: Metrics = request.app.state.metrics
    return Response(figures.page(await control.pulse.figures()), media_type=CONTENT_TYPE_LATEST)


async def _engine(status: EngineStatus) -> dict[str, Any]:
    try:
        told = await asyncio.wait_for(status(), ENGINE_PATIENCE_SECONDS)
    except Exception as error:
        # Readiness never depends on the engine: whatever is wrong with it, it is down.
        return {"engine": "down", "engine_detail": type(error).__name__}
    return {"engine": "down", **told}
