"""What is voted on, for those who vote; the vote itself is in `votes`."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.deletions import GivenDeletion
from placet.control.proposals import ProposalView
from placet.control.views import Page
from placet.control.voting import PendingDeletions, PendingFilter, PendingGovernance

router = APIRouter(prefix="/voter", tags=["voting"], responses=DOCUMENTED)


@router.get("/workflows")
async def list_pending(control: Doors, caller: Caller, which: Annotated[PendingFilter, Query()]) -> Page[ProposalView]:
    """What is pending in the scopes where I vote, newest first; a vote whose time is over is closed first."""
    return await control.voting.pending(caller, which)


@router.get("/deletion-proposals")
async def list_pending_deletions(
    control: Doors, caller: Caller, which: Annotated[PendingDeletions, Query()]
) -> Page[ProposalView]:
    """The pending deletions in the scopes where I vote, newest first."""
    return await control.voting.pending(caller, which)


@router.post("/deletion-proposals", status_code=201, response_model=ProposalView)
async def propose_deletion(control: Doors, caller: Caller, key: Key, given: GivenDeletion) -> JSONResponse:
    """Propose to delete a workflow, or a series with all that is to come; the vote on it opens at once."""
    done = await control.voting.propose_deletion(caller, given, key)
    return answered(done, f"/voter/deletion-proposals/{done.value['id']}")


@router.get("/deletion-proposals/{proposal_id}")
async def show_deletion(control: Doors, caller: Caller, proposal_id: str) -> ProposalView:
    """One deletion proposal: its vote as it stands now, and what became of it."""
    return await control.voting.get(caller, "deletion", proposal_id)


@router.get("/governance-proposals")
async def list_pending_governance(
    control: Doors, caller: Caller, which: Annotated[PendingGovernance, Query()]
) -> Page[ProposalView]:
    """What is discussed or voted on in the scopes where I vote, newest first."""
    return await control.voting.pending(caller, which)


@router.get("/governance-proposals/{proposal_id}")
async def show_governance(control: Doors, caller: Caller, proposal_id: str) -> ProposalView:
    """One governance proposal: its discussion or vote as it stands now, and what became of it."""
    return await control.voting.get(caller, "governance", proposal_id)
