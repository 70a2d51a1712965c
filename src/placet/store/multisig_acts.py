"""The acts of a council on its multisig. Each is one transaction: lock, settle, ask the rules, write, settle.

An approval counts only after this transaction has asked which wallet signed, whatever door it came in by.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.domain import multisig as rule
from placet.domain.audit import AuditEvent, digest
from placet.domain.model import Durable
from placet.domain.multisig import Act
from placet.domain.people import Person
from placet.domain.signature import BadSignature, CannotRecover, normal
from placet.domain.task import Refusal
from placet.store import council_mail
from placet.store import tables as t
from placet.store.acts import MAX_COMMENT, Counted, NotCounted, NotVisible, Receipt, audit_refusal
from placet.store.decisions import NoSuchTask
from placet.store.engine import Tx
from placet.store.multisig import CASE_OF, LockedMultisig, decide, locked_multisig, standing, state_of, turn_of
from placet.store.sight import sees_case

_d, _a, _w, _e = t.decision.c, t.act.c, t.wallet.c, t.audit.c
_MINE = (_a.decision_id == sa.bindparam("of_task")) & (_a.person_id == sa.bindparam("of_who"))
_TAKEN_BACK = (
    sa.select(_e.detail, _e.at, _e.hash)
    .where(
        _e.chain == sa.bindparam("of_case"),
        _e.actor == sa.bindparam("of_who"),
        _e.action == "multisig.approval-withdrawn",
    )
    .order_by(_e.seq.desc())
)


class GivenApproval(Durable):
    """An approval as it came in: `intent_hash` is of what the person looked at."""

    intent_hash: str
    signature: str | None = None
    comment: str = ""


def approve(tx: Tx, person: Person, multisig_id: str, given: GivenApproval, door: str) -> Counted | NotCounted:
    """Approve the intent. The same approval of the same person again returns the same receipt."""
    bad = signature = None
    try:
        signature = normal(given.signature) if given.signature is not None else None
    except BadSignature as error:
        bad = Refusal(code=error.code, detail=error.detail, field="signature")
    with _seen(tx, person, multisig_id) as council:
        council.settle()
        same = {"signature": signature} if signature else {}
        if bad is None and (again := _repeated(council, person, Act.APPROVE, given.comment, given.intent_hash, same)):
            return again
        signed = given.signature is not None
        why = _refusal(council, person, Act.APPROVE, intent_hash=given.intent_hash, signed=signed)
        if why := why or bad or _not_theirs(council, person, signature):
            return _refused(council, person, Act.APPROVE, why)
        member = council.rules.member(person.id)
        assert member is not None
        data = {"signature": signature, "wallet": member.wallet} if signature else {}
        # The signature itself stays out of the log: where a Safe pays, whoever reads it could present it.
        line = council.case.audit(
            person.id,
            "multisig.approved",
            {
                "multisig": council.id,
                "intent": council.rules.intent_hash,
                "door": door,
                "wallet": member.wallet if signature else None,
                "signature": digest(signature) if signature else None,
            },
            comment=given.comment,
        )
        receipt = _count(council, person, Act.APPROVE, given.comment, data, door, line)
        if not decide(council, ""):
            council.settle()
            council_mail.your_turn(council, turn_of(council))
        return _counted(council, receipt)


def refuse(tx: Tx, person: Person, multisig_id: str, comment: str, door: str) -> Counted | NotCounted:
    """Refuse the intent; once enough have, it is refused at once."""
    with _seen(tx, person, multisig_id) as council:
        council.settle()
        if again := _repeated(council, person, Act.REFUSE, comment, council.rules.intent_hash, {}):
            return again
        if why := _refusal(council, person, Act.REFUSE, comment=comment):
            return _refused(council, person, Act.REFUSE, why)
        line = council.case.audit(
            person.id,
            "multisig.refused",
            {"multisig": council.id, "intent": council.rules.intent_hash, "door": door},
            comment=comment,
        )
        receipt = _count(council, person, Act.REFUSE, comment, {}, door, line)
        said = "; ".join(act.comment for act in council.acts() if act.outcome == Act.REFUSE)
        if not decide(council, said[:MAX_COMMENT]):
            council.settle()
            council_mail.your_turn(council, turn_of(council))
        return _counted(council, receipt)


def withdraw(tx: Tx, person: Person, multisig_id: str, comment: str, door: str) -> Counted | NotCounted:
    """Take one's approval back, as long as the council has not decided; then one may act anew."""
    with _seen(tx, person, multisig_id) as council:
        council.settle()
        case, mine = council.case, {"of_task": council.id, "of_who": person.id}
        if tx.conn.execute(sa.select(_a.person_id).where(_MINE), mine).first() is None:
            for line in tx.conn.execute(_TAKEN_BACK, {"of_case": case.id, "of_who": person.id}):
                if line.detail["multisig"] == council.id:
                    return _counted(council, _receipt(council, person, Act.WITHDRAW, line.at, line.hash))
        if why := _refusal(council, person, Act.WITHDRAW):
            return _refused(council, person, Act.WITHDRAW, why)
        tx.conn.execute(t.act.delete().where(_MINE), mine)
        _retally(council)
        event = case.audit(
            person.id,
            "multisig.approval-withdrawn",
            {"multisig": council.id, "intent": council.rules.intent_hash, "door": door},
            comment=comment,
        )
        council.settle()
        return _counted(council, _receipt(council, person, Act.WITHDRAW, tx.now, event.hash))


@contextmanager
def _seen(tx: Tx, person: Person, multisig_id: str) -> Iterator[LockedMultisig]:
    """The locked multisig, if the person may see its case; else as if there were none."""
    seen = sa.select(_d.id).join_from(t.decision, t.case, t.case.c.id == _d.case_id)
    if tx.conn.execute(seen.where(_d.id == multisig_id, _d.form == "multisig", sees_case(person))).first() is None:
        exists = tx.conn.execute(CASE_OF, {"of_task": multisig_id}).first()
        raise NotVisible(multisig_id) if exists else NoSuchTask(multisig_id)
    with locked_multisig(tx, multisig_id) as council:
        yield council


def _refusal(council: LockedMultisig, person: Person, act: Act, **given: Any) -> Refusal | None:
    state = state_of(council)
    return rule.refusal(council.rules, council.heard, standing(council, person), act, **given, **state)


def _not_theirs(council: LockedMultisig, person: Person, signature: str | None) -> Refusal | None:
    """Why the signature is not one of this member over this intent; None for none, where none is wanted."""
    if signature is None:
        return None
    tx, member = council.case.tx, council.rules.member(person.id)
    assert member is not None
    try:
        signer = tx.house.signer_of(council.rules.intent, signature)
    except BadSignature as error:
        return Refusal(code=error.code, detail=error.detail, field="signature")
    except CannotRecover as error:
        return Refusal(code="chain-missing", detail=str(error))
    frozen = {(one.wallet or "").lower() for one in council.rules.members}
    known = signer.lower() in frozen or tx.conn.execute(sa.select(_w.address).where(_w.address == signer)).first()
    return rule.signer_refusal(member, signer, bool(known))


def _repeated(
    council: LockedMultisig, person: Person, act: Act, comment: str, intent_hash: str, same: Mapping[str, Any]
) -> Counted | None:
    found = council.case.tx.conn.execute(
        sa.select(t.act).where(_MINE), {"of_task": council.id, "of_who": person.id}
    ).one_or_none()
    if found is None or (found.outcome, found.comment, found.subject_hash) != (act, comment, intent_hash):
        return None
    if found.data.get("signature") != same.get("signature"):
        return None
    return _counted(council, _receipt(council, person, act, found.at, found.receipt))


def _count(
    council: LockedMultisig,
    person: Person,
    act: Act,
    comment: str,
    data: Mapping[str, Any],
    door: str,
    line: AuditEvent,
) -> Receipt:
    case, now = council.case, council.case.tx.now
    row = {
        "decision_id": council.id,
        "person_id": person.id,
        "case_id": case.id,
        "outcome": act.value,
        "comment": comment,
        "data": {**data, "line": line.seq},
        "subject_hash": council.rules.intent_hash,
        "door": door,
        "at": now,
        "receipt": line.hash,
    }
    case.tx.conn.execute(t.act.insert(), row)
    case.involve(person.id, "decided")
    _retally(council)
    return _receipt(council, person, act, now, line.hash)


def _retally(council: LockedMultisig) -> None:
    heard = council.heard
    tally = {Act.APPROVE.value: len(heard.approvals), Act.REFUSE.value: len(heard.refusals)}
    council.save(tally={outcome: count for outcome, count in tally.items() if count})


def _receipt(council: LockedMultisig, person: Person, act: Act, at: datetime, line: str) -> Receipt:
    return Receipt(task=council.id, person=person.id, outcome=act.value, at=at.isoformat(), receipt=line)


def _counted(council: LockedMultisig, receipt: Receipt) -> Counted:
    return Counted(receipt=receipt, verdict=council.verdict, tally=council.row["tally"])


def _refused(council: LockedMultisig, person: Person, act: Act, why: Refusal) -> NotCounted:
    audit_refusal(council.case.tx, person.id, f"multisig.{act}", why.code, {"multisig": council.id})
    return NotCounted(refusal=why, verdict=council.verdict)
