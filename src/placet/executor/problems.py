"""What the executor answers when it does not pay."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from placet.connectors.chain.port import ChainRefused, ChainUnavailable
from placet.executor.admission import NotNow
from placet.executor.payments import Frozen
from placet.executor.verify import Refused
from placet.store.engine import StoreUnavailable

FROZEN_ADVICE = "An administrator looks at the chain and the journal, then runs `placet executor thaw`."


def problem(status: int, code: str, detail: str, field: str | None = None) -> JSONResponse:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return JSONResponse(body | ({"field": field} if field else {}), status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn what is raised into problems; 503 means that asking again may help."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return problem(409, error.code, str(error))

    @app.exception_handler(Frozen)
    async def frozen(request: Request, error: Frozen) -> JSONResponse:
        return problem(409, "treasury-frozen", f"{error} {FROZEN_ADVICE}")

    @app.exception_handler(NotNow)
    async def not_now(request: Request, error: NotNow) -> JSONResponse:
        return problem(503, "not-now", str(error))

    @app.exception_handler(ChainUnavailable)
    @app.exception_handler(ChainRefused)
    async def chain(request: Request, error: Exception) -> JSONResponse:
        return problem(503, "chain-unavailable", str(error))

    @app.exception_handler(StoreUnavailable)
    async def store(request: Request, error: StoreUnavailable) -> JSONResponse:
        return problem(503, "unavailable", "The database cannot be read now.")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return problem(422, "invalid", str(first["msg"]), ".".join(map(str, first["loc"][1:])) or None)
