"""Ballots: the evidence of their count."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from placet.api.callers import Caller, Doors
from placet.api.errors import DOCUMENTED

JSON_LINES = "application/jsonl"

router = APIRouter(prefix="/api/v1/ballots", tags=["ballots"], responses=DOCUMENTED)


@router.get(
    "/{ballot_id}/export",
    response_class=StreamingResponse,
    responses={200: {"description": "One JSON object a line", "content": {JSON_LINES: {"schema": {"type": "string"}}}}},
)
async def export_ballot(control: Doors, caller: Caller, ballot_id: str, texts: bool = False) -> StreamingResponse:
    """Rules, roll and log of a ballot, to count it again: `placet verify --ballot`. `texts` adds what people wrote."""
    pages = await control.ballots.export(caller, ballot_id, texts)
    named = {"Content-Disposition": 'attachment; filename="ballot.jsonl"', "X-Accel-Buffering": "no"}
    return StreamingResponse(pages, media_type=JSON_LINES, headers=named)
