"""Documents that people give to a case: sending, listing and fetching them."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response

from placet.api.callers import Caller, Doors, answered
from placet.api.errors import DOCUMENTED
from placet.control.views import GivenDocumentsView, Page, UploadsView
from placet.domain.dossier import Entry
from placet.web.uploads import announced, refusing_politely, sent_files

router = APIRouter(prefix="/api/v1", tags=["documents"], responses=DOCUMENTED)

NAME = {"name": {"type": "string", "description": "Which document it is, as it was asked for."}}
FILES = {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}}


def _form(fields: dict[str, Any]) -> dict[str, Any]:
    """What the documentation says of a form, all of whose fields are needed."""
    schema = {"type": "object", "required": list(fields), "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")
]


@router.post(
    "/cases/{case_id}/documents", status_code=201, response_model=GivenDocumentsView, openapi_extra=_form(NAME | FILES)
)
async def give_documents(
    request: Request, control: Doors, caller: Caller, case_id: str, key: IdempotencyKey = None
) -> JSONResponse:
    """Give files to the case: all of them are taken, or none. The same content again gives the same receipt."""
    await refusing_politely(request, control.documents.admit(caller, case_id, announced(request)))
    async with sent_files(request) as files:
        return answered(await control.documents.give(caller, case_id, files, key))


@router.post("/documents", status_code=201, response_model=UploadsView, openapi_extra=_form(FILES))
async def stage_documents(request: Request, control: Doors, caller: Caller) -> JSONResponse:
    """Send files for a case that you start within a day: its request names each by its hash. All are taken, or none."""
    await refusing_politely(request, control.documents.may_stage(caller, announced(request)))
    async with sent_files(request, named=False) as files:
        return answered(await control.documents.stage(caller, files))


@router.get("/cases/{case_id}/documents")
async def list_documents(control: Doors, caller: Caller, case_id: str) -> Page[Entry]:
    """What was asked for, what has come, and where each document stands."""
    return await control.documents.listed(caller, case_id)


@router.get("/documents/{document_id}", response_class=Response)
async def fetch_document(
    control: Doors,
    caller: Caller,
    document_id: str,
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """One file, to keep; its ETag is the SHA-256 of its content."""
    document = await control.documents.fetch(caller, document_id)
    if if_none_match and document.headers["ETag"] in if_none_match:
        return Response(status_code=304, headers={"ETag": document.headers["ETag"]})
    return Response(document.content, media_type=document.media_type, headers=document.headers)
