"""The one way in: an act is one transaction, by somebody who is active now, counted once however often it is sent."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from placet.control import reading
from placet.control.errors import Problem, not_found
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import crash, people
from placet.store import tables as t
from placet.store.acts import NotVisible, audit_refusal
from placet.store.decisions import NoSuchTask
from placet.store.engine import Store, StoreUnavailable, Tx

Result = TypeVar("Result")


@dataclass(frozen=True)
class Once:
    """The caller's key for one act; `fingerprint` is the hash of everything that was asked under it."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class Done:
    """What an act answers; `replayed` when the same act had already been done under the same key."""

    value: dict[str, Any]
    created: bool = False
    replayed: bool = False


Act = Callable[[Tx, Person], Done | Problem]


class Door:
    """Opens transactions for people; `on_act` hears each act's name, and `counted` or the code of its refusal."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.on_act: Callable[[str, str], object] = lambda act, result: None

    async def act(self, person: Person, attempt: str, act: Act, once: Once | None = None) -> Done:
        """Run the act in one transaction. A Problem it returns keeps what was written (its audit line); one it raises
        takes everything back."""

        def run(tx: Tx) -> Done | Problem:
            present = people.find(tx, person.id)
            if present is None or not present.active:
                raise Problem("unauthenticated", Said("This person is no longer active."))
            if once is not None and (earlier := _earlier(tx, present, once)):
                return earlier
            done = _tried(tx, present, attempt, act)
            if once is not None:
                _keep(tx, present, once, done)
            return done

        try:
            done = await self.store.write(run)
            crash.reach(f"{attempt}-committed")
        except Problem as problem:
            self.on_act(attempt, problem.code)
            raise
        self.on_act(attempt, done.code if isinstance(done, Problem) else "counted")
        if isinstance(done, Problem):
            raise done
        return done

    async def read(self, look: Callable[[Tx], Result]) -> Result:
        return await self.store.read(look)

    async def read_settled(self, look: Callable[[Tx, reading.Check], Result]) -> Result:
        """Read; if the look meets a moment that has passed unnoticed, apply it first and look again."""
        try:
            return await self.store.read(lambda tx: look(tx, reading.nothing_due))
        except reading.Overdue as overdue:
            cases = overdue.cases
        # Reading must work while nothing can be written; the deadline will be applied by whoever comes next.
        with suppress(StoreUnavailable):
            await asyncio.gather(
                *(self.store.write(partial(reading.settle_case, case_id=case_id)) for case_id in cases)
            )
        return await self.store.read(lambda tx: look(tx, lambda _, __: None))


def forbidden(tx: Tx, person: Person, attempt: str, detail: str, about: Mapping[str, Any] | None = None) -> Problem:
    """Refuse, and keep a trace of the attempt."""
    audit_refusal(tx, person.id, attempt, "forbidden", dict(about or {}))
    return Problem("forbidden", detail)


def _tried(tx: Tx, person: Person, attempt: str, act: Act) -> Done | Problem:
    try:
        return act(tx, person)
    except NotVisible as hidden:
        audit_refusal(tx, person.id, attempt, "not-visible", {"task": str(hidden)})
        return not_found()
    except NoSuchTask:
        return not_found()


def _earlier(tx: Tx, person: Person, once: Once) -> Done | None:
    """The answer already given under this key. The row is inserted first: of two at once, one waits for the other."""
    row = {"principal": person.id, "key": once.key, "body_hash": once.fingerprint, "answer": {}, "at": tx.now}
    if tx.insert_ignoring(t.idempotency, row):
        return None
    i = t.idempotency.c
    found = tx.conn.execute(sa.select(i.body_hash, i.answer).where(i.principal == person.id, i.key == once.key)).one()
    if found.body_hash != once.fingerprint:
        detail = Said("This Idempotency-Key was used for another request; take a new key.")
        raise Problem("idempotency-mismatch", detail, field="Idempotency-Key")
    return replace(Done(**found.answer), replayed=True)


def _keep(tx: Tx, person: Person, once: Once, done: Done | Problem) -> None:
    """Only what counted is kept: after a refusal the same key may be used again."""
    i = t.idempotency.c
    mine = (i.principal == person.id) & (i.key == once.key)
    if isinstance(done, Problem):
        tx.conn.execute(t.idempotency.delete().where(mine))
    else:
        answer = {"value": done.value, "created": done.created}
        tx.conn.execute(t.idempotency.update().where(mine).values(answer=answer))
