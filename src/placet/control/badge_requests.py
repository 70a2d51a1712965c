"""What must hold before a case about a credential can start: something to ask for, by somebody who may."""

from typing import Any

import sqlalchemy as sa

from placet.connectors.credentials.port import ISSUANCE, REVOCATION
from placet.control.door import forbidden
from placet.control.errors import Problem, not_found
from placet.control.reading import seen_case
from placet.domain.access import Action, permitted
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import credentials, people
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.credentials import CredentialState
from placet.store.engine import Tx

REQUEST, REVOKE = "badge.request", "credential.revoke"

_c = t.case.c


def requested(tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
    """The request with its holder named, or why there can be no such credential now."""
    holder = request["holder"] or person.id
    about = {"badge": request["badge"], "holder": holder}
    if holder != person.id and not permitted(person, Action.MANAGE_CASE, scope):
        detail = Said(
            "Only coordinators of %(scope)s and administrators request a badge for somebody else.", scope=scope
        )
        return forbidden(tx, person, REQUEST, detail, about)
    # Of two who request the same at once, one waits here for the other.
    row = sa.select(t.badge.c.id).where(t.badge.c.id == request["badge"]).with_for_update()
    if tx.conn.execute(row).one_or_none() is None:
        return _refused(
            tx,
            person,
            REQUEST,
            "unknown-badge",
            Said("There is no badge %(badge)s.", badge=request["badge"]),
            "badge",
            about,
        )
    found = people.find(tx, holder)
    if found is None:
        return _refused(
            tx, person, REQUEST, "unknown-person", Said("Nobody is called %(holder)s.", holder=holder), "holder", about
        )
    if found.external or not found.active:
        detail = Said("Badges are for active people of the organisation.")
        return _refused(tx, person, REQUEST, "unfit-person", detail, "holder", about)
    if credentials.held(tx, holder, request["badge"]) is not None:
        detail = Said("%(person)s has this badge, and it is in force.", person=found.name)
        return _refused(tx, person, REQUEST, "already-issued", detail, "badge", about)
    if _open(tx, ISSUANCE, badge=request["badge"], holder=holder):
        detail = Said("This badge has been requested for them already; that case is still open.")
        return _refused(tx, person, REQUEST, "already-requested", detail, "badge", about)
    return request | {"holder": holder}


def revocable(tx: Tx, person: Person, scope: str, request: dict[str, Any]) -> dict[str, Any] | Problem:
    """The request with what is to be revoked, or why it cannot be."""
    about = {"credential": request["credential"]}
    row = credentials.find(tx, request["credential"])
    if row is None or (row["holder"] != person.id and seen_case(tx, person, row["case_id"]) is None):
        audit_refusal(tx, person.id, REVOKE, "not-visible", about)
        return not_found()
    if row["holder"] != person.id and not permitted(person, Action.MANAGE_CASE, row["scope"]):
        detail = Said(
            "Only its holder, coordinators of %(scope)s and administrators have a credential revoked.",
            scope=row["scope"],
        )
        return forbidden(tx, person, REVOKE, detail, about)
    if row["scope"] != scope:
        detail = Said("This credential belongs to %(scope)s.", scope=row["scope"])
        return _refused(tx, person, REVOKE, "invalid-request", detail, "scope", about)
    tx.conn.execute(sa.select(t.credential.c.id).where(t.credential.c.id == row["id"]).with_for_update())
    state = credentials.find(tx, row["id"])
    assert state is not None
    if state["state"] in credentials.ENDED:
        detail = Said("It has been revoked already.")
        return _refused(tx, person, REVOKE, "already-revoked", detail, "credential", about)
    if state["state"] != CredentialState.ISSUED:
        detail = Said("It has not been issued yet; cancel the case that would issue it.")
        return _refused(tx, person, REVOKE, "not-issued", detail, "credential", about)
    if _open(tx, REVOCATION, credential=row["id"]):
        detail = Said("Its revocation has been asked for already; that case is still open.")
        return _refused(tx, person, REVOKE, "revocation-pending", detail, "credential", about)
    return request | {"badge": row["order"]["badge"]["name"], "holder": row["holder"]}


def _open(tx: Tx, kind: str, **asked: str) -> bool:
    """Whether an open case of this kind asks for just this."""
    same = [_c.opening["request"][name].as_string() == value for name, value in asked.items()]
    query = sa.select(_c.id).where(_c.kind == kind, _c.is_open, *same).limit(1)
    return tx.conn.execute(query).first() is not None


def _refused(
    tx: Tx, person: Person, attempt: str, code: str, detail: str, field: str, about: dict[str, Any]
) -> Problem:
    audit_refusal(tx, person.id, attempt, code, about)
    return Problem(code, detail, field=field)
