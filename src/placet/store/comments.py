"""What people say about a case, in threads; each comment is an act with a line in the case's chain."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from placet.domain.people import Named, Person
from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import notices, people
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.cases import LockedCase, locked
from placet.store.engine import Tx
from placet.store.sight import sees_case

ATTEMPT = "case.comment"
MOST = 1_000
DEEPEST = 20
"""Replies that go deeper stand beside the one replied to."""

_o = t.comment.c


def add(tx: Tx, person: Person, case_id: str, text: str, reply_to: str | None) -> Mapping[Any, Any] | Refusal:
    """Add a comment to an open case; a pause stops decisions, not talk."""
    with locked(tx, case_id) as case:
        above = _found(tx, case_id, reply_to) if reply_to is not None else None
        number = int(tx.conn.execute(sa.select(sa.func.count()).where(_o.case_id == case_id)).scalar_one()) + 1
        if why := _refusal(case, number, reply_to, above):
            audit_refusal(tx, person.id, ATTEMPT, why.code, {"case": case_id})
            return why
        comment_id = f"{case_id}.comment.{number}"
        detail = {"comment": comment_id, "reply_to": reply_to}
        line = case.audit(person.id, "case.commented", detail, text=text)
        row = {
            "id": comment_id,
            "case_id": case_id,
            "parent_id": reply_to,
            "number": number,
            "path": _path(above["path"] if above else "", number),
            "person": person.id,
            "text": text,
            "at": tx.now,
            "receipt": line.hash,
        }
        tx.conn.execute(t.comment.insert().values(row))
        _tell(case, person, comment_id, text, above)
        return row


def _found(tx: Tx, case_id: str, comment_id: str) -> Mapping[Any, Any] | None:
    query = sa.select(t.comment).where(_o.id == comment_id, _o.case_id == case_id)
    return tx.conn.execute(query).mappings().one_or_none()


def _refusal(case: LockedCase, number: int, reply_to: str | None, above: Mapping[Any, Any] | None) -> Refusal | None:
    if not case.is_open:
        state = case["state"]
        return Refusal(code="case-closed", detail=Said("The case has already ended: %(state)s.", state=Said(state)))
    if reply_to is not None and above is None:
        return Refusal(code="unknown-comment", detail=Said("There is no such comment on this case."), field="reply_to")
    if number > MOST:
        return Refusal(code="too-many-comments", detail=Said("A case takes at most %(most)s comments.", most=MOST))
    return None


def _path(above: str, number: int) -> str:
    levels = above.split(".") if above else []
    return ".".join([*levels[: DEEPEST - 1], f"{number:04}"])


def _still_sees(tx: Tx, person_id: str, case_id: str) -> bool:
    person = people.find(tx, person_id)
    query = sa.select(t.case.c.id).where(t.case.c.id == case_id)
    return person is not None and tx.conn.execute(query.where(sees_case(person))).first() is not None


def _tell(case: LockedCase, person: Person, comment_id: str, text: str, above: Mapping[Any, Any] | None) -> None:
    """Tell the requester, and whoever is replied to."""
    tx = case.tx
    to = {case["requester"], *([above["person"]] if above else [])} - {person.id}
    page = tx.house.page(f"/cases/{case.id}")
    for one, name, email, external in people.addressees(tx, [Named(person=one) for one in sorted(to)], case["scope"]):
        if external or not _still_sees(tx, one, case.id):
            continue
        whose: dict[str, Any] = {"person": person.name, "title": case["title"]}
        head = (
            Said("%(person)s replied to you on %(title)s:", **whose)
            if above and above["person"] == one
            else Said("%(person)s commented on %(title)s:", **whose)
        )
        leads = notices.leads(Said("Read on and reply here"), page)
        subject = Said("Comment: %(title)s", title=case["title"])
        to_one = (one, name, email)
        notices.write(tx, f"{comment_id}/{one}", to_one, subject, head, text, leads, case_id=case.id)
