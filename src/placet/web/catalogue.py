"""The catalogue: what each workflow does, who decides, what silence does; and the form that starts a case of it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from placet.control.errors import Problem, invalid
from placet.control.views import WorkflowView
from placet.control.voting import PROPOSAL
from placet.control.workflows import Start
from placet.domain.people import Person
from placet.web import forms
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.places import places_of
from placet.web.session import Visitor
from placet.web.voting import DELETION

OWN_PAGES = {PROPOSAL: "/proposer/new", DELETION: "/proposer/delete"}
"""Kinds that have a form of their own."""

routes = router()


@routes.get("/catalogue")
async def show(request: Request, visitor: Visitor) -> Response:
    """Every workflow that people start, and whether the reader may."""
    shelf = []
    for line in control_of(request).workflows.listed().items:
        places = await places_of(request, visitor.person, line.kind)
        start = OWN_PAGES.get(line.kind, f"/catalogue/{line.kind}/start")
        shelf.append((await workflow_of(request, line.kind), start if places else None))
    return page(request, "catalogue/catalogue.html", shelf=shelf)


@routes.get("/catalogue/{kind}/start")
async def begin(request: Request, visitor: Visitor, kind: str) -> Response:
    if kind in OWN_PAGES:
        return RedirectResponse(OWN_PAGES[kind], 303)
    return await _form(request, visitor.person, kind)


@routes.post("/catalogue/{kind}/start")
async def start(request: Request, visitor: Visitor, kind: str) -> Response:
    """Another row or one less, or the case itself."""
    sent = await sent_by(request)
    wanted = forms.fields((await workflow_of(request, kind)).request_schema)
    tidy = forms.tidied(sent, wanted)
    if forms.rearranged(sent):
        return await _form(request, visitor.person, kind, tidy)
    try:
        data, faults = forms.read(tidy, wanted, "/request")
        if faults:
            raise Problem("invalid-request", faults[0].detail, faults=faults)
        given = _given(tidy, data)
        done = await control_of(request).workflows.start(visitor.person, kind, given, once(request, tidy))
    except Problem as problem:
        return await _form(request, visitor.person, kind, tidy, problem)
    return see_other(f"/cases/{done.value['id']}")


async def workflow_of(request: Request, kind: str) -> WorkflowView:
    """One workflow, with the policy in force now."""
    return await control_of(request).workflows.get(kind)


def _given(sent: Mapping[str, str], data: dict[str, Any]) -> Start:
    try:
        return Start(scope=sent.get("_scope", "").strip(), request=data)
    except ValidationError as error:
        raise invalid(error) from error


async def _form(
    request: Request,
    person: Person,
    kind: str,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    workflow = await workflow_of(request, kind)
    errors = errors_of(problem)
    return page(
        request,
        "catalogue/start.html",
        STATUS[problem.kind] if problem else 200,
        workflow=workflow,
        inputs=forms.inputs(forms.fields(workflow.request_schema), sent, errors, "request"),
        places=await places_of(request, person, kind),
        sent=sent or {},
        problem=problem,
        errors=errors,
    )
