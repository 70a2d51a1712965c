"""The multisig under lock: a frozen council approves one exact intent, act by act, each one transaction.

An approval counts only after this transaction has asked which wallet signed, whatever door it came in by.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain import multisig as rule
from placet.domain.audit import AuditEvent, digest
from placet.domain.calendar import BusinessCalendar
from placet.domain.model import Durable
from placet.domain.multisig import Act, Approval, Heard, Member, MemberStanding, MultisigRules, MultisigSpec
from placet.domain.people import SYSTEM, Person
from placet.domain.signature import BadSignature, CannotRecover, normal
from placet.domain.task import Reason, Refusal, Verdict
from placet.store import council_mail, people
from placet.store import tables as t
from placet.store.acts import MAX_COMMENT, Counted, NotCounted, NotVisible, Receipt, audit_refusal
from placet.store.cases import LockedCase, locked
from placet.store.decisions import LockedDecision, NoSuchTask, close, decision_id, insert
from placet.store.engine import Tx
from placet.store.sight import sees_case
from placet.store.tasks import SEPARATION

WITHDRAWN = "multisig.approval-withdrawn"

_d, _a, _x, _p, _w, _e = t.decision.c, t.act.c, t.exclusion.c, t.person.c, t.wallet.c, t.audit.c
_CASE_OF = sa.select(_d.case_id).where(_d.id == sa.bindparam("of_task"), _d.form == "multisig")
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
_ACTS = sa.select(t.act).where(_a.decision_id == sa.bindparam("of_task"))
_BARRED = sa.select(_x.reason).where(_x.decision_id == sa.bindparam("of_task"), _x.person_id == sa.bindparam("of_who"))
_MINE = (_a.decision_id == sa.bindparam("of_task")) & (_a.person_id == sa.bindparam("of_who"))
_TAKEN_BACK = (
    sa.select(_e.detail, _e.at, _e.hash)
    .where(_e.chain == sa.bindparam("of_case"), _e.actor == sa.bindparam("of_who"), _e.action == WITHDRAWN)
    .order_by(_e.seq.desc())
)


class GivenApproval(Durable):
    """An approval as it came in: `intent_hash` is of what the person looked at."""

    intent_hash: str
    signature: str | None = None
    comment: str = ""


class LockedMultisig(LockedDecision):
    form = "multisig"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        super().__init__(case, row)
        self.rules = MultisigRules.model_validate(row["rules"])

    def acts(self) -> list[sa.Row[Any]]:
        return list(self.case.tx.conn.execute(_ACTS, {"of_task": self.id}))

    @property
    def heard(self) -> Heard:
        return heard_of(self.row, self.acts())

    def times(self) -> tuple[datetime | None, datetime | None]:
        heard = heard_of(self.row, ())
        return rule.deadline(self.rules, heard), rule.next_at(self.rules, heard)

    def catch_up(self) -> None:
        """The reminder to those who still owe an answer, and the verdict of the deadline."""
        heard, now = self.heard, self.case.tx.now
        if over := rule.on_silence(self.rules, heard, self.id, now):
            close(self, over)
        elif (at := rule.reminder_at(self.rules, heard)) is not None and at <= now:
            self.save(rung=1)
            self.refresh_times()
            self.case.audit(SYSTEM, "multisig.reminded", {"multisig": self.id})
            council_mail.reminded(self, heard)

    def commitment(self) -> Mapping[str, Any]:
        """The intent, the frozen council and who approved it."""
        approvals = [[one.person, one.wallet, one.receipt] for one in self.heard.approvals]
        return {"intent": self.rules.intent_hash, "rules": digest(self.row["rules"]), "approvals": approvals}

    def ended(self, verdict: Verdict) -> None:
        """Tell the council, unless the decision is only laid aside."""
        if verdict.reason is not Reason.WITHDRAWN or self.case["cancelled_by"] is not None:
            council_mail.outcome(self, verdict)


def heard_of(row: Mapping[Any, Any], acts: Iterable[Any]) -> Heard:
    """What the council has said, from the row of the decision and the rows of its acts."""
    # By their lines in the log: several can fall into one instant of the case's clock.
    acts = sorted(acts, key=_line)
    approvals = (
        Approval(
            person=act.person_id,
            wallet=act.data.get("wallet"),
            signature=act.data.get("signature"),
            at=act.at,
            receipt=act.receipt,
        )
        for act in acts
        if act.outcome == Act.APPROVE
    )
    return Heard(
        approvals=tuple(approvals),
        refusals=tuple(act.person_id for act in acts if act.outcome == Act.REFUSE),
        reminded=row["rung"] > 0,
        shift=timedelta(microseconds=row["shift_us"]),
    )


def _line(act: Any) -> int:
    return int(act.data["line"])


def open_multisig(case: LockedCase, spec: MultisigSpec, ordinal: int, calendar: BusinessCalendar) -> LockedMultisig:
    """Get the decision with this natural key, or open it now and freeze its council; one that is too small to decide
    is refused at once."""
    tx, found = case.tx, decision_id(case.id, spec.name, ordinal)
    if (known := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedMultisig(case, known)
    holding = _holding(tx, spec, case["scope"])
    barred = rule.barred(spec, case["requester"], holding)
    members = [one for one in holding if one.person not in barred] if len(holding) <= rule.MOST_MEMBERS else []
    rules = rule.freeze(spec, members, tx.now, calendar, case["scope"])
    frozen = rules.model_dump(mode="json")
    times = {"due_at": rules.due_at, "next_at": rule.next_at(rules, Heard())}
    row = insert(case, "multisig", spec.name, ordinal, frozen, frozen["intent"], **times)
    council = LockedMultisig(case, row)
    asked = [
        {"decision_id": found, "case_id": case.id, "person_id": one.person, "role": None, "scope": None}
        | {"via": "asked", "due_at": rules.due_at, "live": True}
        for one in rules.members
    ]
    if asked:
        tx.conn.execute(t.candidate.insert(), asked)
    rows = [
        {"decision_id": found, "person_id": person, "kind": SEPARATION, "reason": reason}
        for person, reason in sorted(barred.items())
    ]
    tx.conn.execute(t.exclusion.insert(), rows)
    case.audit(
        SYSTEM,
        "multisig.opened",
        {
            "multisig": found,
            "title": rules.title,
            "intent": rules.intent_hash,
            "council": rules.council.model_dump(mode="json"),
            "members": [[one.person, one.wallet] for one in rules.members],
            "excluded": sorted(barred),
            "threshold": rules.threshold,
            "rules": digest(frozen),
            "subject": frozen["intent"],
        },
    )
    if not _decide(council, ""):
        council_mail.asked(council)
    return council


@contextmanager
def locked_multisig(tx: Tx, multisig_id: str) -> Iterator[LockedMultisig]:
    """Lock the case, then the decision."""
    case_id = tx.conn.execute(_CASE_OF, {"of_task": multisig_id}).scalar_one_or_none()
    if case_id is None:
        raise NoSuchTask(multisig_id)
    with locked(tx, case_id) as case:
        yield LockedMultisig(case, tx.conn.execute(_ROW, {"of_task": multisig_id}).mappings().one())


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
        evidence = {"wallet": member.wallet, "signature": digest(signature)} if signature else {}
        line = council.case.audit(
            person.id,
            "multisig.approved",
            {"multisig": council.id, "intent": council.rules.intent_hash, "door": door, **evidence},
            comment=given.comment,
        )
        receipt = _count(council, person, Act.APPROVE, given.comment, data, door, line)
        if not _decide(council, ""):
            council.settle()
            council_mail.your_turn(council, _turn(council))
        return _counted(council, receipt)


def refuse(tx: Tx, person: Person, multisig_id: str, comment: str, door: str) -> Counted | NotCounted:
    """Refuse the intent; once enough have, it is refused at once."""
    with _seen(tx, person, multisig_id) as council:
        council.settle()
        if again := _repeated(council, person, Act.REFUSE, comment, council.rules.intent_hash, {}):
            return again
        if why := _refusal(council, person, Act.REFUSE, comment=comment):
            return _refused(council, person, Act.REFUSE, why)
        detail = {"multisig": council.id, "intent": council.rules.intent_hash, "door": door}
        line = council.case.audit(person.id, "multisig.refused", detail, comment=comment)
        receipt = _count(council, person, Act.REFUSE, comment, {}, door, line)
        refusals = [act for act in council.acts() if act.outcome == Act.REFUSE]
        said = "; ".join(act.comment for act in sorted(refusals, key=_line))
        if not _decide(council, said[:MAX_COMMENT]):
            council.settle()
            council_mail.your_turn(council, _turn(council))
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
        detail = {"multisig": council.id, "intent": council.rules.intent_hash, "door": door}
        event = case.audit(person.id, WITHDRAWN, detail, comment=comment)
        council.settle()
        return _counted(council, _receipt(council, person, Act.WITHDRAW, tx.now, event.hash))


def standing(council: LockedMultisig, person: Person) -> MemberStanding:
    """What this person is to this multisig, looked up now."""
    conn, role = council.case.tx.conn, council.rules.council
    barred = conn.execute(_BARRED, {"of_task": council.id, "of_who": person.id}).scalar_one_or_none()
    holds = person.active and person.holds(role.name, role.scope or council.case["scope"])
    return MemberStanding(person=person.id, holds_role=holds, excluded=barred)


def able(council: LockedMultisig) -> set[str] | None:
    """Which members still hold the role, where that says whose turn it is."""
    rules = council.rules
    if not rules.ordered:
        return None
    holding = sa.select(t.role_grant.c.person_id).where(
        people.holders(rules.council.name, rules.council.scope or council.case["scope"])
    )
    members = [one.person for one in rules.members]
    query = sa.select(_p.id).where(_p.id.in_(members), _p.active, _p.id.in_(holding))
    return set(council.case.tx.conn.execute(query).scalars())


def hindrance(council: LockedMultisig, person: Person, act: Act = Act.APPROVE) -> Refusal | None:
    """Why this person cannot act so now, by the same rules as the act itself."""
    state = _state(council)
    return rule.hindrance(council.rules, council.heard, standing(council, person), act, **state)


def _holding(tx: Tx, spec: MultisigSpec, scope: str) -> list[Member]:
    """Everybody of the organisation who holds the role now, each with the wallet registered now."""
    holding = sa.select(t.role_grant.c.person_id).where(people.holders(spec.council.name, spec.council.scope or scope))
    query = (
        sa.select(_p.id, _w.address)
        .outerjoin_from(t.person, t.wallet, _w.person_id == _p.id)
        .where(_p.active, ~_p.external, _p.id.in_(holding))
        .order_by(_p.id)
        .limit(rule.MOST_MEMBERS + 1)
    )
    return [Member(person=row.id, wallet=row.address) for row in tx.conn.execute(query)]


@contextmanager
def _seen(tx: Tx, person: Person, multisig_id: str) -> Iterator[LockedMultisig]:
    """The locked multisig, if the person may see its case; else as if there were none."""
    seen = sa.select(_d.id).join_from(t.decision, t.case, t.case.c.id == _d.case_id)
    if tx.conn.execute(seen.where(_d.id == multisig_id, _d.form == "multisig", sees_case(person))).first() is None:
        exists = tx.conn.execute(_CASE_OF, {"of_task": multisig_id}).first()
        raise NotVisible(multisig_id) if exists else NoSuchTask(multisig_id)
    with locked_multisig(tx, multisig_id) as council:
        yield council


def _refusal(council: LockedMultisig, person: Person, act: Act, **given: Any) -> Refusal | None:
    state = _state(council)
    return rule.refusal(council.rules, council.heard, standing(council, person), act, **given, **state)


def _state(council: LockedMultisig) -> dict[str, Any]:
    return {"is_open": council.is_open, "paused": council.case.paused, "able": able(council)}


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


def _decide(council: LockedMultisig, comment: str) -> bool:
    """Close the decision if what was heard decides it."""
    verdict = rule.decided(council.rules, council.heard, council.id, council.case.tx.now, comment)
    if verdict is not None:
        close(council, verdict)
    return verdict is not None


def _turn(council: LockedMultisig) -> str | None:
    return rule.turn(council.rules, council.heard, able(council)) if council.is_open else None


def _receipt(council: LockedMultisig, person: Person, act: Act, at: datetime, line: str) -> Receipt:
    return Receipt(task=council.id, person=person.id, outcome=act.value, at=at.isoformat(), receipt=line)


def _counted(council: LockedMultisig, receipt: Receipt) -> Counted:
    return Counted(receipt=receipt, verdict=council.verdict, tally=council.row["tally"])


def _refused(council: LockedMultisig, person: Person, act: Act, why: Refusal) -> NotCounted:
    audit_refusal(council.case.tx, person.id, f"multisig.{act}", why.code, {"multisig": council.id})
    return NotCounted(refusal=why, verdict=council.verdict)
