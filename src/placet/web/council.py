"""The page of a payment that a council approves: what would be paid, who has said what, and one's own word on it."""

import json
from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.door import Done
from placet.control.errors import Problem, invalid, not_found
from placet.control.multisigs import GivenRefusal, GivenSigning, GivenWithdrawal, MultisigView
from placet.control.sent import Paging
from placet.web import money, timeline
from placet.web.forms import errors_of
from placet.web.pages import STATUS, control_of, once, page, router, see_other, sent_by
from placet.web.session import CONFIRMATION, Visitor, confirmed
from placet.web.task import STAYS
from placet.web.words import _

LINES = 200

routes = router()


@routes.get("/multisigs/{multisig_id}")
async def show(request: Request, visitor: Visitor, multisig_id: str) -> Response:
    return await _page(request, visitor, multisig_id)


@routes.get("/multisigs/{multisig_id}/typed-data.json")
async def typed_data(request: Request, visitor: Visitor, multisig_id: str) -> Response:
    """What a wallet signs, as a file."""
    view = await control_of(request).multisigs.get(visitor.person, multisig_id)
    if view.typed_data is None:
        raise not_found()
    headers = {"Content-Disposition": f'attachment; filename="typed-data-{multisig_id}.json"'}
    return Response(json.dumps(view.typed_data, indent=2), media_type="application/json", headers=headers)


@routes.post("/multisigs/{multisig_id}/approve")
async def approve(request: Request, visitor: Visitor, multisig_id: str) -> Response:
    """Approve exactly what the form shows, after fresh confirmation."""
    multisigs, sent = control_of(request).multisigs, await sent_by(request)
    view = await multisigs.get(visitor.person, multisig_id)
    if view.can_approve and (asks := await confirmed(request, visitor, sent)):
        return asks
    plain = {name: value for name, value in sent.items() if name != CONFIRMATION}

    async def act() -> Done:
        given = GivenSigning(
            intent_hash=plain.get("intent_hash", ""),
            signature=plain.get("signature", "").strip() or None,
            comment=_text(plain, "comment"),
        )
        return await multisigs.approve(visitor.person, multisig_id, given, "web", once(request, plain))

    said = _("Your approval counts. Keep the receipt below.")
    return await _acted(request, visitor, multisig_id, "approve", act, plain, said)


@routes.post("/multisigs/{multisig_id}/refuse")
async def refuse(request: Request, visitor: Visitor, multisig_id: str) -> Response:
    multisigs, sent = control_of(request).multisigs, await sent_by(request)

    async def act() -> Done:
        given = GivenRefusal(comment=_text(sent, "why"))
        return await multisigs.refuse(visitor.person, multisig_id, given, "web", once(request, sent))

    said = _("You have refused. Keep the receipt below.")
    return await _acted(request, visitor, multisig_id, "refuse", act, sent, said)


@routes.post("/multisigs/{multisig_id}/withdraw")
async def withdraw(request: Request, visitor: Visitor, multisig_id: str) -> Response:
    multisigs, sent = control_of(request).multisigs, await sent_by(request)

    async def act() -> Done:
        given = GivenWithdrawal(comment=_text(sent, "because"))
        return await multisigs.withdraw(visitor.person, multisig_id, given, "web", once(request, sent))

    said = _("Your approval is taken back; you may act anew.")
    return await _acted(request, visitor, multisig_id, "withdraw", act, sent, said)


async def _acted(
    request: Request,
    visitor: Visitor,
    multisig_id: str,
    how: str,
    act: Callable[[], Awaitable[Done]],
    sent: Mapping[str, str],
    said: str,
) -> Response:
    try:
        done = await act()
    except ValidationError as error:
        return await _page(request, visitor, multisig_id, sent, how, invalid(error))
    except Problem as problem:
        if problem.kind not in STAYS:
            raise
        return await _page(request, visitor, multisig_id, sent, how, problem)
    if how == "withdraw":
        said = f"{said} {_('Receipt')}: {done.value['receipt']}"
    return see_other(f"/multisigs/{multisig_id}", said)


def _text(sent: Mapping[str, str], name: str) -> str:
    return sent.get(name, "").replace("\r\n", "\n")


async def _page(
    request: Request,
    visitor: Visitor,
    multisig_id: str,
    sent: Mapping[str, str] | None = None,
    how: str = "",
    problem: Problem | None = None,
) -> Response:
    control, person = control_of(request), visitor.person
    view = await control.multisigs.get(person, multisig_id)
    case = await control.cases.get(person, view.case_id)
    found = await control.cases.events(person, view.case_id, Paging(limit=LINES), newest=True)
    lines = [line for line in found.items if line.detail.get("multisig") == view.id]
    names = await control.people.names({one.person for one in view.members} | timeline.people_of(lines))
    receipt = next((one.receipt for one in view.members if one.person == person.id), None)
    return page(
        request,
        "council/multisig.html",
        STATUS[problem.kind] if problem else 200,
        view=view,
        pay=money.price(view.intent.units, view.intent.token, control.currencies),
        held=money.price(int(view.balance or 0), view.intent.token, control.currencies) if view.warning else None,
        names=names,
        receipt=receipt,
        withdrawn={line.actor for line in lines if line.action == "multisig.approval-withdrawn"},
        lines=timeline.told(lines, case, names),
        entries=(await control.documents.listed(person, view.case_id)).items,
        typed=json.dumps(view.typed_data, indent=2) if view.typed_data is not None else "",
        commands=_commands(request, view),
        mine=next((one for one in view.members if one.person == person.id), None),
        sent=dict(sent or {}),
        how=how,
        problem=problem,
        errors=errors_of(problem),
    )


def _commands(request: Request, view: MultisigView) -> list[str]:
    """The same by the command line, where the wallet's key stays on one's own computer."""
    start = f"placet --url {control_of(request).door.store.house.base_url} multisig"
    return [
        "export PLACET_TOKEN=…",
        f"{start} show {view.id}",
        f"{start} approve {view.id} --key-file wallet.json",
    ]
