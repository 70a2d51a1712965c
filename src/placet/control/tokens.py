"""Personal access tokens: everybody makes, sees and revokes their own."""

from datetime import datetime

import sqlalchemy as sa

from placet.control.door import Done, Door, Once
from placet.control.errors import Problem, not_found
from placet.control.people import NewToken
from placet.control.views import Page, View
from placet.domain.people import Person
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx


class TokenLine(View):
    """A token that counts; `id` names it, the token itself is kept nowhere."""

    id: str
    label: str
    created_at: datetime


class Tokens:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def mine(self, person: Person) -> Page[TokenLine]:
        """This person's tokens that count, newest first."""
        a = t.access_token.c
        query = sa.select(a.hash, a.label, a.created_at).where(a.person_id == person.id, a.revoked_at.is_(None))

        def look(tx: Tx) -> Page[TokenLine]:
            rows = tx.conn.execute(query.order_by(a.created_at.desc(), a.hash)).all()
            lines = [
                TokenLine(id=people.token_id(row.hash), label=row.label, created_at=row.created_at) for row in rows
            ]
            return Page(items=lines, next_cursor=None)

        return await self._door.read(look)

    async def make(self, person: Person, given: NewToken) -> str:
        """A new token, told only here. A person of the organisation makes their own, whoever else may issue some."""
        made: list[str] = []

        def act(tx: Tx, present: Person) -> Done | Problem:
            if present.external:
                return not_found()
            made[:] = [people.issue_token(tx, present.id, present.id, given.label)]
            return Done({}, created=True)

        await self._door.act(person, "token.make", act)
        return made[0]

    async def revoke(self, person: Person, token_id: str, once: Once | None = None) -> Done:
        """End one of one's own tokens; somebody else's looks like none. Revoking twice changes nothing."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            a = t.access_token.c
            mine = sa.select(a.hash).where(a.person_id == present.id)
            hashes = [hashed for hashed in tx.conn.execute(mine).scalars() if people.token_id(hashed) == token_id]
            if not hashes:
                return not_found()
            people.revoke_token(tx, present.id, hashes[0])
            return Done({"id": token_id})

        return await self._door.act(person, "token.revoke", act, once)
