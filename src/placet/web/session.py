"""Who is looking at a page: the cookie, the dependency that pages ask for, and confirmation before money moves."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from placet.control.ceremonies import Site, site_of
from placet.control.errors import Problem
from placet.control.sessions import Session
from placet.web.pages import LANGUAGE, ZONE, control_of, page, sent_by
from placet.web.words import Reader, preferred, read_by, zone_of

CONFIRMATION = "confirmation"
"""The field in which a form carries the password that confirms it."""
CONFIRMING_PASSKEY = "confirming_passkey"
"""The field in which a form carries what a device answered instead."""


def secure(request: Request) -> bool:
    """Whether people reach us over TLS, whatever stands between."""
    return control_of(request).door.store.house.base_url.startswith("https://")


def site(request: Request) -> Site | None:
    """What passkeys of this installation belong to, if there can be any at this address."""
    return site_of(control_of(request).door.store.house.base_url, request.headers.get("host", ""))


def cookie_name(request: Request) -> str:
    # With the prefix a browser takes the cookie from this host alone, and only over TLS.
    return "__Host-placet" if secure(request) else "placet"


def keep(request: Request, response: Response, secret: str) -> Response:
    """Give the browser its session; an earlier one of it is left behind."""
    days = control_of(request).sessions.rules.lifetime.elapsed
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=int(days.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=secure(request),
    )
    return response


def forget(request: Request, response: Response) -> Response:
    response.delete_cookie(cookie_name(request), httponly=True, samesite="lax", secure=secure(request))
    return response


def device_of(request: Request) -> str:
    """The browser, as it calls itself."""
    return "".join(letter for letter in request.headers.get("user-agent", "") if letter.isprintable())[:200]


async def visitor(request: Request) -> Session:
    """Who is signed in; from here on pages are made for them."""
    session = await control_of(request).sessions.known(request.cookies.get(cookie_name(request), ""))
    request.state.visitor = session
    cookies = request.cookies
    language = preferred(session.language or cookies.get(LANGUAGE), request.headers.get("accept-language", ""))
    zone = zone_of(session.zone, cookies.get(ZONE))
    read_by(Reader(language=language, zone=zone, fixed=session.zone is not None, now=session.now))
    return session


Visitor = Annotated[Session, Depends(visitor)]
"""Ask for this in every page that is not for everybody."""


async def guest(request: Request) -> Session | None:
    """Who is signed in, if somebody is."""
    try:
        return await visitor(request)
    except Problem:
        return None


Guest = Annotated[Session | None, Depends(guest)]


async def confirmed(request: Request, session: Session, sent: Mapping[str, str] | None = None) -> Response | None:
    """None when the person has proved lately who they are, or proves it with this form; else the page that asks.

    The page carries the form along, so that the password is all that is missing:

        if asks := await confirmed(request, visitor):
            return asks
    """
    if session.fresh:
        return None
    given = dict(sent if sent is not None else await sent_by(request))
    control = control_of(request)
    password, passkey = given.pop(CONFIRMATION, ""), given.pop(CONFIRMING_PASSKEY, "")
    problem = None
    if password or passkey:
        try:
            if passkey:
                await control.passkeys.confirm(session, site(request), passkey)
            else:
                await control.accounts.confirm(session, password)
        except Problem as error:
            problem = error
        else:
            request.state.visitor = replace(session, fresh=True)
            return None
    status = 200 if problem is None else 429 if problem.code == "too-many-attempts" else 403
    passkeys = await control.passkeys.mine(session.person) if site(request) else []
    provider = request.app.state.provider
    label = provider.label if provider else None
    return page(
        request, "signin/confirm.html", status, held=given, problem=problem, passkeys=passkeys, provider=label
    )  # fmt: skip
