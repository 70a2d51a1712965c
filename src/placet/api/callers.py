"""What every route needs: the control layer, who is calling, and the key under which an act counts once."""

import hashlib
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from placet.control.control import Control
from placet.control.door import Done, Once
from placet.domain.people import Person

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


# Async, though they wait for nothing: the framework sends any other dependency through a thread.
async def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


Doors = Annotated[Control, Depends(_control)]


async def _token(bearer: Bearer) -> str:
    return bearer.credentials if bearer else ""


Token = Annotated[str, Depends(_token)]


async def _caller(control: Doors, token: Token) -> Person:
    return await control.people.authenticate(token)


Caller = Annotated[Person, Depends(_caller)]


async def _once(
    request: Request,
    key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$"),
    ] = None,
) -> Once | None:
    if key is None:
        return None
    asked = hashlib.sha256()
    for part in (request.method.encode(), request.scope["path"].encode(), request.scope["query_string"]):
        asked.update(part + b"\x00")
    asked.update(await request.body())
    return Once(key=key, fingerprint=asked.hexdigest())


Key = Annotated[Once | None, Depends(_once)]


def answered(done: Done, location: str | None = None) -> JSONResponse:
    """200, or 201 for what was created; a repeat gets the first answer, marked as such."""
    headers = {"Location": location} if location and done.created else {}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    return JSONResponse(done.value, 201 if done.created else 200, headers)
