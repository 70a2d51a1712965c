"""The acts of people on a task. Each is one transaction: lock, settle, ask the rules, write, settle.

An act that does not count is a value, not an exception: what the clock did meanwhile and the audit line of the refusal
are kept.
"""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from pydantic import model_validator

from placet.domain import task as rule
from placet.domain.audit import REFUSED, canonical
from placet.domain.forms import Fault, faults
from placet.domain.model import Durable, storable
from placet.domain.people import Named, Person
from placet.domain.said import Said
from placet.domain.task import Reason, Refusal, Standing, Verdict
from placet.store import collecting, notices, people
from placet.store import tables as t
from placet.store.audit import append
from placet.store.decisions import REASSIGNED, NoSuchTask, close
from placet.store.engine import Tx
from placet.store.sight import is_candidate, sees_case
from placet.store.tasks import DELEGATED, LockedTask, add_candidates, locked_task

MAX_COMMENT = 8000

_d, _c, _x, _cl, _a = t.decision.c, t.candidate.c, t.exclusion.c, t.claim.c, t.act.c
_OF_TASK: sa.BindParameter[str] = sa.bindparam("of_task")
_OF_PERSON: sa.BindParameter[str] = sa.bindparam("of_person")
_EXISTS = sa.select(_d.id).where(_d.id == _OF_TASK)
_BARRED = sa.select(_x.reason).where(_x.decision_id == _OF_TASK, _x.person_id == _OF_PERSON)
# A claim that came in while its holder was being shut out bars nobody.
_CLAIMS = (
    sa.select(_cl.person_id)
    .join_from(t.claim, t.person, t.person.c.id == _cl.person_id)
    .where(_cl.decision_id == _OF_TASK, t.person.c.active)
)
_ANSWERED = sa.select(_a.person_id).where(_a.decision_id == _OF_TASK)
_OWN_ACT = sa.select(t.act).where(_a.decision_id == _OF_TASK, _a.person_id == _OF_PERSON)
_INSERT = t.act.insert()
_END_CLAIM = t.claim.delete().where(_cl.decision_id == _OF_TASK, _cl.person_id == _OF_PERSON)
_AGREEING = (
    sa.select(_a.person_id, _a.comment, _a.data)
    .where(_a.decision_id == _OF_TASK, _a.outcome == sa.bindparam("of_outcome"))
    .order_by(_a.at, _a.person_id)
)


@lru_cache(maxsize=1024)
def _asked(person: Person) -> sa.Select[tuple[int]]:
    return sa.select(_c.id).where(_c.decision_id == _OF_TASK, _c.live, is_candidate(person)).limit(1)


@lru_cache(maxsize=1024)
def _seen_by(person: Person) -> sa.Select[tuple[str]]:
    seen = sa.select(_d.id).join_from(t.decision, t.case, t.case.c.id == _d.case_id)
    return seen.where(_d.id == _OF_TASK, sees_case(person))


class Answer(Durable):
    outcome: str
    comment: str = ""
    data: dict[str, Any] = {}
    subject_hash: str | None = None

    @model_validator(mode="after")
    def _can_be_kept(self) -> "Answer":
        if not storable([self.outcome, self.comment, self.data]):
            raise ValueError("an answer is text and finite numbers, without NUL characters or very deep nesting")
        return self


class Receipt(Durable):
    """Proof for the person who answered: the hash of the audit line that holds the act."""

    task: str
    person: str
    outcome: str
    at: str
    receipt: str


class Counted(Durable):
    """An act that counted; `verdict` once the task is decided."""

    receipt: Receipt | None = None
    verdict: Verdict | None = None
    tally: dict[str, int] = {}


class NotCounted(Durable):
    """An act that did not count, and why."""

    refusal: Refusal
    faults: tuple[Fault, ...] = ()
    verdict: Verdict | None = None


class NotVisible(Exception):
    """The person may not know of this task."""


def standing(decision: LockedTask, person: Person) -> Standing:
    """What this person is to this task, looked up now."""
    conn, mine = decision.case.tx.conn, {"of_task": decision.id}
    asked = conn.execute(_asked(person), mine)
    barred = conn.execute(_BARRED, mine | {"of_person": person.id})
    claims = conn.execute(_CLAIMS, mine).scalars().all()
    done = set(conn.execute(_ANSWERED, mine).scalars())
    scope = decision.case["scope"]
    return Standing(
        lacks=tuple(role for role in decision.rules.requires if not person.holds(role, scope)),
        candidate=person.active and asked.first() is not None,
        excluded=barred.scalar_one_or_none(),
        answered=person.id in done,
        holds_claim=person.id in claims,
        claimed_by_others=sum(1 for holder in claims if holder != person.id and holder not in done),
    )


def answer(tx: Tx, person: Person, task_id: str, given: Answer, door: str) -> Counted | NotCounted:
    """Take an answer. The same answer of the same person again returns the same receipt."""
    with _seen_task(tx, person, task_id) as decision:
        decision.settle()
        if again := _repeated(decision, person, given):
            return again
        if closed := _not_now(decision, person, "task.answer"):
            return closed
        rules = decision.rules
        missing = collecting.missing(tx, decision.case.id, rules)
        mine = standing(decision, person)
        why = rule.answer_refusal(
            rules, decision.progress, mine, given.outcome, given.comment, given.subject_hash, missing
        )
        if why:
            return _refused(decision, person, "task.answer", why)
        if found := faults(rules.form_for(given.outcome), given.data):
            wrong = Refusal(
                code="invalid-data", detail=Said("The form is not filled in correctly."), field=found[0].pointer
            )
            return _refused(decision, person, "task.answer", wrong, found)
        receipt = _count(decision, person, given, door)
        tally = decision.row["tally"]
        if (outcome := rule.decided(rules, decision.progress)) is not None:
            close(decision, _verdict(decision, outcome, given))
        else:
            decision.settle()
        return Counted(receipt=receipt, verdict=decision.verdict, tally=tally)


def claim(tx: Tx, person: Person, task_id: str) -> Counted | NotCounted:
    """Take the task: while claimed, its seat is kept for this person."""
    with _seen_task(tx, person, task_id) as decision:
        decision.settle()
        if closed := _not_now(decision, person, "task.claim"):
            return closed
        if why := rule.refusal(decision.rules, decision.progress, standing(decision, person)):
            return _refused(decision, person, "task.claim", why)
        row = {"decision_id": decision.id, "person_id": person.id, "at": tx.now}
        if tx.insert_ignoring(t.claim, row):
            decision.case.audit(person.id, "task.claimed", {"task": decision.id})
        return Counted(tally=decision.row["tally"])


def release(tx: Tx, person: Person, task_id: str) -> Counted | NotCounted:
    """Give a claim back; without a claim nothing changes."""
    with _seen_task(tx, person, task_id) as decision:
        decision.settle()
        if closed := _not_now(decision, person, "task.release"):
            return closed
        mine = (t.claim.c.decision_id == decision.id) & (t.claim.c.person_id == person.id)
        if tx.conn.execute(t.claim.delete().where(mine)).rowcount:
            decision.case.audit(person.id, "task.released", {"task": decision.id})
        return Counted(tally=decision.row["tally"])


def delegate(tx: Tx, person: Person, task_id: str, to: str, comment: str = "") -> Counted | NotCounted:
    """Pass one's right to answer on to somebody else; the number of seats stays."""
    with _seen_task(tx, person, task_id) as decision:
        decision.settle()
        if closed := _not_now(decision, person, "task.delegate"):
            return closed
        mine = standing(decision, person)
        if why := rule.refusal(decision.rules, decision.progress, mine):
            return _refused(decision, person, "task.delegate", why)
        if why := _unfit(decision, person, to):
            return _refused(decision, person, "task.delegate", why)
        _lift(decision, to)
        _strike(decision, person.id)
        barred = {
            "decision_id": decision.id,
            "person_id": person.id,
            "kind": DELEGATED,
            "reason": rule.PASSED_ON % {"person": to},
        }
        tx.conn.execute(t.exclusion.insert().values(barred))
        add_candidates(decision, (Named(person=to),), via=f"delegated by {person.id}")
        decision.case.audit(person.id, "task.delegated", {"task": decision.id, "to": to}, comment=comment)
        if mine.holds_claim:
            # Who holds a claim already keeps that one.
            tx.insert_ignoring(t.claim, {"decision_id": decision.id, "person_id": to, "at": tx.now})
        notices.passed_on(decision, to)
        return Counted(tally=decision.row["tally"])


def reassign(tx: Tx, by: Person, task_id: str, to: str, comment: str = "") -> Counted | NotCounted:
    """A coordinator puts the task to one other person; all earlier candidates and claims fall away."""
    with _seen_task(tx, by, task_id) as decision:
        decision.settle()
        if closed := _not_now(decision, by, "task.reassign"):
            return closed
        if why := _unfit(decision, by, to) or _not_theirs_to_reassign(decision, by):
            return _refused(decision, by, "task.reassign", why)
        tx.conn.execute(t.candidate.update().where(t.candidate.c.decision_id == decision.id).values(live=False))
        tx.conn.execute(t.claim.delete().where(t.claim.c.decision_id == decision.id))
        _lift(decision, to)
        add_candidates(decision, (Named(person=to),), via=f"{REASSIGNED} by {by.id}")
        decision.case.audit(by.id, "task.reassigned", {"task": decision.id, "to": to}, comment=comment)
        notices.passed_on(decision, to)
        return Counted(tally=decision.row["tally"])


class _seen_task:
    """The locked task, if the person may see its case; else as if there were none."""

    def __init__(self, tx: Tx, person: Person, task_id: str) -> None:
        if tx.conn.execute(_seen_by(person), {"of_task": task_id}).first() is None:
            exists = tx.conn.execute(_EXISTS, {"of_task": task_id}).first()
            raise NotVisible(task_id) if exists else NoSuchTask(task_id)
        self._lock = locked_task(tx, task_id)

    def __enter__(self) -> LockedTask:
        return self._lock.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._lock.__exit__(*error)


def _repeated(decision: LockedTask, person: Person, given: Answer) -> Counted | None:
    whose = {"of_task": decision.id, "of_person": person.id}
    found = decision.case.tx.conn.execute(_OWN_ACT, whose).one_or_none()
    if found is None or (found.outcome, found.comment, found.data) != (given.outcome, given.comment, given.data):
        return None
    receipt = Receipt(
        task=decision.id, person=person.id, outcome=found.outcome, at=found.at.isoformat(), receipt=found.receipt
    )
    return Counted(receipt=receipt, verdict=decision.verdict, tally=decision.row["tally"])


def _not_now(decision: LockedTask, person: Person, attempt: str) -> NotCounted | None:
    if not decision.is_open:
        why = Refusal(code="task-closed", detail=Said("This task is closed; the verdict stands."))
        return _refused(decision, person, attempt, why)
    if decision.case.paused:
        why = Refusal(
            code="case-paused", detail=Said("The case is paused; nothing can be decided until it is resumed.")
        )
        return _refused(decision, person, attempt, why)
    return None


def _count(decision: LockedTask, person: Person, given: Answer, door: str) -> Receipt:
    tx, case = decision.case.tx, decision.case
    subject = decision.rules.subject_hash
    line = case.audit(
        person.id,
        "task.answered",
        {"task": decision.id, "outcome": given.outcome, "subject": subject, "door": door},
        comment=given.comment,
        data=canonical(given.data).decode() if given.data else "",
    )
    act = {
        "decision_id": decision.id,
        "person_id": person.id,
        "case_id": case.id,
        "outcome": given.outcome,
        "comment": given.comment,
        "data": given.data,
        "subject_hash": subject,
        "door": door,
        "at": tx.now,
        "receipt": line.hash,
    }
    tx.conn.execute(_INSERT, act)
    tx.conn.execute(_END_CLAIM, {"of_task": decision.id, "of_person": person.id})
    tally = dict(decision.row["tally"])
    tally[given.outcome] = tally.get(given.outcome, 0) + 1
    decision.save(tally=tally)
    case.involve(person.id, "decided")
    return Receipt(task=decision.id, person=person.id, outcome=given.outcome, at=tx.now.isoformat(), receipt=line.hash)


def _verdict(decision: LockedTask, outcome: rule.Outcome, last: Answer) -> Verdict:
    tx = decision.case.tx
    acts = tx.conn.execute(_AGREEING, {"of_task": decision.id, "of_outcome": outcome.name}).all()
    comments = "; ".join(act.comment for act in acts if act.comment)
    data = last.data if last.outcome == outcome.name else acts[-1].data
    if decision.rules.documents:
        data = {**data, "documents": collecting.newest(tx, decision.case.id)}
    return Verdict(
        outcome=outcome.name,
        favourable=outcome.favourable,
        reason=Reason.ANSWERED,
        at=tx.now,
        by=tuple(act.person_id for act in acts),
        comment=comments[:MAX_COMMENT],
        data=data,
    )


def _unfit(decision: LockedTask, by: Person, to: str) -> Refusal | None:
    """Why a task cannot be passed to this person: the same separation of duties as for everybody."""
    if by.external:
        return Refusal(code="unfit-person", detail=Said("People outside the organisation cannot pass tasks on."))
    target = people.find(decision.case.tx, to)
    if target is None or not target.active or target.external:
        return Refusal(code="unknown-person", detail=Said("There is no such person in the organisation."), field="to")
    facts = standing(decision, target)
    x = t.exclusion.c
    barred = decision.case.tx.conn.execute(
        sa.select(x.kind).where(x.decision_id == decision.id, x.person_id == to)
    ).scalar_one_or_none()
    if barred == DELEGATED:
        facts = facts.model_copy(update={"excluded": None})
    if facts.excluded is not None or facts.answered:
        return Refusal(code="unfit-person", detail=Said("This person may not decide this task."), field="to")
    if facts.lacks:
        detail = Said("This takes somebody who holds %(roles)s.", roles=tuple(facts.lacks))
        return Refusal(code="unfit-person", detail=detail, field="to")
    if to == by.id:
        return Refusal(code="unfit-person", detail=Said("Choose somebody other than yourself."), field="to")
    c = t.candidate.c
    own_seat = sa.select(c.id).where(c.decision_id == decision.id, c.person_id == to, c.live, c.via == "asked")
    if decision.rules.seats.total > 1 and decision.case.tx.conn.execute(own_seat).first():
        # They were asked by name and have a seat of their own; a second one could never be filled.
        return Refusal(code="unfit-person", detail=Said("This person is asked already."), field="to")
    return None


def _not_theirs_to_reassign(decision: LockedTask, by: Person) -> Refusal | None:
    if (barred := standing(decision, by).excluded) is not None:
        detail = Said("You cannot choose who decides this: %(why)s.", why=rule.barred(barred))
        return Refusal(code="excluded", detail=detail)
    if decision.rules.seats.total > 1:
        detail = Said("Several people answer this task; each of them can pass their own seat on.")
        return Refusal(code="several-seats", detail=detail)
    return None


def _lift(decision: LockedTask, to: str) -> None:
    """Putting a task back to somebody lifts the bar that passing it on had put up."""
    x = t.exclusion.c
    passed_on = (x.decision_id == decision.id) & (x.person_id == to) & (x.kind == DELEGATED)
    decision.case.tx.conn.execute(t.exclusion.delete().where(passed_on))


def _strike(decision: LockedTask, person: str) -> None:
    tx = decision.case.tx
    c = t.candidate.c
    tx.conn.execute(t.candidate.update().where(c.decision_id == decision.id, c.person_id == person).values(live=False))
    mine = (t.claim.c.decision_id == decision.id) & (t.claim.c.person_id == person)
    tx.conn.execute(t.claim.delete().where(mine))


def _refused(
    decision: LockedTask, person: Person, attempt: str, why: Refusal, found: tuple[Fault, ...] = ()
) -> NotCounted:
    audit_refusal(decision.case.tx, person.id, attempt, why.code, {"task": decision.id})
    return NotCounted(refusal=why, faults=found, verdict=decision.verdict)


def audit_refusal(tx: Tx, actor: str, attempt: str, code: str, detail: dict[str, Any]) -> None:
    """Keep a trace of an act that did not count, up to a rate per actor, so that noise cannot flood the log."""
    if tx.house.refusals.allows(actor):
        append(tx, REFUSED, actor, attempt, {"code": code, **detail})
