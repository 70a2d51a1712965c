"""Badges and credentials; and without signing in, what is needed to check a credential."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.connectors.delivery.envelope import MEDIA_TYPE, envelope
from placet.control.credentials import BadgeView, CredentialFilter, CredentialLine, CredentialView, GivenBadge
from placet.control.sent import Paging
from placet.control.views import Page

router = APIRouter(tags=["credentials"], responses=DOCUMENTED)

# For everybody, also for pages of other sites; a list that is older than a minute is asked for again.
PUBLIC = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=60",
}
TOKEN = {"description": "A signed credential", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}


@router.get("/api/v1/badges")
async def list_badges(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[BadgeView]:
    """What can be earned, and what it costs."""
    return await control.credentials.badges(page)


@router.post("/api/v1/badges", status_code=201, response_model=BadgeView)
async def define_badge(control: Doors, caller: Caller, key: Key, given: GivenBadge) -> JSONResponse:
    """Define a badge; it never changes. The same content again gives 200."""
    return answered(await control.credentials.define(caller, given, key))


@router.get("/api/v1/credentials")
async def list_credentials(
    control: Doors, caller: Caller, which: Annotated[CredentialFilter, Query()]
) -> Page[CredentialLine]:
    """Those that you hold, and those whose cases you see, newest first."""
    return await control.credentials.listed(caller, which)


@router.get("/api/v1/credentials/{credential_id}")
async def show_credential(control: Doors, caller: Caller, credential_id: str) -> CredentialView:
    """One credential; the signed form is for its holder and those who administer its scope."""
    return await control.credentials.get(caller, credential_id)


@router.get("/.well-known/jwks.json")
async def show_keys(control: Doors) -> JSONResponse:
    """The public keys of all credentials ever issued here, a JSON Web Key Set."""
    return JSONResponse({"keys": await control.credentials.keys()}, headers=PUBLIC)


@router.get("/credentials/issuer")
async def show_issuer(control: Doors) -> JSONResponse:
    """Who issues the credentials: an Open Badges profile."""
    return JSONResponse(await control.credentials.issuer(), headers=PUBLIC)


@router.get("/credentials/status/{number}", response_class=Response, responses={200: TOKEN})
async def show_status_list(control: Doors, number: str) -> Response:
    """The signed list of which credentials have been revoked (W3C Bitstring Status List)."""
    return Response(await control.credentials.status_list(number), media_type=MEDIA_TYPE, headers=PUBLIC)


@router.get("/credentials/{offer}")
async def fetch_credential(control: Doors, offer: str) -> Response:
    """The credential behind the link in a holder's mail: signed, and to read."""
    handed: dict[str, Any] = envelope(await control.credentials.offered(offer))
    named = {"Content-Disposition": 'attachment; filename="credential.json"'}
    return Response(json.dumps(handed, indent=2, ensure_ascii=False), media_type="application/json", headers=named)
