"""Proposals: one's own, a new one in two steps, and the deletion of what is there."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.deletions import GivenDeletion
from placet.control.errors import Problem, invalid
from placet.control.faucet import FaucetView
from placet.control.sent import Paging
from placet.control.voting import PROPOSAL, GivenProposal
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.web import forms, telling
from placet.web.forms import Field, errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.places import Places, places_of
from placet.web.session import Visitor
from placet.web.words import _

BUTTONS = ("_do", forms.MORE, forms.LESS)

routes = router()


@routes.get("/proposer")
async def mine(request: Request, visitor: Visitor, which: Annotated[Paging, Query()]) -> Response:
    found = await control_of(request).polls.mine(visitor.person, which)
    return page(request, "proposer/proposer.html", found=found, proposes=bool(await _places(request, visitor.person)))


@routes.get("/proposer/new")
async def begin(request: Request, visitor: Visitor) -> Response:
    return await _form(request, visitor.person)


@routes.post("/proposer/new")
async def propose(request: Request, visitor: Visitor) -> Response:
    """Another row or one less, a preview, back to the form, or the proposal itself."""
    sent = await sent_by(request)
    wanted = _fields()
    held = {name: value for name, value in forms.tidied(sent, wanted).items() if name not in BUTTONS}
    if forms.rearranged(sent) or sent.get("_do") == "edit":
        return await _form(request, visitor.person, forms.tidied(sent, wanted))
    try:
        given = _given(held, wanted)
        if sent.get("_do") != "propose":
            return await _preview(request, visitor.person, held, given)
        done = await control_of(request).voting.propose(visitor.person, given, once(request, held))
    except Problem as problem:
        return await _form(request, visitor.person, held, problem)
    return see_other(f"/voter/proposals/{done.value['id']}", _("Proposed. The vote is open."))


@routes.get("/proposer/delete")
async def deleting(
    request: Request, visitor: Visitor, target: Annotated[str, Query(max_length=200)] = "", kind: str = "workflow"
) -> Response:
    """What a deletion means, and the form to propose one."""
    return await _deletion(request, visitor.person, {"target_id": target, "target_kind": kind})


@routes.post("/proposer/delete")
async def delete(request: Request, visitor: Visitor) -> Response:
    sent = await sent_by(request)
    try:
        given = _given_deletion(sent)
        done = await control_of(request).voting.propose_deletion(visitor.person, given, once(request, sent))
    except Problem as problem:
        return await _deletion(request, visitor.person, sent, problem)
    said = _("The deletion is proposed. The vote on it is open.")
    return see_other(f"/voter/proposals/{done.value['id']}", said)


async def _places(request: Request, person: Person, kind: str = PROPOSAL) -> Places:
    return await places_of(request, person, kind)


def _fields() -> list[Field]:
    """The inputs of a proposal; its scope is chosen from the places where one may propose."""
    return [one for one in forms.fields(GivenProposal.model_json_schema()) if one.name != "scope"]


def _given(sent: Mapping[str, str], wanted: Sequence[Field]) -> GivenProposal:
    data, faults = forms.read(sent, wanted, "")
    if faults:
        raise Problem("invalid-request", faults[0].detail, faults=faults)
    try:
        return GivenProposal.model_validate({**data, "scope": sent.get("_scope", "").strip()})
    except ValidationError as error:
        raise invalid(error) from error


def _given_deletion(sent: Mapping[str, str]) -> GivenDeletion:
    if not sent.get("reason", "").strip():
        raise Problem("comment-required", _("Say why it should be deleted."), field="reason")
    if "sure" not in sent:
        raise Problem("invalid-request", _("Confirm that you have read what a deletion does."), field="sure")
    try:
        return GivenDeletion.model_validate(
            {
                "target_kind": sent.get("target_kind", ""),
                "target_id": sent.get("target_id", "").strip(),
                "reason": sent["reason"].replace("\r\n", "\n"),
            }
        )
    except ValidationError as error:
        raise invalid(error) from error


async def _form(
    request: Request, person: Person, sent: Mapping[str, str] | None = None, problem: Problem | None = None
) -> Response:
    errors = errors_of(problem)
    inputs = forms.inputs(_fields(), sent, errors)
    return page(
        request,
        "proposer/new.html",
        STATUS[problem.kind] if problem else 200,
        inputs=inputs,
        places=await _places(request, person),
        sent=sent or {},
        problem=problem,
        errors=errors,
    )


async def _preview(request: Request, person: Person, sent: dict[str, str], given: GivenProposal) -> Response:
    faucet: FaucetView | None = None
    if any(permitted(person, Action.READ_FAUCET, grant.scope) for grant in person.grants):
        faucet = await control_of(request).faucet.totals(person)
    told: dict[str, Any] = {
        "given": given,
        "held": sent,
        "faucet": faucet,
        "weekly": given.weekly,
        "cost": telling.cost(given.recurrence, given.bounties),
    }
    return page(request, "proposer/preview.html", **told)


async def _deletion(
    request: Request, person: Person, sent: Mapping[str, str], problem: Problem | None = None
) -> Response:
    target = None
    if sent.get("target_id"):
        try:
            target = await control_of(request).polls.get(person, _proposal_of(sent["target_id"]))
        except Problem:
            target = None
    return page(
        request,
        "proposer/delete.html",
        STATUS[problem.kind] if problem else 200,
        target=target,
        sent=sent,
        problem=problem,
        errors=errors_of(problem),
    )


def _proposal_of(target_id: str) -> str:
    """A series is called like its proposal."""
    return target_id.removeprefix("series-")
