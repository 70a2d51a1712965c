"""The door for people outside the organisation: a signed, expiring link to one task is all they need."""

from dataclasses import dataclass

from placet.control.documents import Document, load, mentioned, stored
from placet.control.door import Done, Door
from placet.control.errors import Problem, found
from placet.control.tasks import GivenAnswer, Tasks
from placet.control.views import TaskView
from placet.domain.people import Person
from placet.store import people
from placet.store.engine import Tx
from placet.store.house import BadLink, LinkExpired


@dataclass(frozen=True)
class Invitation:
    """What a link opens: this task, for this person; `documents` are the stored ones that the task shows."""

    person: Person
    task: TaskView
    documents: frozenset[str]


class Links:
    def __init__(self, door: Door, tasks: Tasks) -> None:
        self._door = door
        self._tasks = tasks

    async def open(self, token: str) -> Invitation:
        """Look at what is asked; this never decides anything."""
        person, task_id = await self._read(token)
        task = await self._tasks.get(person, task_id)
        shown = set(mentioned(task.subject))
        kept = await self._door.read(lambda tx: stored(tx, shown)) if shown else set()
        return Invitation(person=person, task=task, documents=frozenset(kept))

    async def answer(self, token: str, given: GivenAnswer) -> Done:
        person, task_id = await self._read(token)
        return await self._tasks.answer(person, task_id, given, "link")

    async def document(self, token: str, content_hash: str) -> Document:
        """A document that the task shows."""
        person, task_id = await self._read(token)
        task = await self._tasks.get(person, task_id)
        if content_hash not in mentioned(task.subject):
            return found(None)
        return found(await self._door.read(lambda tx: load(tx, content_hash)))

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
            raise Problem("link-expired", "This link is no longer valid; ask the person who sent it.")
        return person, task_id
