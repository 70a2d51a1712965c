"""Access tokens: everybody makes, sees and revokes their own; administrators see and revoke those of others."""

from datetime import datetime

import sqlalchemy as sa

from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, not_found
from placet.control.people import NewToken
from placet.control.views import Page, View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx

NOT_YOURS = "Only administrators see and revoke the tokens of others."


class TokenLine(View):
    """A token that counts; `id` names it, the token itself is kept nowhere."""

    id: str
    label: str
    created_at: datetime


class Tokens:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, person: Person, person_id: str) -> Page[TokenLine]:
        """The tokens of somebody that count, newest first."""
        a = t.access_token.c
        query = sa.select(a.hash, a.label, a.created_at).where(a.person_id == person_id, a.revoked_at.is_(None))

        def refuse(tx: Tx, present: Person) -> Problem:
            return forbidden(tx, present, "token.list", NOT_YOURS, {"person": person_id})

        def look(tx: Tx) -> Page[TokenLine]:
            rows = tx.conn.execute(query.order_by(a.created_at.desc(), a.hash)).all()
            lines = [
                TokenLine(id=people.token_id(row.hash), label=row.label, created_at=row.created_at) for row in rows
            ]
            return Page(items=lines, next_cursor=None)

        if not _allowed(person, person_id):
            await self._door.act(person, "token.list", refuse)
        return await self._door.read(look)

    async def make(self, person: Person, given: NewToken) -> str:
        """A new token of one's own, told only here."""
        made: list[str] = []

        def act(tx: Tx, present: Person) -> Done | Problem:
            if present.external:
                return not_found()
            made[:] = [people.issue_token(tx, present.id, present.id, given.label)]
            return Done({}, created=True)

        await self._door.act(person, "token.make", act)
        return made[0]

    async def revoke(self, person: Person, person_id: str, token_id: str, once: Once | None = None) -> Done:
        """End a token. Revoking it twice changes nothing."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not _allowed(present, person_id):
                return forbidden(tx, present, "token.revoke", NOT_YOURS, {"person": person_id})
            a = t.access_token.c
            theirs = tx.conn.execute(sa.select(a.hash).where(a.person_id == person_id)).scalars()
            hashes = [hashed for hashed in theirs if people.token_id(hashed) == token_id]
            if not hashes:
                return not_found()
            people.revoke_token(tx, present.id, hashes[0])
            return Done({"id": token_id})

        return await self._door.act(person, "token.revoke", act, once)


def _allowed(person: Person, person_id: str) -> bool:
    return person.id == person_id or permitted(person, Action.MANAGE_PEOPLE, EVERYWHERE)
