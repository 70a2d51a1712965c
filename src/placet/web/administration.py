"""Administration of the installation: the faucet, policies in force, mails, and how everything is."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from placet.control.errors import Problem, found, invalid
from placet.control.faucet import GivenDeposit
from placet.control.messages import MessageFilter
from placet.control.policies import GivenPolicy, PolicyView
from placet.control.sent import Paging
from placet.control.sessions import Session
from placet.control.views import MessageView, Page
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.web import forms
from placet.web.desk import desk
from placet.web.fields import filled
from placet.web.forms import errors_of
from placet.web.navigation import administers
from placet.web.pages import STATUS, control_of, once, router, see_other, sent_by
from placet.web.session import CONFIRMATION, Visitor, confirmed
from placet.web.words import _

ENGINE_PATIENCE_SECONDS = 2
MOST_FAILED = 50

routes = router()


@routes.get("/admin")
async def show(request: Request, visitor: Visitor) -> Response:
    """What there is to look after."""
    _only(visitor.person)
    return desk(request, visitor.person, "admin/admin.html")


@routes.get("/admin/money")
async def money(request: Request, visitor: Visitor, which: Annotated[Paging, Query()]) -> Response:
    return await _money(request, visitor.person, which)


@routes.post("/admin/money")
async def deposit(request: Request, visitor: Visitor) -> Response:
    sent = await sent_by(request)
    try:
        given = _given(sent)
        allowed = permitted(visitor.person, Action.DEPOSIT, EVERYWHERE)
        if allowed and (asks := await confirmed(request, visitor, sent)):
            return asks
        plain = {name: value for name, value in sent.items() if name != CONFIRMATION}
        await control_of(request).faucet.deposit(visitor.person, given, once(request, plain))
    except Problem as problem:
        if problem.code == "forbidden":
            raise
        return await _money(request, visitor.person, Paging(), sent, problem)
    return see_other("/admin/money", _("The deposit is booked. Who waited for funds is being asked now."))


@routes.get("/admin/policies")
async def policies(request: Request, visitor: Visitor) -> Response:
    """What is frozen into a case that opens now, and who may change it."""
    _only(visitor.person)
    control = control_of(request)
    titles = {line.kind: line.title for line in control.workflows.listed().items}
    shelf = (await control.policies.listed(visitor.person)).items
    return desk(request, visitor.person, "admin/policies.html", shelf=shelf, titles=titles, may_set=_sets(visitor))


@routes.get("/admin/policies/{name}")
async def policy(request: Request, visitor: Visitor, name: str) -> Response:
    return await _policy(request, visitor, name)


@routes.post("/admin/policies/{name}")
async def set_policy(request: Request, visitor: Visitor, name: str) -> Response:
    """Bring into force what differs from the values that were looked at."""
    sent = await sent_by(request)
    shown = await _named(request, visitor.person, name)
    wanted = forms.fields(shown.policy_schema)
    if forms.rearranged(sent):
        return await _policy(request, visitor, name, forms.tidied(sent, wanted))
    try:
        given = _changed(sent, shown)
        if _sets(visitor) and (asks := await confirmed(request, visitor, sent)):
            return asks
        plain = {key: value for key, value in sent.items() if key != CONFIRMATION}
        await control_of(request).policies.put(visitor.person, name, given, once(request, plain))
    except Problem as problem:
        if problem.code == "forbidden":
            raise
        return await _policy(request, visitor, name, sent, problem)
    return see_other("/admin/policies", _("The new values hold for cases that open from now on."))


@routes.get("/admin/mails")
async def mails(request: Request, visitor: Visitor, which: Annotated[Paging, Query()]) -> Response:
    """Everybody's mail, newest first."""
    wanted = MessageFilter(limit=which.limit, cursor=which.cursor, all=True)
    mails: Page[MessageView] = await control_of(request).messages.listed(visitor.person, wanted)
    return desk(request, visitor.person, "admin/mails.html", found=mails)


@routes.get("/admin/health")
async def health(request: Request, visitor: Visitor) -> Response:
    """Whether acts are taken, what is owed, and how the engine is."""
    _only(visitor.person)
    control = control_of(request)
    operates = permitted(visitor.person, Action.OPERATE, EVERYWHERE)
    failed = await control.administration.failed_steps(visitor.person, Paging(limit=MOST_FAILED)) if operates else None
    problem = None
    try:
        await control.pulse.prove_writable()
    except Problem as error:
        problem = error
    return desk(
        request,
        visitor.person,
        "admin/health.html",
        health=await control.administration.health(visitor.person) if operates else None,
        failed=f"{len(failed.items)}{'+' if failed.next_cursor else ''}" if failed else "",
        figures=await control.pulse.figures(),
        engine=await _engine(request),
        unwritable=problem,
        engine_page=request.app.state.engine_page,
    )


def _only(person: Person) -> None:
    if not administers(person):
        raise Problem("forbidden", _("Only administrators and the council may look at this."))


def _sets(visitor: Session) -> bool:
    return permitted(visitor.person, Action.SET_POLICY, EVERYWHERE)


async def _named(request: Request, person: Person, name: str) -> PolicyView:
    _only(person)
    policies = (await control_of(request).policies.listed(person)).items
    return found(next((one for one in policies if one.name == name), None))


def _changed(sent: Mapping[str, str], shown: PolicyView) -> GivenPolicy:
    data, faults = forms.read(sent, forms.fields(shown.policy_schema), "/values")
    if faults:
        raise Problem("invalid-policy", faults[0].detail, faults=faults)
    values = {key: value for key, value in data.items() if value != shown.values.get(key)}
    base = sent.get("base_version", "")
    try:
        return GivenPolicy(values=values, base_version=int(base) if base.isdecimal() and len(base) < 10 else -1)
    except ValidationError as error:
        if not values:
            raise Problem("invalid-policy", _("Nothing differs from what is in force.")) from error
        raise invalid(error) from error


async def _policy(
    request: Request,
    visitor: Session,
    name: str,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    policy = await _named(request, visitor.person, name)
    fields, errors = forms.fields(policy.policy_schema), errors_of(problem)
    if sent is None or (problem is not None and problem.code == "stale-policy"):
        # With other values in force by now, the form begins with those: sending it again must not take them back.
        sent = filled(fields, policy.values)
    return desk(
        request,
        visitor.person,
        "admin/policy.html",
        STATUS[problem.kind] if problem else 200,
        policy=policy,
        inputs=forms.inputs(fields, sent, errors, "values"),
        may_set=_sets(visitor),
        sent=sent,
        problem=problem,
        errors=errors,
    )


def _given(sent: Mapping[str, str]) -> GivenDeposit:
    written = "".join(sent.get("amount", "").split())
    if not (written.isascii() and written.isdigit() and len(written) < 20):
        detail = _("Write the amount as a whole number of the smallest unit, such as 5000.")
        raise Problem("invalid-request", detail, field="amount")
    try:
        return GivenDeposit(amount=int(written), memo=sent.get("memo", "").strip())
    except ValidationError as error:
        raise invalid(error) from error


async def _money(
    request: Request,
    person: Person,
    which: Paging,
    sent: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    faucet = control_of(request).faucet
    return desk(
        request,
        person,
        "admin/money.html",
        STATUS[problem.kind] if problem else 200,
        faucet=await faucet.totals(person),
        ledger=await faucet.ledger(person, which),
        may_deposit=permitted(person, Action.DEPOSIT, EVERYWHERE),
        sent=sent or {},
        problem=problem,
        errors=errors_of(problem),
    )


async def _engine(request: Request) -> dict[str, Any]:
    try:
        told = await asyncio.wait_for(request.app.state.engine_status(), ENGINE_PATIENCE_SECONDS)
    except Exception as error:
        return {"engine": "down", "engine_detail": type(error).__name__}
    return {"engine": "down", **told}
