"""What the database has against a case of the cooperative before it opens: each is checked again when it acts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS, DisbursementPolicy
from placet.catalogue.cooperative.governance_model import Governance, PolicyUpdate, RoleChange, TreasuryTransfer
from placet.catalogue.cooperative.lifecycle_model import StateRequest
from placet.catalogue.cooperative.onboarding_model import Application
from placet.connectors.chain.transfers import BadTransfer, check_transfer
from placet.control.errors import Problem
from placet.control.people import ADDRESS_TAKEN
from placet.control.policies import Policies
from placet.control.reading import seen_case
from placet.domain import lifecycle
from placet.domain.currency import Currencies
from placet.domain.disbursement import Disbursement
from placet.domain.payment import Token, TransferRequest
from placet.domain.people import ADMIN, BUILT_IN_ROLES, COUNCIL, EVERYWHERE, Person
from placet.domain.said import Said, later
from placet.store import membership, multisig, people, resources
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

GOVERNANCE, ONBOARDING, DISBURSEMENT = "governance-proposal", "member-onboarding", "treasury-disbursement"
COOPERATIVE = "general"
"""The scope of the cooperative as a whole: only its voters decide what reaches beyond one scope."""

ACTION = "request.action."

ANOTHER_SCOPE = later("Another scope; only the voters of %(scope)s decide about it.")
BEYOND_A_SCOPE = later("This role reaches beyond one scope; only the voters of %(scope)s decide about it.")
EVERY_SCOPE = later("A policy holds in every scope; only the voters of %(scope)s decide about it.")


def told(currencies: Currencies, request: dict[str, Any]) -> str:
    """A payment by its sum and recipient."""
    return currencies.payment(int(request["amount"]), request["token"], request["to"])


class Checks:
    """`tokens` are those that the treasury knows beside the chain's own currency; None where there is no treasury.
    `council_policy` gives the policy of a payment as it would be frozen now."""

    def __init__(
        self,
        policies: Policies,
        starters: Iterable[str],
        tokens: Sequence[Token] | None,
        council_policy: Callable[[Tx], dict[str, Any]],
    ) -> None:
        self._policies = policies
        self._roles = {*BUILT_IN_ROLES, "voter", "proposer", *starters}
        self._tokens = tokens
        self._council_policy = council_policy

    def governance(self, tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
        """The proposal as it is, or why its act could not be carried out even now."""
        match Governance.model_validate(request).action:
            case TreasuryTransfer() as transfer:
                problem = self._payable(
                    TransferRequest(**transfer.model_dump(exclude={"kind", "memo"}), case=""), ACTION
                )
            case RoleChange() as change:
                problem = self._changeable(tx, scope, change)
            case PolicyUpdate() as update:
                problem = _beyond(scope, EVERY_SCOPE, "policy")
                problem = problem or self._policies.fault(tx, update, ACTION)
        return _refused(tx, person, GOVERNANCE, problem) if problem else request

    def disbursement(self, tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
        """The payment as it is, or why no council could have it paid even now."""
        wanted = Disbursement.model_validate(request)
        asked = TransferRequest(**wanted.model_dump(exclude={"memo", "threshold", "invoice"}), case="")
        problem = self._payable(asked, "request.") or self._approvable(tx, person, scope, wanted)
        return _refused(tx, person, DISBURSEMENT, problem) if problem else request

    def _payable(self, transfer: TransferRequest, place: str) -> Problem | None:
        if self._tokens is None:
            return Problem("no-treasury", Said("This installation has no treasury that could pay."), field=f"{place}to")
        bad: BadTransfer | None = check_transfer(transfer, self._tokens)
        return Problem(bad.code, bad.text, field=f"{place}{bad.field}") if bad is not None else None

    def _approvable(self, tx: Tx, person: Person, scope: str, wanted: Disbursement) -> Problem | None:
        policy = DisbursementPolicy.model_validate(self._council_policy(tx))
        needed = wanted.threshold or policy.threshold
        if needed < policy.threshold:
            detail = Said(
                "The policy asks for at least %(least)s approvals; leave the threshold out, or raise it.",
                least=policy.threshold,
            )
            return Problem("threshold-too-low", detail, field="request.threshold")
        council = [one for one in multisig.holding(tx, COUNCIL_MEMBERS, scope) if one.person != person.id]
        able = [one for one in council if (one.wallet or "").lower() != wanted.to.lower()]
        if policy.wallets:
            able = [one for one in able if one.wallet is not None]
        if needed > len(able):
            template = (
                later("%(needed)s must approve, and only %(able)s of the council of %(scope)s with a wallet may.")
                if policy.wallets
                else later("%(needed)s must approve, and only %(able)s of the council of %(scope)s may.")
            )
            detail = Said(template, needed=needed, able=len(able), scope=scope)
            return Problem("threshold-too-high", detail, field="request.threshold")
        return None

    def _changeable(self, tx: Tx, scope: str, change: RoleChange) -> Problem | None:
        known = people.find(tx, change.person)
        if known is None or known.external:
            detail = Said("There is no such person in the organisation.")
            return Problem("unknown-person", detail, field=f"{ACTION}person")
        held = set(tx.conn.execute(sa.select(t.role_grant.c.role).distinct()).scalars())
        if change.role not in self._roles | held:
            detail = Said("There is no such role; there are: %(roles)s.", roles=tuple(sorted(self._roles | held)))
            return Problem("unknown-role", detail, field=f"{ACTION}role")
        if change.scope != scope or change.role in (ADMIN, COUNCIL):
            what = BEYOND_A_SCOPE if change.scope in (scope, EVERYWHERE) else ANOTHER_SCOPE
            if problem := _beyond(scope, what, "scope"):
                return problem
        if (why := membership.forbidden(tx, change)) is not None:
            return Problem("unfit-person", why, field=f"{ACTION}person")
        if membership.is_so(tx, change):
            return Problem(
                "already-so", Said("This is so already; there is nothing to decide."), field=f"{ACTION}change"
            )
        return None


def applying(tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
    """The application as it is, unless the id or the address belongs to somebody else, or to somebody who is in."""
    application = Application.model_validate(request)
    known = people.find(tx, application.person_id)
    theirs = known is None or (known.email.lower() == application.email.lower() and not known.external)
    if (known is not None and known.active) or not theirs:
        problem = Problem("person-exists", Said("This id is taken; choose another one."), field="request.person_id")
        return _refused(tx, person, ONBOARDING, problem)
    if people.address_taken(tx, application.person_id, application.email):
        return _refused(tx, person, ONBOARDING, Problem("address-taken", ADDRESS_TAKEN, field="request.email"))
    return request


def changing(tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
    """The request with what the resource is now, or why it cannot change so."""
    wanted = StateRequest.model_validate(request)
    # Of two who ask for a change of the same at once, one waits here for the other.
    found = resources.find(tx, wanted.kind, wanted.id, lock=True)
    problem = None
    if found is None or found["scope"] != scope:
        detail = Said("There is no such %(kind)s in %(scope)s.", kind=Said(wanted.kind.value), scope=scope)
        problem = Problem("unknown-resource", detail, field="request.id")
    elif lifecycle.transition(wanted.kind, found["state"], wanted.becomes) is None:
        why = lifecycle.not_allowed(wanted.kind, found["state"], wanted.becomes)
        problem = Problem("transition-not-allowed", why, field="request.becomes")
    elif (other := resources.pending(tx, wanted.kind, wanted.id)) is not None:
        detail = Said("Another change of it is being decided; wait for its end.")
        problem = Problem("transition-pending", detail, field="request.id", extra=_named(tx, person, other))
    if problem is not None or found is None:
        assert problem is not None
        return _refused(tx, person, resources.KIND, problem)
    return request | {"was": found["state"], "title": found["title"]}


def _named(tx: Tx, person: Person, case_id: str) -> dict[str, Any]:
    """The case, for whoever may know of it."""
    return {"case": case_id} if seen_case(tx, person, case_id) is not None else {}


def _beyond(scope: str, what: str, field: str) -> Problem | None:
    """Refuse what reaches beyond the scope whose voters would decide."""
    if scope == COOPERATIVE:
        return None
    return Problem("beyond-scope", Said(what, scope=COOPERATIVE), field=f"{ACTION}{field}")


def _refused(tx: Tx, person: Person, kind: str, problem: Problem) -> Problem:
    audit_refusal(tx, person.id, "case.start", problem.code, {"kind": kind})
    return problem
