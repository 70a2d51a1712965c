"""People, their grants and tokens."""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.directory import PersonFile
from placet.control.errors import Problem
from placet.control.people import DeactivatedView, NewToken
from placet.control.roster import GivenGrants, NewPerson
from placet.control.sent import Because
from placet.control.tokens import TokenLine
from placet.control.views import ImportView, InvitedView, MeView, Page, PersonView, TokenView
from placet.control.wallets import GivenWallet, WalletView

router = APIRouter(prefix="/api/v1", tags=["people"], responses=DOCUMENTED)

UNLABELLED = NewToken()
NO_REASON = Because()
CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}, "required": True}


@router.get("/me")
async def me(control: Doors, caller: Caller) -> MeView:
    """Who I am, and what I may do."""
    return control.people.me(caller)


@router.post("/people", status_code=201, response_model=PersonView)
async def add_person(control: Doors, caller: Caller, key: Key, given: NewPerson) -> JSONResponse:
    """Add somebody. The same content again gives 200."""
    return answered(await control.people.add(caller, given, key))


@router.post("/people/import", response_model=ImportView, openapi_extra={"requestBody": CSV})
async def import_people(control: Doors, caller: Caller, key: Key, request: Request) -> JSONResponse:
    """Add everybody in a CSV file (`id,name,email,grants`; grants like `legal@deals;member`), or nobody."""
    try:
        text = (await request.body()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("bad-import", "The file is not UTF-8; save it as UTF-8 and send it again.") from error
    return answered(await control.people.load(caller, text, key))


@router.get("/people/{person_id}")
async def show_person(control: Doors, caller: Caller, person_id: str) -> PersonFile:
    """Somebody, with what they can sign in with, and what too few people can decide without them."""
    return await control.directory.get(caller, person_id)


@router.post("/people/{person_id}/deactivate", response_model=DeactivatedView)
async def deactivate_person(control: Doors, caller: Caller, key: Key, person_id: str, because: Because) -> JSONResponse:
    """Let nobody in as this person any more: sessions, tokens, links and passkeys open nothing, claims are given back.
    Grants stay for their return. Answers with the open tasks and multisigs that too few can decide without them."""
    return answered(await control.people.deactivate(caller, person_id, because, key))


@router.post("/people/{person_id}/reactivate", response_model=PersonView)
async def reactivate_person(
    control: Doors, caller: Caller, key: Key, person_id: str, because: Annotated[Because, Body()] = NO_REASON
) -> JSONResponse:
    """Let somebody in again, with the grants they had; sessions and tokens that ended stay ended."""
    return answered(await control.people.reactivate(caller, person_id, because, key))


@router.put("/people/{person_id}/grants", response_model=PersonView)
async def set_grants(control: Doors, caller: Caller, key: Key, person_id: str, given: GivenGrants) -> JSONResponse:
    """Replace all grants of a person."""
    return answered(await control.people.set_grants(caller, person_id, given, key))


@router.post("/people/{person_id}/tokens", status_code=201, response_model=TokenView)
async def issue_token(
    control: Doors, caller: Caller, key: Key, person_id: str, given: Annotated[NewToken, Body()] = UNLABELLED
) -> JSONResponse:
    """A new bearer token, shown only here."""
    return answered(await control.people.issue_token(caller, person_id, given, key))


@router.get("/people/{person_id}/wallet")
async def show_wallet(control: Doors, caller: Caller, person_id: str, address: str | None = None) -> WalletView:
    """With which wallet somebody signs; with `address`, what that wallet signs to be registered as mine."""
    return await control.wallets.get(caller, person_id, address)


@router.put("/people/{person_id}/wallet", response_model=WalletView)
async def register_wallet(control: Doors, caller: Caller, key: Key, person_id: str, given: GivenWallet) -> JSONResponse:
    """Register a wallet: my own with its signature, or as an administrator anybody's."""
    return answered(await control.wallets.register(caller, person_id, given, key))


@router.get("/people/{person_id}/tokens")
async def list_tokens(control: Doors, caller: Caller, person_id: str) -> Page[TokenLine]:
    """The tokens that count: my own, or as an administrator those of others."""
    return await control.tokens.listed(caller, person_id)


@router.delete("/people/{person_id}/tokens/{token_id}")
async def revoke_token(control: Doors, caller: Caller, key: Key, person_id: str, token_id: str) -> JSONResponse:
    """End a token; from then on it opens nothing."""
    return answered(await control.tokens.revoke(caller, person_id, token_id, key))


@router.post("/people/{person_id}/invitations", status_code=201, response_model=InvitedView)
async def invite_person(control: Doors, caller: Caller, key: Key, person_id: str) -> JSONResponse:
    """Mail somebody a link with which they choose a password, once; an earlier link ends."""
    return answered(await control.accounts.invite(caller, person_id, key))
