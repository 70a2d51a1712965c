"""The catalogue: what each workflow does, who decides, what silence does; and the form that starts a case of it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from placet.control.cooperative import DISBURSEMENT, GOVERNANCE
from placet.control.documents import Sending
from placet.control.errors import Kind, Problem, invalid
from placet.control.views import WorkflowView
from placet.control.voting import PROPOSAL
from placet.control.workflows import Start
from placet.domain.currency import BadSum, Currencies
from placet.domain.forms import Fault
from placet.domain.people import Person
from placet.web import forms
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other
from placet.web.places import places_of
from placet.web.session import Visitor
from placet.web.task import STAYS
from placet.web.uploads import filled_in
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
    """Another row or one less, or the case itself. Files that come along stay, whatever else is wrong."""
    wanted = forms.fields((await workflow_of(request, kind)).request_schema)
    async with filled_in(request) as (sent, files):
        tidy = forms.tidied(sent, wanted)
        refused = await _staged(request, visitor.person, tidy, files)
    if forms.rearranged(sent):
        return await _form(request, visitor.person, kind, tidy, refused)
    try:
        data, faults = forms.read(tidy, wanted, "/request")
        faults += _in_smallest(kind, data, control_of(request).currencies)
        if refused is not None:
            raise Problem(refused.code, refused.detail, faults=(*refused.faults, *faults))
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


async def _staged(
    request: Request, person: Person, sent: dict[str, str], files: Mapping[str, UploadFile]
) -> Problem | None:
    """Have the files wait for the case, each named in the form by its hash; and what is wrong with those left out."""
    documents = control_of(request).documents
    problems: list[Problem] = []
    faults: list[Fault] = []
    for name, text in list(sent.items()) if files else ():
        lines: list[str] = []
        for line in text.split("\n"):
            if line not in files:
                lines.append(line)
                continue
            try:
                await documents.may_stage(person, files[line].size or 0)
                done = await documents.stage(person, [Sending(name, files[line])])
                lines.append(done.value["items"][0]["hash"])
            except Problem as problem:
                if problem.kind not in (*STAYS, Kind.UNAVAILABLE):
                    raise
                problems.append(problem)
                faults.append(Fault(pointer=f"/request/{forms.place(name)}", detail=problem.detail))
        sent[name] = "\n".join(lines)
    return Problem(problems[0].code, problems[0].detail, faults=faults) if problems else None


def _in_smallest(kind: str, data: dict[str, Any], currencies: Currencies) -> list[Fault]:
    """Have the amount of a payment, written like `1.5 ETH`, in the smallest unit; and what is wrong with it."""
    within = {DISBURSEMENT: "/request", GOVERNANCE: "/request/action"}.get(kind)
    payment = data.get("action", data) if within else {}
    if within is None or "amount" not in payment:
        return []
    try:
        payment["amount"] = currencies.smallest(payment["amount"], payment.get("token"))
    except BadSum as bad:
        return [Fault(pointer=f"{within}/amount", detail=bad.text)]
    return []


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
    wanted = forms.fields(workflow.request_schema)
    uploads, documents = forms.takes_files(wanted), control_of(request).documents
    return page(
        request,
        "catalogue/start.html",
        STATUS[problem.kind] if problem else 200,
        workflow=workflow,
        inputs=forms.inputs(wanted, sent, errors, "request"),
        places=await places_of(request, person, kind),
        uploads=uploads,
        staged=await documents.staged(person) if uploads else {},
        most=documents,
        sent=sent or {},
        problem=problem,
        errors=errors,
    )
