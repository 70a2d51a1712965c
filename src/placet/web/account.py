"""One's own account: how one reads, the password, where one is signed in, tokens for programs, and the wallet."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.errors import Problem, invalid
from placet.control.people import NewToken
from placet.control.wallets import GivenWallet, WalletView
from placet.domain.people import Person
from placet.web.pages import LANGUAGE, STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.session import CONFIRMATION, Visitor, confirmed, forget
from placet.web.words import _, languages, preferred, read_by, reader

routes = router()


@routes.get("/account")
async def show(
    request: Request, visitor: Visitor, address: Annotated[str | None, Query(max_length=100)] = None
) -> Response:
    """With `address`: what that wallet signs to be registered."""
    return await shown(request, visitor, address=address)


@routes.post("/account/preferences")
async def prefer(request: Request, visitor: Visitor) -> Response:
    """Language and zone; empty means: as the browser says."""
    sent = await sent_by(request)
    language, zone = sent.get("language") or None, sent.get("zone") or None
    wrong = (language and language not in languages()) or (zone and zone not in available_timezones())
    if wrong:
        problem = Problem("invalid-request", _("Choose a language and a time zone of the lists."))
        return await shown(request, visitor, {"preferences": problem})
    await control_of(request).accounts.prefer(visitor.person, language, zone)
    # What is said of it is said in the new language.
    read_by(replace(reader(), language=preferred(language, request.headers.get("accept-language", ""))))
    answer = see_other("/account", _("Saved."))
    # Kept as well for pages on which nobody is signed in.
    if language is None:
        answer.delete_cookie(LANGUAGE)
    else:
        answer.set_cookie(LANGUAGE, language, max_age=31536000, httponly=True, samesite="lax")
    return answer


@routes.post("/account/password")
async def change_password(request: Request, visitor: Visitor) -> Response:
    sent = await sent_by(request)
    try:
        if sent.get("new", "") != sent.get("again", ""):
            raise Problem("weak-password", _("The two passwords differ."))
        await control_of(request).accounts.change_password(visitor, sent.get("old", ""), sent.get("new", ""))
    except Problem as problem:
        return await shown(request, visitor, {"password": problem})
    return see_other("/account", _("The password is changed; everywhere else you are signed out."))


@routes.post("/account/sessions/{session_id}/end")
async def end_session(request: Request, visitor: Visitor, session_id: str) -> Response:
    await control_of(request).sessions.end(visitor.person, session_id)
    if session_id == visitor.id:
        return forget(request, see_other("/signin", _("You are signed out.")))
    return see_other("/account", _("Signed out there."))


@routes.post("/account/sessions/end")
async def end_sessions(request: Request, visitor: Visitor) -> Response:
    """Sign out everywhere, here as well."""
    await control_of(request).sessions.end_all(visitor.person)
    return forget(request, see_other("/signin", _("You are signed out everywhere.")))


@routes.post("/account/tokens")
async def make_token(request: Request, visitor: Visitor) -> Response:
    """A token acts as its person, also where money moves, so it takes fresh confirmation. It is shown only here."""
    sent = await sent_by(request)
    if asks := await confirmed(request, visitor, sent):
        return asks
    try:
        given = NewToken(label=sent.get("label", "").strip() or "api")
    except ValidationError as error:
        return await shown(request, visitor, {"tokens": invalid(error)})
    token = await control_of(request).tokens.make(visitor.person, given)
    return await shown(request, visitor, token=token)


@routes.post("/account/tokens/{token_id}/revoke")
async def revoke_token(request: Request, visitor: Visitor, token_id: str) -> Response:
    await control_of(request).tokens.revoke(visitor.person, visitor.person.id, token_id)
    return see_other("/account#tokens", _("The token no longer works."))


@routes.post("/account/wallet")
async def register_wallet(request: Request, visitor: Visitor) -> Response:
    """My wallet, with its own signature. Later it may approve payments, so it takes fresh confirmation."""
    sent = await sent_by(request)
    if asks := await confirmed(request, visitor, sent):
        return asks
    plain = {name: value for name, value in sent.items() if name != CONFIRMATION}
    address, signature = plain.get("address", "").strip(), plain.get("signature", "").strip()
    try:
        if not signature:
            detail = _("Sign the text above with this wallet, to show that it is yours.")
            raise Problem("signature-missing", detail, field="signature")
        given = GivenWallet(address=address, signature=signature)
        await control_of(request).wallets.register(visitor.person, visitor.person.id, given, once(request, plain))
    except ValidationError as error:
        return await shown(request, visitor, {"wallet": invalid(error)}, address=address, signature=signature)
    except Problem as problem:
        return await shown(request, visitor, {"wallet": problem}, address=address, signature=signature)
    return see_other("/account#wallet", _("The wallet is registered; you get a mail about it."))


async def shown(
    request: Request,
    visitor: Visitor,
    problems: Mapping[str, Problem] | None = None,
    address: str | None = None,
    signature: str = "",
    **more: Any,
) -> Response:
    """The page, with what is wrong at its place."""
    control = control_of(request)
    wallet, bad = await _wallet(request, visitor.person, address)
    if bad is not None:
        problems = {"wallet": bad, **(problems or {})}
    # A wrong password while one is signed in must not look as if one were not.
    status = next((STATUS[one.kind] for one in (problems or {}).values()), 200)
    return page(
        request,
        "account/account.html",
        403 if status == 401 else status,
        sessions=await control.sessions.mine(visitor),
        passkeys=await control.passkeys.mine(visitor.person),
        tokens=(await control.tokens.listed(visitor.person, visitor.person.id)).items,
        problems=dict(problems or {}),
        zones=sorted(available_timezones()),
        wallet=wallet,
        proof=json.dumps(wallet.typed_data, indent=2) if wallet and wallet.typed_data else "",
        address=address or "",
        signature=signature,
        **{"token": None, **more},
    )


async def _wallet(request: Request, person: Person, address: str | None) -> tuple[WalletView | None, Problem | None]:
    """The wallet that is registered, with the proof for another address; None for people outside, who sign nothing."""
    if person.external:
        return None, None
    wallets = control_of(request).wallets
    try:
        return await wallets.get(person, person.id, address.strip() if address else None), None
    except Problem as problem:
        return await wallets.get(person, person.id), problem
