"""Proposals, for those who make them."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from placet.api.callers import Caller, Doors, Key, answered
from placet.api.errors import DOCUMENTED
from placet.control.proposals import ProposalView
from placet.control.sent import Paging
from placet.control.views import Page
from placet.control.voting import GivenProposal

router = APIRouter(prefix="/proposer/workflows", tags=["voting"], responses=DOCUMENTED)


@router.post("", status_code=201, response_model=ProposalView)
async def propose_workflow(control: Doors, caller: Caller, key: Key, given: GivenProposal) -> JSONResponse:
    """Propose a workflow; the vote on it opens at once."""
    done = await control.voting.propose(caller, given, key)
    return answered(done, f"/proposer/workflows/{done.value['id']}")


@router.get("")
async def list_my_proposals(control: Doors, caller: Caller, page: Annotated[Paging, Query()]) -> Page[ProposalView]:
    """What I proposed, newest first."""
    return await control.voting.mine(caller, page)


@router.get("/{workflow_id}")
async def show_proposal(control: Doors, caller: Caller, workflow_id: str) -> ProposalView:
    """One proposal: its vote as it stands now, and what became of it."""
    return await control.voting.get(caller, "workflow", workflow_id)
