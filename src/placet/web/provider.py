"""Signing in with an OpenID Connect provider: authorization code with PKCE; its state is in a signed cookie."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from placet.control.errors import Problem
from placet.web.pages import control_of, local, router, see_other
from placet.web.session import Guest, device_of, keep, secure
from placet.web.words import _, later

STATE = "signing_in"
STATE_SECONDS = 600
CALLBACK = "/signin/provider/callback"
UNREACHABLE = later("Your organisation's sign-in cannot be reached now; try again in a moment.")

routes = router()


@dataclass(frozen=True)
class Provider:
    """An OpenID Connect provider, and what people call it."""

    issuer: str
    client_id: str
    client_secret: str | None
    label: str

    @cached_property
    def client(self) -> Any:
        # Half a second of imports, for those who use it.
        from authlib.integrations.starlette_client import OAuth

        oauth = OAuth()
        return oauth.register(
            "provider",
            client_id=self.client_id,
            client_secret=self.client_secret,
            server_metadata_url=f"{self.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
        )


@routes.get("/signin/provider")
async def begin(request: Request, guest: Guest, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    """Send the browser to the provider. By a link, as our forms may lead only to ourselves."""
    provider = _provider(request)
    kept: dict[str, Any] = {"next": local(next)}
    request.scope["session"] = kept
    try:
        there: Response = await provider.client.authorize_redirect(
            # Whoever is signed in already comes to confirm that it is them: the provider is to ask, not to remember.
            request, _house(request).page(CALLBACK), **({"prompt": "login", "max_age": "0"} if guest else {})
        )  # fmt: skip
    except Exception as error:
        raise Problem("unavailable", UNREACHABLE) from error
    answer = RedirectResponse(there.headers["location"], 303)
    answer.set_cookie(
        STATE,
        _sealed(_house(request).secret, kept),
        max_age=STATE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure(request),
        path=CALLBACK,
    )
    return answer


@routes.get(CALLBACK)
async def back(request: Request, guest: Guest) -> Response:
    """Somebody comes back from the provider."""
    from authlib.integrations.base_client import OAuthError

    provider, control = _provider(request), control_of(request)
    kept = _opened(_house(request).secret, request.cookies.get(STATE, ""))
    request.scope["session"] = kept
    try:
        token = await provider.client.authorize_access_token(request)
        claims = dict(token["userinfo"])
        proved = claims.get("auth_time")
        if "email" not in claims and "userinfo_endpoint" in await provider.client.load_server_metadata():
            more = dict(await provider.client.userinfo(token=token))
            claims = more | claims if more.get("sub") == claims["sub"] else claims
    except OAuthError as error:
        raise Problem("forbidden", _("Signing in was not completed; begin again.")) from error
    except Exception as error:
        raise Problem("unavailable", UNREACHABLE) from error
    secret = await control.accounts.by_identity(
        str(claims.get("iss", provider.issuer)), claims, proved, device_of(request)
    )
    if guest is not None:
        await control.sessions.end(guest.person, guest.id)
    answer = keep(request, see_other(local(kept.get("next"))), secret)
    answer.delete_cookie(STATE, path=CALLBACK)
    return answer


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise Problem("not-found", _("No organisation is set up for signing in."))
    return provider


def _house(request: Request) -> Any:
    return control_of(request).door.store.house


def _sealed(secret: str, kept: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(kept).encode()).decode()
    return f"{body}.{_signature(secret, body)}"


def _opened(secret: str, cookie: str) -> dict[str, Any]:
    body, _, signature = cookie.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, body).encode()):
        return {}
    kept: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
    return kept


def _signature(secret: str, body: str) -> str:
    return hmac.new(secret.encode(), f"placet-signing-in\x00{body}".encode(), hashlib.sha256).hexdigest()
