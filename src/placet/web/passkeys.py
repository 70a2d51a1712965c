"""Passkeys: what a browser asks a device, signing in with one, and those of one's own account."""

import json

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from placet.control.ceremonies import Purpose
from placet.control.errors import Problem, invalid
from placet.control.passkeys import NewPasskey, PasskeyName
from placet.web.account import shown
from placet.web.pages import STATUS, control_of, local, page, router, see_other, sent_by
from placet.web.session import Guest, Visitor, confirmed, device_of, keep, site
from placet.web.signin import form
from placet.web.words import _

routes = router()

UNSTORED = {"Cache-Control": "no-store"}


@routes.post("/passkeys/options/{purpose}")
async def ask(request: Request, guest: Guest, purpose: Purpose) -> Response:
    """What the script gives to the browser; a refusal is told there as well."""
    if guest is None and purpose is not Purpose.SIGN_IN:
        return JSONResponse({"detail": _("Your session has ended; sign in again.")}, 401, UNSTORED)
    session = None if purpose is Purpose.SIGN_IN else guest
    try:
        options = await control_of(request).passkeys.options(site(request), purpose, session)
    except Problem as problem:
        return JSONResponse({"detail": _(problem.detail)}, STATUS[problem.kind], UNSTORED)
    return JSONResponse(json.loads(options), headers=UNSTORED)


@routes.post("/signin/passkey")
async def sign_in(request: Request, guest: Guest) -> Response:
    sent = await sent_by(request)
    control = control_of(request)
    try:
        secret = await control.passkeys.sign_in(site(request), sent.get("passkey", ""), device_of(request))
    except Problem as problem:
        return form(request, sent.get("next", "/"), problem=problem)
    if guest is not None:
        await control.sessions.end(guest.person, guest.id)
    return keep(request, see_other(local(sent.get("next"))), secret)


@routes.post("/account/passkeys")
async def register(request: Request, visitor: Visitor) -> Response:
    """First the name, then, when it is certain who asks, the page on which a device makes the key."""
    sent = await sent_by(request)
    if asks := await confirmed(request, visitor, sent):
        return asks
    fresh = request.state.visitor
    name = sent.get("name", "").strip()
    try:
        if not sent.get("passkey"):
            NewPasskey(name=name, passkey="{}")
            return page(request, "account/passkey.html", held={"name": name})
        given = NewPasskey(name=name, passkey=sent["passkey"])
        await control_of(request).passkeys.register(fresh, site(request), given)
    except ValidationError as error:
        return await shown(request, visitor, {"passkeys": invalid(error)})
    except Problem as problem:
        return await shown(request, visitor, {"passkeys": problem})
    return see_other("/account#passkeys", _("The passkey is yours; from now on you can sign in with it."))


@routes.post("/account/passkeys/{passkey_id}/rename")
async def rename(request: Request, visitor: Visitor, passkey_id: str) -> Response:
    sent = await sent_by(request)
    try:
        given = PasskeyName(name=sent.get("name", "").strip())
    except ValidationError as error:
        return await shown(request, visitor, {"passkeys": invalid(error)})
    await control_of(request).passkeys.rename(visitor.person, passkey_id, given)
    return see_other("/account#passkeys", _("The passkey is called so from now on."))


@routes.post("/account/passkeys/{passkey_id}/remove")
async def remove(request: Request, visitor: Visitor, passkey_id: str) -> Response:
    if asks := await confirmed(request, visitor):
        return asks
    await control_of(request).passkeys.remove(visitor.person, passkey_id)
    return see_other("/account#passkeys", _("The passkey no longer opens anything; remove it from its device as well."))
