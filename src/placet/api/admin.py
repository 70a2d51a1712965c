"""What administrators do about proposals: approve past the voters, and fill the faucet."""

from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.faucet import DepositView, FaucetView, GivenDeposit, LedgerLine
from placet.control.proposals import ProposalView
from placet.control.sent import Because, Paging
from placet.control.views import Page

router = APIRouter(prefix="/admin", tags=["voting"], responses=DOCUMENTED)

Why = Annotated[Because, Body()]
NO_REASON = Because()


@router.post("/workflows/{workflow_id}/force-approve", response_model=ProposalView)
async def force_approve_workflow(
    control: Doors, caller: Caller, key: Key, workflow_id: str, because: Why = NO_REASON
) -> JSONResponse:
    """Approve a pending proposal past its voters, if the faucet can fund it; everybody is told."""
    return answered(await control.voting.force(caller, "workflow", workflow_id, because, key))


@router.post("/deletion-proposals/{proposal_id}/force-approve", response_model=ProposalView)
async def force_approve_deletion(
    control: Doors, caller: Caller, key: Key, proposal_id: str, because: Why = NO_REASON
) -> JSONResponse:
    """Approve a pending deletion past its voters; everybody is told."""
    return answered(await control.voting.force(caller, "deletion", proposal_id, because, key))


@router.post("/governance-proposals/{proposal_id}/force-approve", response_model=ProposalView)
async def force_approve_governance(
    control: Doors, caller: Caller, key: Key, proposal_id: str, because: Why = NO_REASON
) -> JSONResponse:
    """Approve an act of the cooperative past its voters, once its vote is open; everybody is told."""
    return answered(await control.voting.force(caller, "governance", proposal_id, because, key))


@router.get("/faucet")
async def show_faucet(control: Doors, caller: Caller) -> FaucetView:
    """What there is, what is promised of it, and what is free."""
    return await control.faucet.totals(caller)


@router.post("/faucet/deposits", status_code=201, response_model=DepositView)
async def deposit(control: Doors, caller: Caller, key: Key, given: GivenDeposit) -> JSONResponse:
    """Put money into the faucet; what waits for funds is asked, oldest first, and gets them if they suffice."""
    return answered(await control.faucet.deposit(caller, given, key))


@router.get("/faucet/ledger")
async def list_ledger(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[LedgerLine]:
    """Every movement of money, newest first, each as lines that add up to zero."""
    return await control.faucet.ledger(caller, page)
