"""The mails that decisions cause: written in the transaction that causes them, each once by its key.

The last address in a mail becomes its button (`connectors/mail/html.py`). So whatever quotes people ends with a page of
ours, on a line of its own after a few words, and with nothing that they wrote behind it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from placet.domain.people import ADMIN, Audience, Named, Role
from placet.domain.said import Said, listed, packed, paragraphs
from placet.domain.task import TaskRules, due_at
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx

if TYPE_CHECKING:
    from placet.store.cases import LockedCase
    from placet.store.tasks import LockedTask


LETTER, LINE = "%(greeting)s\n\n%(text)s\n", "%(words)s: %(page)s"
"""No catalogue has these: they are the same in every language."""

_p, _a = t.person.c, t.act.c
_BARRED, _ANSWERED = (
    sa.select(table.c.person_id).where(table.c.decision_id == sa.bindparam("of_task")) for table in (t.exclusion, t.act)
)
_INVOLVED = (
    sa.select(_p.id, _p.name, _p.email)
    .where(
        _p.active,
        ~_p.external,
        (_p.id == sa.bindparam("requester"))
        # Voters are told by the mailing of their ballot: there may be very many.
        | _p.id.in_(
            sa.select(_a.person_id)
            .join_from(t.act, t.decision, t.decision.c.id == _a.decision_id)
            .where(_a.case_id == sa.bindparam("of_case"), t.decision.c.form == "task")
        ),
    )
    .order_by(_p.id)
)


def queue(tx: Tx, key: str, to: tuple[str, str, str], subject: str, text: str, case_id: str | None = None) -> None:
    """Queue one mail as it is; the same key again changes nothing. `to` is (person id, name, e-mail)."""
    values: dict[str, Any] = {
        "key": key,
        "person_id": to[0],
        "name": to[1],
        "email": to[2],
        "subject": heading(subject),
        "text": text,
        "said": kept(subject, text),
        "case_id": case_id,
        "created_at": tx.now,
        "next_at": tx.now,
        "state": "queued",
        "attempts": 0,
    }
    if tx.insert_ignoring(t.message, values):
        tx.announce("mail")


def write(tx: Tx, key: str, to: tuple[str, str, str], subject: str, *text: str, case_id: str | None = None) -> None:
    """Queue one mail of ours, with a greeting before its paragraphs; it leaves in the language of whoever gets it."""
    queue(tx, key, to, subject, addressed(to[1], paragraphs(*text)), case_id)


def addressed(name: str, text: str) -> Said:
    return Said(LETTER, greeting=Said("Hello %(name)s,", name=name), text=text)


def heading(subject: str) -> str:
    """A subject in one line: a line break in a title must not become a header."""
    return " ".join(subject.split())[:200]


def kept(subject: str, text: str) -> dict[str, Any] | None:
    """What the mail is told again from; None where it leaves as it is."""
    return {"subject": packed(subject), "text": packed(text)} if isinstance(text, Said) else None


def leads(words: str, page: str) -> Said:
    """The line that becomes the button. The address stands alone there, whatever the language."""
    return Said(LINE, words=words, page=page)


def titled(what: str, told: str) -> Said:
    return Said("%(what)s: %(told)s", what=what, told=told)


def queue_many(tx: Tx, mails: Sequence[tuple[str, tuple[str, str, str], str, str]], case_id: str | None = None) -> None:
    """Queue a page of mails, each `(key, (person id, name, e-mail), subject, text)`, each once by its key."""
    if not mails:
        return
    common = {"case_id": case_id, "created_at": tx.now, "next_at": tx.now, "state": "queued", "attempts": 0}
    tx.insert_many_ignoring(
        t.message,
        [
            common | {"key": key, "person_id": to[0], "name": to[1], "email": to[2], "subject": subject, "text": text}
            for key, to, subject, text in mails
        ],
    )
    tx.announce("mail")


def tell_requester(case: "LockedCase", key: str, subject: str, *text: str) -> None:
    for person, name, email, _ in people.addressees(case.tx, (Named(person=case["requester"]),), case["scope"]):
        write(case.tx, f"{key}/{person}", (person, name, email), subject, *text, case_id=case.id)


def shortfall(case: "LockedCase", amount: int, free: int, until: datetime | None) -> None:
    """Tell the proposer and the administrators that money is missing."""
    text = Said(
        "%(title)s needs %(amount)s from the faucet, and %(free)s is free. Nothing has to be voted on again: it waits "
        "%(wait)s, and goes on as soon as there is enough.",
        title=case["title"],
        amount=amount,
        free=free,
        wait=Said("until %(at)s", at=until) if until else Said("as long as it takes"),
    )
    subject = Said("Not funded yet: %(title)s", title=case["title"])
    to = (Named(person=case["requester"]), Role(name=ADMIN))
    for person, name, email, _ in people.addressees(case.tx, to, case["scope"]):
        key = f"{case.id}/shortfall/{person}"
        write(case.tx, key, (person, name, email), subject, text, course(case), case_id=case.id)


def unfunded(case: "LockedCase", amount: int) -> None:
    """Tell the proposer that the wait for money is over."""
    text = Said(
        "%(title)s was approved, but %(amount)s did not become free in time. Propose it again if it is wanted.",
        title=case["title"],
        amount=amount,
    )
    subject = Said("Expired for want of funds: %(title)s", title=case["title"])
    tell_requester(case, f"{case.id}/unfunded", subject, text, course(case))


def asked(decision: "LockedTask", to: Iterable[Audience], escalated: bool = False) -> None:
    """Tell everybody who is asked, and may answer; people outside get their signed link."""
    case, tx = decision.case, decision.case.tx
    barred = _settled_with(tx, decision.id)
    why = [Said("This has waited for an answer, so it comes to you as well.")] if escalated else []
    for person, name, email, external in people.addressees(tx, to, case["scope"]):
        if person in barred:
            continue
        key = f"{decision.id}/{'escalated' if escalated else 'asked'}/{person}"
        text = *why, *_request(decision, person, external)
        write(tx, key, (person, name, email), _title(decision), *text, case_id=case.id)


def passed_on(decision: "LockedTask", to: str) -> None:
    """Tell somebody to whom a task was delegated or reassigned, every time it is."""
    case = decision.case
    for person, name, email, external in people.addressees(case.tx, (Named(person=to),), case["scope"]):
        key = f"{decision.id}/passed-on-{case['audit_seq']}/{person}"
        text = Said("This was passed on to you."), *_request(decision, person, external)
        write(case.tx, key, (person, name, email), _title(decision), *text, case_id=case.id)


def reminded(decision: "LockedTask", rung: int) -> None:
    """Remind only those who still owe an answer."""
    case, tx = decision.case, decision.case.tx
    done = _settled_with(tx, decision.id)
    subject = Said("Reminder: %(what)s", what=_title(decision))
    for person, name, email, external in owing(tx, decision.id):
        if person not in done:
            text = Said("This still waits for you."), *_request(decision, person, external)
            key = f"{decision.id}/reminder-{rung}/{person}"
            write(tx, key, (person, name, email), subject, *text, case_id=case.id)


def owing(tx: Tx, decision_id: str) -> list[tuple[str, str, str, bool]]:
    """Everybody who may fill a seat of this task now: (id, name, e-mail, external)."""
    c, g = t.candidate, t.role_grant
    live = (c.c.decision_id == decision_id) & c.c.live
    named = sa.select(c.c.person_id).where(live, c.c.person_id.is_not(None))
    holding = sa.select(g.c.person_id).join_from(
        g, c, live & (c.c.role == g.c.role) & ((g.c.scope == "*") | (g.c.scope == c.c.scope))
    )
    p = t.person.c
    query = sa.select(p.id, p.name, p.email, p.external).where(p.active, p.id.in_(named) | p.id.in_(holding))
    return [(row.id, row.name, row.email, row.external) for row in tx.conn.execute(query.order_by(p.id))]


def closed(case: "LockedCase", summary: str) -> None:
    """Close the loop: the requester and everybody who acted learn how it ended, and why; without a summary, nobody."""
    tx = case.tx
    if not summary:
        return
    state = case["state"].capitalize()
    subject = titled(Said(state), case["title"])
    for person, name, email in tx.conn.execute(_INVOLVED, {"of_case": case.id, "requester": case["requester"]}):
        key = f"{case.id}/closed/{person}"
        write(tx, key, (person, name, email), subject, summary, course(case), case_id=case.id)


def course(case: "LockedCase") -> Said:
    return leads(Said("The whole course"), case.tx.house.page(f"/cases/{case.id}"))


def _title(decision: "LockedTask") -> Said:
    return titled(Said(decision.rules.title), decision.case["title"])


def _request(decision: "LockedTask", person: str, external: bool) -> list[str]:
    tx, rules = decision.case.tx, decision.rules
    page = tx.house.link(decision.id, person, tx.now) if external else tx.house.page(f"/tasks/{decision.id}")
    lines = [_title(decision), rules.instructions, *_wanted(rules), leads(Said("Answer here"), page)]
    if deadline := due_at(rules, decision.progress):
        chosen = rules.outcome(rules.silence) if rules.silence else None
        if rules.lapse:
            ends = Said("Please answer by %(at)s; after that, %(lapse)s.", at=deadline, lapse=Said(rules.lapse))
        elif chosen:
            ends = Said(
                "Please answer by %(at)s; after that it counts as “%(outcome)s”.",
                at=deadline,
                outcome=Said(chosen.label),
            )
        else:
            ends = Said("Please answer by %(at)s; after that it expires.", at=deadline)
        lines.append(ends)
    return [line for line in lines if line]


def _wanted(rules: TaskRules) -> list[str]:
    """The documents that are asked for, with the reasons of those that are asked for again."""
    if not rules.documents:
        return []
    titles = [Said(one.title or one.name) for one in rules.documents]
    reasons = [
        Said("%(document)s: %(reason)s", document=title, reason=one.reason)
        for title, one in zip(titles, rules.documents, strict=True)
        if one.reason
    ]
    return [Said("What is asked for: %(documents)s.", documents=listed(titles, "and")), *reasons]


def _settled_with(tx: Tx, decision_id: str) -> set[str]:
    """Those who may not answer this task, or have."""
    mine = {"of_task": decision_id}
    return {*tx.conn.execute(_BARRED, mine).scalars(), *tx.conn.execute(_ANSWERED, mine).scalars()}
