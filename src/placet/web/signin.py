"""Signing in and out, and taking up an invitation."""

from typing import Annotated, Protocol

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from placet.control.accounts import Credentials
from placet.control.errors import Problem
from placet.web.pages import STATUS, control_of, local, page, router, see_other, sent_by
from placet.web.session import Guest, device_of, forget, keep
from placet.web.words import _

routes = router()


class Sampled(Protocol):
    """Somebody of the sample organisation, whom the page names: one tries things out as them."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def duty(self) -> str: ...


@routes.get("/signin")
async def show(
    request: Request,
    guest: Guest,
    next: Annotated[str, Query(max_length=2000)] = "/",
    name: Annotated[str, Query(max_length=320)] = "",
) -> Response:
    """The form, with a name if one comes along; who is signed in already goes on."""
    return RedirectResponse(local(next), 303) if guest else form(request, next, name)


@routes.post("/signin")
async def sign_in(request: Request, guest: Guest) -> Response:
    sent = await sent_by(request)
    control = control_of(request)
    try:
        given = Credentials(name=sent.get("name", ""), password=sent.get("password", ""))
    except ValidationError:
        problem = Problem("wrong-credentials", _("Fill in your name and your password."))
        return form(request, sent.get("next", "/"), sent.get("name", ""), problem)
    try:
        secret = await control.accounts.sign_in(given, device_of(request))
    except Problem as problem:
        return form(request, sent.get("next", "/"), given.name, problem)
    if guest is not None:
        await control.sessions.end(guest.person, guest.id)
    return keep(request, see_other(local(sent.get("next"))), secret)


@routes.post("/signout")
async def sign_out(request: Request, guest: Guest) -> Response:
    if guest is not None:
        await control_of(request).sessions.end(guest.person, guest.id)
    return forget(request, see_other("/signin", _("You are signed out.")))


@routes.get("/invitation/{token}")
async def invited(request: Request, token: str) -> Response:
    """What the invitation is for; looking uses nothing up."""
    invitation = await control_of(request).accounts.invitation(token)
    return page(request, "signin/invitation.html", invitation=invitation, problem=None)


@routes.post("/invitation/{token}")
async def accept(request: Request, token: str) -> Response:
    accounts = control_of(request).accounts
    invitation = await accounts.invitation(token)
    sent = await sent_by(request)
    try:
        if sent.get("password", "") != sent.get("again", ""):
            raise Problem("weak-password", _("The two passwords differ."))
        secret = await accounts.accept(token, sent.get("password", ""), device_of(request))
    except Problem as problem:
        if problem.code != "weak-password":
            raise
        return page(request, "signin/invitation.html", 422, invitation=invitation, problem=problem)
    return keep(request, see_other("/", _("Welcome. You are signed in.")), secret)


def form(request: Request, next: str, name: str = "", problem: Problem | None = None) -> Response:
    """The page on which one signs in."""
    provider = request.app.state.provider
    status = STATUS[problem.kind] if problem else 200
    return page(
        request,
        "signin/signin.html",
        status,
        next=local(next),
        name=name,
        problem=problem,
        provider=provider.label if provider else None,
        sample=request.app.state.sample,
    )
