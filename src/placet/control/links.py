"""The door for people outside the organisation: a signed, expiring link to one task is all they need."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from placet.control.documents import Document, Documents, Sending, mentioned
from placet.control.door import Done, Door
from placet.control.errors import Problem, found
from placet.control.tasks import GivenAnswer, Tasks
from placet.control.views import TaskView
from placet.domain.dossier import Entry
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.task import TaskRules
from placet.store import documents as case_documents
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.house import BadLink, LinkExpired


@dataclass(frozen=True)
class Invitation:
    """What a link opens: this task, for this person.

    `documents` are the stored ones that the task shows, `requested` those that it asks for.
    """

    person: Person
    task: TaskView
    documents: frozenset[str]
    requested: tuple[Entry, ...] = ()


class Links:
    def __init__(self, door: Door, tasks: Tasks, documents: Documents) -> None:
        self._door = door
        self._tasks = tasks
        self._documents = documents

    async def open(self, token: str) -> Invitation:
        """Look at what is asked; this never decides anything."""
        person, task_id = await self._read(token)
        task = await self._tasks.get(person, task_id)
        shown = set(mentioned(task.subject))

        def look(tx: Tx) -> tuple[frozenset[str], tuple[Entry, ...]]:
            kept = case_documents.recorded(tx, task.case_id) & shown if shown else frozenset()
            names = {request.name for request in _rules(tx, task_id).documents}
            entries = case_documents.entries(tx, task.case_id) if names else ()
            return kept, tuple(entry for entry in entries if entry.name in names)

        kept, requested = await self._door.read(look)
        return Invitation(person=person, task=task, documents=kept, requested=requested)

    async def answer(self, token: str, given: GivenAnswer) -> Done:
        person, task_id = await self._read(token)
        return await self._tasks.answer(person, task_id, given, "link")

    async def signal_token(self, token: str) -> Done:
        """A single-use token with which somebody outside answers by a Temporal signal."""
        person, task_id = await self._read(token)
        return await self._tasks.signal_token(person, task_id)

    async def document(self, token: str, content_hash: str) -> Document:
        """A document of the case that the task shows."""
        person, task_id = await self._read(token)
        task = await self._tasks.get(person, task_id)
        if content_hash not in mentioned(task.subject):
            return found(None)
        if content_hash not in await self._door.read(lambda tx: case_documents.recorded(tx, task.case_id)):
            return found(None)
        return await self._documents.content(task.case_id, content_hash)

    async def may_give(self, token: str, size: int) -> None:
        """Say no before anything is read, where that is already certain; `size` is what is announced."""
        person, case_id, round = await self._collecting(token)
        await self._documents.admit(person, case_id, size, round)

    async def give(self, token: str, sent: Sequence[Sending]) -> Done:
        """Take documents for the task; they count only while its round is open."""
        person, case_id, round = await self._collecting(token)
        return await self._documents.give(person, case_id, sent, round=round)

    async def _collecting(self, token: str) -> tuple[Person, str, int]:
        person, task_id = await self._read(token)
        task = await self._tasks.get(person, task_id)
        rules = await self._door.read(lambda tx: _rules(tx, task_id))
        return person, task.case_id, rules.round

    async def _read(self, token: str) -> tuple[Person, str]:
        def look(tx: Tx) -> tuple[Person | None, str]:
            try:
                task_id, person_id = tx.house.read_link(token, tx.now)
            except LinkExpired as expired:
                raise Problem("link-expired", str(expired)) from expired
            except BadLink as bad:
                raise Problem("link-damaged", str(bad)) from bad
            return people.find(tx, person_id), task_id

        person, task_id = await self._door.read(look)
        if person is None or not person.active:
            raise Problem("link-expired", Said("This link is no longer valid; ask the person who sent it."))
        return person, task_id


def _rules(tx: Tx, task_id: str) -> TaskRules:
    stored = tx.conn.execute(sa.select(t.decision.c.rules).where(t.decision.c.id == task_id)).scalar_one()
    return TaskRules.model_validate(stored)
