"""The executor's door for credentials; only the worker comes through it, over a socket that only its user may open."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from placet.connectors.credentials.port import CredentialRefused, CredentialUnavailable, Order, Signed
from placet.domain.model import Strict
from placet.executor.badges import BadgeSigner

REFUSED, UNAVAILABLE = 409, 503


class CredentialOrder(Strict):
    """Sign this order under this key; `decision` is the approval that allows it."""

    key: str = Field(min_length=1, max_length=300)
    decision: str = Field(min_length=1, max_length=300)
    order: dict[str, Any]


class ListOrder(Strict):
    """Sign the status list as the database has it at this version."""

    list: int = Field(ge=1)
    version: int = Field(ge=1)


def credentials_router(badges: BadgeSigner) -> APIRouter:
    """`POST /credentials`, `POST /status-lists` and `GET /keys`. Refusals are 409 with a `code`, for good."""
    router = APIRouter(tags=["credentials"])

    @router.post("/credentials")
    async def sign_credential(given: CredentialOrder) -> JSONResponse:
        try:
            order = Order.model_validate(given.order)
        except ValueError:
            return _told(CredentialRefused("invalid-order", "This is no order of a credential."), REFUSED)
        if order.model_dump(mode="json") != given.order:
            return _told(CredentialRefused("invalid-order", "This is no order of a credential."), REFUSED)
        try:
            return _signed(await badges.sign_credential(given.key, given.decision, order))
        except CredentialRefused as refused:
            return _told(refused, REFUSED)
        except CredentialUnavailable as error:
            return _told(error, UNAVAILABLE)

    @router.post("/status-lists")
    async def sign_status_list(given: ListOrder) -> JSONResponse:
        try:
            return _signed(await badges.sign_status_list(given.list, given.version))
        except CredentialRefused as refused:
            return _told(refused, REFUSED)
        except CredentialUnavailable as error:
            return _told(error, UNAVAILABLE)

    @router.get("/keys")
    async def keys() -> dict[str, Any]:
        """The public keys, a JSON Web Key Set."""
        return {"keys": list(await badges.public_keys())}

    return router


def _signed(done: Signed) -> JSONResponse:
    return JSONResponse(done.model_dump())


def _told(error: CredentialRefused | CredentialUnavailable, status: int) -> JSONResponse:
    code = error.code if isinstance(error, CredentialRefused) else "unavailable"
    return JSONResponse({"code": code, "detail": str(error)}, status)
