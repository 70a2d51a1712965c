"""Acts that arrive as Temporal signals: no signal proves an identity, so each carries a single-use token."""

import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain.course import SignalNote
from placet.domain.people import Person
from placet.domain.task import TaskRules
from placet.store import acts, people
from placet.store import tables as t
from placet.store.decisions import NoSuchTask
from placet.store.engine import Tx

ANSWER = "answer"
MAX_PAYLOAD = 32_000


def issue(tx: Tx, person: Person, task_id: str, life: timedelta = timedelta(days=7)) -> str:
    """A single-use token that lets this person answer this task by a signal; only its hash is kept."""
    token = f"sig_{secrets.token_urlsafe(24)}"
    tx.conn.execute(
        t.signal_token.insert().values(
            hash=_hashed(token), decision_id=task_id, person_id=person.id, expires_at=tx.now + life, used_at=None
        )
    )
    return token


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
    decision = tx.conn.execute(
        sa.select(t.decision.c.case_id, t.decision.c.rules).where(t.decision.c.id == row.decision_id)
    ).one()
    if decision.case_id != case_id or note.name not in (ANSWER, decision.rules.get("signal")):
        return "wrong-signal", person.id
    if tx.read_clock() >= row.expires_at:
        return "token-expired", person.id
    if given.get("officer", person.id) != person.id:
        return "not-your-token", person.id
    answer = _answer_of(given, TaskRules.model_validate(decision.rules))
    if answer is None:
        return "malformed", person.id
    try:
        result = acts.answer(tx, person, row.decision_id, answer, door="signal")
    except (NoSuchTask, acts.NotVisible):
        return "unknown-token", person.id
    if isinstance(result, acts.Counted):
        used = t.signal_token.c.hash == row.hash
        tx.conn.execute(t.signal_token.update().where(used).values(used_at=tx.now))
    return None, person.id


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
