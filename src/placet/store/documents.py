"""Taking documents into a case: one transaction, under the lock of the case, by somebody who may give them."""

import re
from collections.abc import Collection

import sqlalchemy as sa

from placet.domain import task as rule
from placet.domain.access import Action, permitted
from placet.domain.audit import digest
from placet.domain.collection import NAME, DocumentRequest, Received
from placet.domain.dossier import Entry, dossier
from placet.domain.model import Durable
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.task import Refusal, TaskRules
from placet.store import collecting
from placet.store import tables as t
from placet.store.acts import NotCounted, audit_refusal, standing
from placet.store.cases import CaseState, LockedCase, locked
from placet.store.engine import Tx
from placet.store.tasks import LockedTask, open_tasks

MOST_FILES = 50
MOST_BYTES = 250_000_000
ATTEMPT = "document.receive"
READING = "extraction.text"
"""The step whose result names the text that it took from a document."""


class Stored(Durable):
    """A file whose content is stored already, under its hash."""

    name: str
    hash: str
    filename: str
    media_type: str
    size: int


class Kept(Durable):
    """A document of the case; `receipt` is the hash of the audit line that took it, `new` unless it was there."""

    document: Received
    receipt: str
    new: bool


def receive(
    tx: Tx, person: Person, case_id: str, given: tuple[Stored, ...], round: int | None = None
) -> tuple[Kept, ...] | NotCounted:
    """Take all files or none. The same content under the same name and round again is the same receipt.

    With `round`, the files count only if that round is still open.
    """
    with locked(tx, case_id) as case:
        admitted = _admitted(case, person, tuple(one.name for one in given), round)
        why = admitted if isinstance(admitted, Refusal) else _room(case, given, admitted)
        if isinstance(admitted, Refusal) or why:
            assert why is not None
            audit_refusal(tx, person.id, ATTEMPT, why.code, {"case": case_id})
            return NotCounted(refusal=why)
        return tuple(keep(case, person, one, admitted) for one in given)


def would_refuse(
    tx: Tx, person: Person, case_id: str, given: tuple[Stored, ...], size: int = 0, round: int | None = None
) -> NotCounted | None:
    """What `receive` would say to these files, or to some of this size in all before anybody has read them."""
    with locked(tx, case_id) as case:
        admitted = _admitted(case, person, tuple(one.name for one in given), round)
        why = admitted if isinstance(admitted, Refusal) else _room(case, given, admitted) or _too_much(case, 0, size)
        if why is None:
            return None
        audit_refusal(tx, person.id, ATTEMPT, why.code, {"case": case_id})
        return NotCounted(refusal=why)


def entries(tx: Tx, case_id: str) -> tuple[Entry, ...]:
    """The documents of the case, each with where it stands."""
    d = t.decision.c
    rounds: dict[int, tuple[DocumentRequest, ...]] = {}
    for stored in tx.conn.execute(
        sa.select(d.rules).where(d.case_id == case_id, d.form == "task").order_by(d.opened_at)
    ).scalars():
        rules = TaskRules.model_validate(stored)
        if rules.documents:
            rounds[rules.round] = rules.documents
    state = tx.conn.execute(sa.select(t.case.c.state).where(t.case.c.id == case_id)).scalar_one()
    return dossier(rounds, collecting.received(tx, case_id), accepted=state == CaseState.COMPLETED)


def recorded(tx: Tx, case_id: str) -> frozenset[str]:
    """The hashes of the documents of this case: those that were given to it, and those that its own steps made.

    A hash that stands elsewhere in the case, such as in a title, may have been written by anybody, and gives nothing.
    """
    c, s, sheet = t.case_document.c, t.step.c, t.term_sheet.c
    given = sa.select(c.hash).where(c.case_id == case_id)
    key = s.case_id + "/" + s.name + "/" + sa.cast(s.ordinal, sa.Text)
    drafted = sa.select(sheet.hash).join(t.step, sheet.key == key).where(s.case_id == case_id)
    read = sa.select(s.result).where(s.case_id == case_id, s.name == READING)
    texts = (result.get("text") for result in tx.conn.execute(read).scalars() if result)
    return frozenset(tx.conn.execute(given.union(drafted)).scalars()) | frozenset(filter(None, texts))


def named(tx: Tx, hashes: Collection[str]) -> frozenset[str]:
    """Those of the hashes under which any case has a document: given, drafted, or read from another."""
    c, s, sheet = t.case_document.c, t.step.c, t.term_sheet.c
    text = s.result["text"].as_string()
    queries = (
        sa.select(c.hash).where(c.hash.in_(hashes)),
        sa.select(sheet.hash).where(sheet.hash.in_(hashes)),
        sa.select(text).where(s.name == READING, text.in_(hashes)),
    )
    return frozenset(tx.conn.execute(sa.union(*queries)).scalars())


def _admitted(case: LockedCase, person: Person, names: tuple[str, ...], round: int | None) -> int | Refusal:
    """The round in which this person may give documents of these names now, or why not."""
    if not case.is_open:
        return Refusal(code="case-closed", detail=Said("This case is closed; it takes no more documents."))
    if case.paused:
        return Refusal(code="case-paused", detail=Said("The case is paused; nothing is taken until it is resumed."))
    asking = [task for task in open_tasks(case) if task.rules.documents]
    for task in asking:
        task.settle()
    asking = [task for task in asking if task.is_open]
    manages = permitted(person, Action.MANAGE_CASE, case["scope"])
    if not manages:
        mine = [task for task in asking if (why := _barred(task, person)) is None]
        if not mine:
            first = next((why for task in asking if (why := _barred(task, person))), None)
            return first or Refusal(
                code="not-collecting", detail=Said("No documents are being collected in this case now.")
            )
        asking = mine
    if round is not None and all(task.rules.round != round for task in asking):
        return Refusal(
            code="round-over", detail=Said("Documents are no longer taken here; use the link in your last mail.")
        )
    wanted = [request.name for task in asking for request in task.rules.documents]
    for name in names:
        if not manages and name not in wanted:
            return Refusal(
                code="unknown-document", detail=Said("Choose one of: %(choices)s.", choices=tuple(wanted)), field="name"
            )
        if not re.fullmatch(NAME, name):
            detail = Said("Name the document in small letters, digits and hyphens, such as proof-of-address.")
            return Refusal(code="unknown-document", detail=detail, field="name")
    if round is not None:
        return round
    return max((task.rules.round for task in asking), default=_last_round(case))


def _barred(task: LockedTask, person: Person) -> Refusal | None:
    return rule.refusal(task.rules, task.progress, standing(task, person))


def _last_round(case: LockedCase) -> int:
    """Between two rounds, what a coordinator adds belongs to the last one."""
    return max((one.round for one in collecting.received(case.tx, case.id)), default=1)


def _room(case: LockedCase, given: tuple[Stored, ...], round: int) -> Refusal | None:
    here = {(one.name, one.round, one.hash) for one in collecting.received(case.tx, case.id)}
    new = {(one.name, round, one.hash): one.size for one in given if (one.name, round, one.hash) not in here}
    return _too_much(case, len(new), sum(new.values())) if new else None


def _too_much(case: LockedCase, files: int, size: int) -> Refusal | None:
    d = t.case_document.c
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(d.size), 0)).where(d.case_id == case.id)
    count, taken = case.tx.conn.execute(query).one()
    if count + files > MOST_FILES:
        return Refusal(code="too-many-documents", detail=Said("A case takes at most %(most)s files.", most=MOST_FILES))
    if taken + size > MOST_BYTES:
        most = MOST_BYTES // 1_000_000
        return Refusal(
            code="too-many-documents",
            detail=Said("The files of a case may have at most %(most)s MB in all.", most=most),
        )
    return None


def keep(case: LockedCase, person: Person, given: Stored, round: int) -> Kept:
    """Make the file a document of the case, with its line in the log; whoever calls has found that it may come."""
    tx, d = case.tx, t.case_document.c
    same = (d.case_id == case.id) & (d.name == given.name) & (d.round == round) & (d.hash == given.hash)
    found = tx.conn.execute(sa.select(d.id, d.receipt).where(same)).one_or_none()
    if found is None:
        detail = {"name": given.name, "hash": given.hash, "size": given.size, "media_type": given.media_type}
        line = case.audit(person.id, "document.received", {**detail, "round": round}, filename=given.filename)
        row = {
            "id": f"doc-{digest([case.id, given.name, round, given.hash])[:32]}",
            "case_id": case.id,
            "round": round,
            "uploaded_by": person.id,
            "at": tx.now,
            "receipt": line.hash,
            **given.model_dump(),
        }
        tx.conn.execute(t.case_document.insert().values(row))
        case.involve(person.id, "gave documents")
        return Kept(document=_received(tx, case.id, row["id"]), receipt=line.hash, new=True)
    return Kept(document=_received(tx, case.id, found.id), receipt=found.receipt, new=False)


def _received(tx: Tx, case_id: str, document_id: str) -> Received:
    return next(one for one in collecting.received(tx, case_id) if one.id == document_id)
