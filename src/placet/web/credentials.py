"""Credentials: mine and those of my scopes, the signed file to keep, and asking for a revocation."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.connectors.credentials.port import REVOCATION
from placet.control.credentials import CredentialFilter
from placet.control.errors import Problem, invalid, not_found
from placet.control.workflows import Start
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.store.credentials import CredentialState
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.session import Visitor
from placet.web.words import _

TYPE = "application/vc+jwt"

routes = router()


@routes.get("/credentials-mine")
async def show(
    request: Request,
    visitor: Visitor,
    whose: Annotated[str, Query(pattern="^(mine|all)$")] = "mine",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Those that I hold, or all that I may see."""
    control, person = control_of(request), visitor.person
    which = CredentialFilter(holder=person.id if whose == "mine" else None, limit=50, cursor=cursor)
    found = await control.credentials.listed(person, which)
    names = await control.people.names({one.holder for one in found.items})
    return page(request, "credentials/credentials.html", found=found, names=names, whose=whose)


@routes.get("/credentials-mine/{credential_id}")
async def one(request: Request, visitor: Visitor, credential_id: str) -> Response:
    return await _one(request, visitor.person, credential_id)


@routes.get("/credentials-mine/{credential_id}/credential.jwt")
async def signed(request: Request, visitor: Visitor, credential_id: str) -> Response:
    """The signed credential, for a wallet of badges."""
    view = await control_of(request).credentials.get(visitor.person, credential_id)
    if view.jwt is None:
        raise not_found()
    headers = {"Content-Disposition": f'attachment; filename="{view.badge}.jwt"', "Cache-Control": "no-store"}
    return Response(view.jwt, media_type=TYPE, headers=headers)


@routes.post("/credentials-mine/{credential_id}/revoke")
async def revoke(request: Request, visitor: Visitor, credential_id: str) -> Response:
    """Ask for its revocation: a case of its own, which a coordinator decides."""
    control, sent = control_of(request), await sent_by(request)
    view = await control.credentials.get(visitor.person, credential_id)
    reason = sent.get("reason", "").replace("\r\n", "\n").strip()
    try:
        if not reason:
            raise Problem("comment-required", _("Say why; its holder is told."), field="request.reason")
        start = Start(scope=view.scope, request={"credential": view.id, "reason": reason})
        done = await control.workflows.start(visitor.person, REVOCATION, start, once(request, sent))
    except ValidationError as error:
        return await _one(request, visitor.person, credential_id, sent, invalid(error))
    except Problem as problem:
        return await _one(request, visitor.person, credential_id, sent, problem)
    return see_other(f"/cases/{done.value['id']}")


async def _one(
    request: Request,
    person: Person,
    credential_id: str,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    control = control_of(request)
    view = await control.credentials.get(person, credential_id)
    concerned = view.holder == person.id or permitted(person, Action.MANAGE_CASE, view.scope)
    return page(
        request,
        "credentials/credential.html",
        STATUS[problem.kind] if problem else 200,
        credential=view,
        names=await control.people.names({view.holder}),
        may_revoke=concerned and view.state == CredentialState.ISSUED,
        sent=sent or {},
        problem=problem,
        errors=errors_of(problem),
    )
