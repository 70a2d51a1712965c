"""Projects and memberships: their states, registering one, and asking for a change of state."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.errors import Problem, invalid
from placet.control.resources import GivenResource, ResourceFilter
from placet.control.workflows import Start
from placet.domain.access import SEES_ALL, Action, permitted
from placet.domain.lifecycle import ResourceKind, ResourceState
from placet.domain.people import EVERYWHERE, Person
from placet.store.resources import KIND
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.places import places_of
from placet.web.session import Visitor
from placet.web.words import _

routes = router()

ALL = {"kind": "", "state": ""}

Text = Annotated[str, Query(max_length=200)]


@routes.get("/resources")
async def show(
    request: Request,
    visitor: Visitor,
    kind: Text = "",
    state: Text = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    return await _page(request, visitor.person, {"kind": kind, "state": state}, cursor)


@routes.post("/resources")
async def register(request: Request, visitor: Visitor) -> Response:
    """Enter a project or a membership; it is active from now on."""
    sent = await sent_by(request)
    try:
        given = GivenResource.model_validate(
            {name: sent[name].strip() for name in ("kind", "id", "title", "scope") if sent.get(name, "").strip()}
        )
        await control_of(request).resources.register(visitor.person, given, once(request, sent))
    except ValidationError as error:
        return await _page(request, visitor.person, ALL, None, sent, invalid(error))
    except Problem as problem:
        return await _page(request, visitor.person, ALL, None, sent, problem)
    return see_other(f"/resources/{given.kind}/{given.id}", _("It is registered, and active."))


@routes.get("/resources/{kind}/{resource_id}")
async def one(request: Request, visitor: Visitor, kind: str, resource_id: str) -> Response:
    return await _one(request, visitor.person, kind, resource_id)


@routes.post("/resources/{kind}/{resource_id}/change")
async def change(request: Request, visitor: Visitor, kind: str, resource_id: str) -> Response:
    """Ask for another state: a case of its own, which those decide who may."""
    control, sent = control_of(request), await sent_by(request)
    shown = await control.resources.get(visitor.person, kind, resource_id)
    wanted = {"kind": kind, "id": resource_id, "becomes": sent.get("becomes", ""), "reason": _text(sent)}
    try:
        if not wanted["becomes"]:
            raise Problem("invalid-request", _("Choose what it is to become."), field="request.becomes")
        start = Start(scope=shown.scope, request=wanted)
        done = await control.workflows.start(visitor.person, KIND, start, once(request, sent))
    except ValidationError as error:
        return await _one(request, visitor.person, kind, resource_id, sent, invalid(error))
    except Problem as problem:
        return await _one(request, visitor.person, kind, resource_id, sent, problem)
    return see_other(f"/cases/{done.value['id']}")


def _text(sent: Mapping[str, str]) -> str:
    return sent.get("reason", "").replace("\r\n", "\n")


async def _one(
    request: Request,
    person: Person,
    kind: str,
    resource_id: str,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    shown = await control_of(request).resources.get(person, kind, resource_id)
    places = await places_of(request, person, KIND)
    return page(
        request,
        "resources/resource.html",
        STATUS[problem.kind] if problem else 200,
        resource=shown,
        may_start=places.anywhere or shown.scope in places.scopes,
        sent=sent or {},
        problem=problem,
        errors=errors_of(problem),
    )


async def _page(
    request: Request,
    person: Person,
    wanted: Mapping[str, str],
    cursor: str | None,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    given = {name: value for name, value in wanted.items() if value}
    try:
        which = ResourceFilter.model_validate({**given, "cursor": cursor}, strict=False)
    except ValidationError as error:
        raise invalid(error) from error
    control = control_of(request)
    known = (await control.directory.known()).scopes if any(person.holds_any(role) for role in SEES_ALL) else []
    own = {grant.scope for grant in person.grants} - {EVERYWHERE}
    scopes = [one for one in sorted({*known, *own}) if permitted(person, Action.REGISTER_RESOURCE, one)]
    return page(
        request,
        "resources/resources.html",
        STATUS[problem.kind] if problem else 200,
        found=await control.resources.listed(person, which),
        wanted=wanted,
        kinds=list(ResourceKind),
        states=list(ResourceState),
        scopes=scopes,
        query="".join(f"{name}={value}&" for name, value in given.items()),
        sent=sent or {},
        problem=problem,
        errors=errors_of(problem),
    )
