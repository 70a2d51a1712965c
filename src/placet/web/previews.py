"""Looking at a document of a case: a page with its fingerprint, and a picture that can do nothing."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from placet.web.pages import control_of, page, router
from placet.web.session import Visitor

routes = router()

Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]
INERT = {
    "Content-Disposition": "inline",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}


@routes.get("/cases/{case_id}/documents/{content_hash}/preview")
async def show(request: Request, visitor: Visitor, case_id: str, content_hash: str, number: Number = 1) -> Response:
    found, preview = await control_of(request).previews.get(visitor.person, case_id, content_hash, number)
    address = f"/cases/{case_id}/documents/{content_hash}"
    facts = {"case_id": case_id, "address": address, "number": number, "document": found, "preview": preview}
    return page(request, "case/preview.html", 200, **facts)


@routes.get("/cases/{case_id}/documents/{content_hash}/picture")
async def picture(request: Request, visitor: Visitor, case_id: str, content_hash: str, number: Number = 1) -> Response:
    """Never anything but a picture, and even that in a sandbox."""
    found = await control_of(request).previews.picture(visitor.person, case_id, content_hash, number)
    return Response(found.content, media_type=found.media_type, headers=INERT)
