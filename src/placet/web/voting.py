"""Voting: what is voted on, one proposal with its vote, the receipt to keep, and approving past the voters."""

from collections.abc import Mapping
from typing import Annotated, cast

from fastapi import Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import ValidationError

from placet.control.errors import Problem, invalid, not_found
from placet.control.polls import PollView
from placet.control.sent import Because, Paging
from placet.control.votes import GivenVote
from placet.domain.access import Action, permitted
from placet.domain.audit import stamp
from placet.domain.ballot import Choice
from placet.domain.people import Person
from placet.domain.proposal import ProposalKind
from placet.domain.voting import MAX_COMMENT
from placet.web import money, telling
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.session import CONFIRMATION, Visitor, confirmed
from placet.web.words import _

JSON_LINES = "application/jsonl"
DELETION = "deletion-proposal"

routes = router()


@routes.get("/voter")
async def show(request: Request, visitor: Visitor, which: Annotated[Paging, Query()]) -> Response:
    """What is voted on, most urgent first."""
    return page(request, "voter/voter.html", found=await control_of(request).polls.open(visitor.person, which))


@routes.get("/voter/ended")
async def ended(request: Request, visitor: Visitor, which: Annotated[Paging, Query()]) -> Response:
    return page(request, "voter/ended.html", found=await control_of(request).polls.ended(visitor.person, which))


@routes.get("/voter/proposals/{proposal_id}")
async def proposal(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    return shown(request, visitor.person, await control_of(request).polls.get(visitor.person, proposal_id))


@routes.post("/voter/proposals/{proposal_id}/vote")
async def vote(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    """First what one is about to do, for good; then the vote itself."""
    control, sent = control_of(request), await sent_by(request)
    poll = await control.polls.get(visitor.person, proposal_id)
    if "change" in sent:
        return shown(request, visitor.person, poll, sent)
    try:
        given = _given(sent)
        if "sure" not in sent:
            if poll.why_not is not None and poll.my_vote is None:
                raise Problem(poll.why_not.code, poll.why_not.detail)
            return page(request, "voter/sure.html", poll=poll, given=given)
        await control.votes.cast_by(visitor.person, _kind(poll), proposal_id, given)
    except Problem as problem:
        again = await control.polls.get(visitor.person, proposal_id)
        return shown(request, visitor.person, again, sent, problem)
    return see_other(f"/voter/proposals/{proposal_id}/receipt", _("Your vote counts. Keep the receipt below."))


@routes.get("/voter/proposals/{proposal_id}/receipt")
async def receipt(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    """My vote, as a page to print or to keep."""
    poll = await _voted(request, visitor.person, proposal_id)
    return page(request, "voter/receipt.html", poll=poll, commands=_commands(request, poll))


@routes.get("/voter/proposals/{proposal_id}/receipt.txt")
async def receipt_text(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    poll = await _voted(request, visitor.person, proposal_id)
    lines = [f"{key}: {value}" for key, value in _facts(poll).items()]
    text = "\n".join([_("Receipt of a vote"), "", *lines, "", _("To verify it:"), *_commands(request, poll), ""])
    return PlainTextResponse(text, headers=_kept(f"receipt-{proposal_id}.txt"))


@routes.get("/voter/proposals/{proposal_id}/receipt.json")
async def receipt_json(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    poll = await _voted(request, visitor.person, proposal_id)
    return JSONResponse(_facts(poll), headers=_kept(f"receipt-{proposal_id}.json"))


@routes.get("/voter/proposals/{proposal_id}/ballot.jsonl")
async def evidence(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    """Rules, roll and log of the ballot, to count it again."""
    control = control_of(request)
    poll = await control.polls.get(visitor.person, proposal_id)
    pages = await control.ballots.export(visitor.person, poll.proposal.ballot)
    return StreamingResponse(pages, media_type=JSON_LINES, headers=_kept(f"ballot-{proposal_id}.jsonl"))


@routes.get("/voter/proposals/{proposal_id}/force")
async def forcing(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    """What approving past the voters means, before one does it."""
    poll = await control_of(request).polls.get(visitor.person, proposal_id)
    if not permitted(visitor.person, Action.FORCE_APPROVE, poll.proposal.scope):
        raise Problem("forbidden", _("Only administrators approve past the voters."))
    return page(request, "voter/force.html", poll=poll, sent={}, problem=None, errors={})


@routes.post("/voter/proposals/{proposal_id}/force")
async def force(request: Request, visitor: Visitor, proposal_id: str) -> Response:
    control, sent = control_of(request), await sent_by(request)
    poll = await control.polls.get(visitor.person, proposal_id)
    try:
        because = _because(sent)
        allowed = permitted(visitor.person, Action.FORCE_APPROVE, poll.proposal.scope)
        if allowed and (asks := await confirmed(request, visitor, sent)):
            return asks
        key = once(request, {name: value for name, value in sent.items() if name != CONFIRMATION})
        await control.voting.force(visitor.person, _kind(poll), proposal_id, because, key)
    except Problem as problem:
        if problem.code == "forbidden":
            raise
        again = await control.polls.get(visitor.person, proposal_id)
        told = {"poll": again, "sent": sent, "problem": problem, "errors": errors_of(problem)}
        return page(request, "voter/force.html", STATUS[problem.kind], **told)
    return see_other(f"/voter/proposals/{proposal_id}", _("Approved past the voters. Everybody is told."))


def shown(
    request: Request,
    person: Person,
    poll: PollView,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    """The page of a proposal, with a vote that was typed and why it does not count."""
    view = poll.proposal
    starters = next((one.starters for one in control_of(request).workflows.listed().items if one.kind == DELETION), [])
    deletes = permitted(person, Action.START, view.scope, tuple(starters))
    return page(
        request,
        "voter/proposal.html",
        STATUS[problem.kind] if problem else 200,
        poll=poll,
        sent=sent or {},
        problem=problem,
        errors=errors_of(problem),
        longest=MAX_COMMENT,
        cost=telling.cost(view.recurrence, [step.bounty for step in view.steps]) if view.steps else "",
        pay=_price(request, poll),
        can_delete=bool(poll.deletable) and deletes,
    )


def _price(request: Request, poll: PollView) -> money.Price | None:
    """What the act of the proposal would pay."""
    act = poll.action or {}
    if act.get("kind") != "treasury-transfer":
        return None
    return money.price(int(act["amount"]), act["token"], control_of(request).currencies)


def _kind(poll: PollView) -> ProposalKind:
    return cast(ProposalKind, poll.proposal.kind)


def _given(sent: Mapping[str, str]) -> GivenVote:
    decision, comment = sent.get("decision", ""), sent.get("comment", "").replace("\r\n", "\n")
    if decision not in tuple(Choice):
        raise Problem("unknown-outcome", _("Choose whether you approve or deny."), field="decision")
    if len(comment) > MAX_COMMENT:
        detail = _("A comment may have at most %(most)s characters; shorten it.", most=MAX_COMMENT)
        raise Problem("comment-too-long", detail, field="comment")
    try:
        return GivenVote(decision=decision, comment=comment)
    except ValidationError as error:
        raise invalid(error) from error


def _because(sent: Mapping[str, str]) -> Because:
    reason = sent.get("reason", "").replace("\r\n", "\n").strip()
    if not reason:
        raise Problem("comment-required", _("Say why: the reason is recorded for everybody to read."), field="reason")
    if "sure" not in sent:
        raise Problem("invalid-request", _("Confirm that you want to decide past the voters."), field="sure")
    try:
        return Because(reason=reason)
    except ValidationError as error:
        raise invalid(error) from error


async def _voted(request: Request, person: Person, proposal_id: str) -> PollView:
    poll = await control_of(request).polls.get(person, proposal_id)
    if poll.my_vote is None:
        raise not_found()
    return poll


def _facts(poll: PollView) -> dict[str, str]:
    """Everything that a receipt says, by names that stay the same in every language."""
    vote = poll.my_vote
    assert vote is not None
    return {
        "ballot": poll.proposal.ballot,
        "proposal": poll.proposal.id,
        "title": poll.proposal.title,
        "voter": vote.person,
        "decision": vote.decision,
        "comment": vote.comment,
        "at": stamp(vote.at),
        "receipt": vote.receipt,
        "subject": poll.proposal.subject_hash,
        "roll": poll.proposal.roll_hash,
    }


def _commands(request: Request, poll: PollView) -> list[str]:
    """How to count it again, on a computer of one's own."""
    ballot, address = poll.proposal.ballot, control_of(request).door.store.house.base_url
    assert poll.my_vote is not None
    return [
        f"placet --url {address} export --ballot {ballot} ballot.jsonl",
        f"placet verify --ballot {ballot} --receipt {poll.my_vote.receipt} ballot.jsonl",
    ]


def _kept(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
