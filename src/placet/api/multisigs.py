"""Multisigs: the payments that wait for the caller's approval, and acting on them."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.multisigs import (
    GivenRefusal,
    GivenSigning,
    GivenWithdrawal,
    MultisigActView,
    MultisigLine,
    MultisigView,
)
from placet.control.sent import Paging
from placet.control.views import Page, SignalTokenView

router = APIRouter(prefix="/api/v1/multisigs", tags=["multisigs"], responses=DOCUMENTED)

WITHOUT_COMMENT = GivenWithdrawal()


@router.get("")
async def list_multisigs(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[MultisigLine]:
    """What waits for my approval as a member of a council: earliest deadline first."""
    return await control.multisigs.mine(caller, page)


@router.get("/{multisig_id}")
async def show_multisig(control: Doors, caller: Caller, multisig_id: str) -> MultisigView:
    """One multisig: the intent and its hash, what a wallet signs, who has approved, and whether I can."""
    return await control.multisigs.get(caller, multisig_id)


@router.post("/{multisig_id}/approve", response_model=MultisigActView)
async def approve_multisig(
    control: Doors, caller: Caller, key: Key, multisig_id: str, given: GivenSigning
) -> JSONResponse:
    """Approve exactly the intent with this hash. It counts if and only if this answers 200."""
    return answered(await control.multisigs.approve(caller, multisig_id, given, "api", key))


@router.post("/{multisig_id}/refuse", response_model=MultisigActView)
async def refuse_multisig(
    control: Doors, caller: Caller, key: Key, multisig_id: str, given: GivenRefusal
) -> JSONResponse:
    """Refuse; once too few are left to approve, it is refused as a whole."""
    return answered(await control.multisigs.refuse(caller, multisig_id, given, "api", key))


@router.post("/{multisig_id}/withdraw", response_model=MultisigActView)
async def withdraw_approval(
    control: Doors,
    caller: Caller,
    key: Key,
    multisig_id: str,
    given: Annotated[GivenWithdrawal, Body()] = WITHOUT_COMMENT,
) -> JSONResponse:
    """Take my approval back, as long as the council has not decided."""
    return answered(await control.multisigs.withdraw(caller, multisig_id, given, "api", key))


@router.post("/{multisig_id}/signal-token", status_code=201, response_model=SignalTokenView)
async def issue_council_token(control: Doors, caller: Caller, multisig_id: str) -> JSONResponse:
    """A single-use token with which I can act by the Temporal signal `council_approval`; each call gives another."""
    return answered(await control.multisigs.signal_token(caller, multisig_id))
