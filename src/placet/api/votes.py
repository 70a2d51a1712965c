"""Voting: the one path on which every microsecond counts, as everybody may vote in the same minute."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from placet.api.callers import Doors, Token
from placet.api.errors import DOCUMENTED
from placet.control.control import Control
from placet.control.errors import Problem, invalid
from placet.control.votes import GivenVote, VotedView


class Lean(APIRoute):
    """A route of a token, names in its path and a vote as its body, which it reads by itself.

    It is described, matched, limited, timed and refused like any other; only the machinery that finds out for each
    request what an endpoint wants is left out, as it takes several times as long as a vote.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        control: Control = scope["app"].state.control
        token, given = _token(request), _given(request, await request.body())
        response: Response = await self.endpoint(control=control, token=token, given=given, **scope["path_params"])
        await response(scope, receive, send)


router = APIRouter(prefix="/voter", tags=["voting"], responses=DOCUMENTED, route_class=Lean)


@router.post("/workflows/{workflow_id}/vote", response_model=VotedView)
async def vote_on_workflow(control: Doors, token: Token, workflow_id: str, given: GivenVote) -> Response:
    """Vote on a proposed workflow. It counts if and only if this answers 200; the same vote again is answered alike."""
    return _json(await control.votes.cast(token, "workflow", workflow_id, given))


@router.post("/deletion-proposals/{proposal_id}/vote", response_model=VotedView)
async def vote_on_deletion(control: Doors, token: Token, proposal_id: str, given: GivenVote) -> Response:
    """Vote on a deletion, by the same rules."""
    return _json(await control.votes.cast(token, "deletion", proposal_id, given))


@router.post("/governance-proposals/{proposal_id}/vote", response_model=VotedView)
async def vote_on_governance(control: Doors, token: Token, proposal_id: str, given: GivenVote) -> Response:
    """Vote on an act of the cooperative, by the same rules; not before its discussion is over."""
    return _json(await control.votes.cast(token, "governance", proposal_id, given))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _given(request: Request, body: bytes) -> GivenVote:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json":
        raise Problem("invalid-request", "Send JSON, with the header “Content-Type: application/json”.")
    try:
        return GivenVote.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
