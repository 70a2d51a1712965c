"""Acts that arrive as Temporal signals: no signal proves an identity, so each carries a single-use token."""

import hashlib
import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain.course import SignalNote
from placet.domain.model import storable
from placet.domain.people import Person
from placet.domain.task import TaskRules
from placet.store import acts, multisig_acts, people
from placet.store import tables as t
from placet.store.decisions import NoSuchTask
from placet.store.engine import Tx
from placet.store.multisig import LockedMultisig

ANSWER = "answer"
COUNCIL_APPROVAL = "council_approval"
DOOR = "signal"
MAX_PAYLOAD = 32_000

Act = Callable[[Tx, Person], acts.Counted | acts.NotCounted]


def issue(tx: Tx, person: Person, task_id: str, life: timedelta = timedelta(days=7)) -> str:
    """A single-use token that lets this person answer this task by a signal; only its hash is kept."""
    token = f"sig_{secrets.token_urlsafe(24)}"
    tx.conn.execute(
        t.signal_token.insert().values(
            hash=_hashed(token), decision_id=task_id, person_id=person.id, expires_at=tx.now + life, used_at=None
        )
    )
    return token


def end_tokens(tx: Tx, person_id: str) -> None:
    """Let no token of this person answer by a signal any more."""
    theirs = (t.signal_token.c.person_id == person_id) & (t.signal_token.c.expires_at > tx.now)
    tx.conn.execute(t.signal_token.update().where(theirs).values(expires_at=tx.now))


def admit(tx: Tx, case_id: str, note: SignalNote) -> None:
    """Hand a signal to the same transaction as every other door; whatever is wrong with it is audited, never raised."""
    code, actor = _admitted(tx, case_id, note)
    if code:
        name = "".join(letter for letter in note.name[:100] if letter.isprintable())
        acts.audit_refusal(tx, actor, "signal", code, {"case": case_id, "signal": name})


def _admitted(tx: Tx, case_id: str, note: SignalNote) -> tuple[str | None, str]:
    """`(refusal code, actor)`; the code is None when the act counted or was refused, and audited, as an act."""
    if note.payload is None or len(note.payload) > MAX_PAYLOAD:
        return "unreadable", "@signal"
    try:
        given = json.loads(note.payload)
    except (ValueError, RecursionError):
        return "unreadable", "@signal"
    if not isinstance(given, dict):
        return "unreadable", "@signal"
    token = given.get("token")
    if not isinstance(token, str) or not token.isascii():
        return "no-token", "@signal"
    row = tx.conn.execute(sa.select(t.signal_token).where(t.signal_token.c.hash == _hashed(token))).one_or_none()
    if row is None:
        return "unknown-token", "@signal"
    person = people.find(tx, row.person_id)
    if person is None:
        return "unknown-token", "@signal"
    if row.used_at is not None:
        return "token-used", person.id
    d = t.decision.c
    decision = tx.conn.execute(sa.select(d.id, d.case_id, d.form, d.rules).where(d.id == row.decision_id)).one()
    of_council = decision.form == LockedMultisig.form
    names = (COUNCIL_APPROVAL,) if of_council else (ANSWER, decision.rules.get("signal"))
    if decision.case_id != case_id or note.name not in names:
        return "wrong-signal", person.id
    if tx.read_clock() >= row.expires_at:
        return "token-expired", person.id
    if given.get("member" if of_council else "officer", person.id) != person.id:
        return "not-your-token", person.id
    act = _council_act(given, decision) if of_council else _answer(given, decision)
    if act is None:
        return "malformed", person.id
    try:
        result = act(tx, person)
    except (NoSuchTask, acts.NotVisible):
        return "unknown-token", person.id
    if isinstance(result, acts.Counted):
        used = t.signal_token.c.hash == row.hash
        tx.conn.execute(t.signal_token.update().where(used).values(used_at=tx.now))
    return None, person.id


def _answer(given: dict[str, Any], decision: Any) -> Act | None:
    answer = _answer_of(given, TaskRules.model_validate(decision.rules))
    if answer is None:
        return None
    return lambda tx, person: acts.answer(tx, person, decision.id, answer, DOOR)


def _council_act(given: dict[str, Any], decision: Any) -> Act | None:
    """A council member's approval, or refusal; one that does not say which intent it means is of the one asked."""
    comment, signature = given.get("comment", ""), given.get("signature")
    intent_hash = given.get("intent_hash", decision.rules["intent_hash"])
    if not isinstance(comment, str) or len(comment) > acts.MAX_COMMENT or not storable(comment):
        return None
    if not isinstance(intent_hash, str) or not (signature is None or isinstance(signature, str)):
        return None
    match given.get("decision", "approve"):
        case "approve":
            approval = multisig_acts.GivenApproval(intent_hash=intent_hash, signature=signature, comment=comment)
            return lambda tx, person: multisig_acts.approve(tx, person, decision.id, approval, DOOR)
        case "refuse":
            return lambda tx, person: multisig_acts.refuse(tx, person, decision.id, comment, DOOR)
    return None


def _answer_of(given: dict[str, Any], rules: TaskRules) -> acts.Answer | None:
    """The seeds' signals say `decision`, Placet's own says `outcome`; one that says neither means the usual one."""
    outcome = given.get("outcome", given.get("decision", rules.signal_outcome))
    comment = given.get("comment", "")
    if not isinstance(outcome, str) or not isinstance(comment, str) or len(comment) > acts.MAX_COMMENT:
        return None
    data = given.get("data")
    if data is None:
        takes_data = rules.form_for(outcome) is not None
        data = {"documents": given["documents"]} if takes_data and "documents" in given else {}
    try:
        return acts.Answer(outcome=outcome, comment=comment, data=data)
    except ValueError:
        return None


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
