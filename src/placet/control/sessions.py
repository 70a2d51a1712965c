"""Sessions of browsers: opened by signing in, looked up at every request, listed and ended by their person."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from placet.control import events
from placet.control.door import Done, Door
from placet.control.errors import Problem, not_found
from placet.control.events import Place
from placet.control.views import View
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.session import SessionRules, alive, confirmed
from placet.store import sessions
from placet.store import tables as t
from placet.store.engine import StoreUnavailable, Tx

TOUCHED_EVERY = timedelta(minutes=1)
SIGN_IN_FIRST = Said("Sign in first; your session has ended.")


@dataclass(frozen=True)
class Session:
    """Somebody who is signed in: `fresh` when they have proved lately who they are, `place` the end of the log."""

    id: str
    person: Person
    via: str
    fresh: bool
    has_password: bool
    language: str | None
    zone: str | None
    now: datetime
    place: Place


class SessionView(View):
    """One browser in which somebody is signed in; `current` is the one that asks."""

    id: str
    via: str
    device: str
    opened_at: datetime
    seen_at: datetime
    ends_at: datetime
    current: bool


class Sessions:
    def __init__(self, door: Door, rules: SessionRules) -> None:
        self._door = door
        self.rules = rules

    async def known(self, secret: str, *, used: bool = True) -> Session:
        """Who holds this cookie; raises the problem `unauthenticated`. Without `used` it is no use of the session, and
        does not keep it alive."""

        def look(tx: Tx) -> tuple[Session, bool] | None:
            found = sessions.by_secret(tx, secret, self.rules)
            if found is None:
                return None
            session = Session(
                id=found.id,
                person=found.person,
                via=found.via,
                fresh=confirmed(self.rules, found.times, tx.now),
                has_password=sessions.password_of(tx, found.person.id) is not None,
                language=found.language,
                zone=found.zone,
                now=tx.now,
                place=events.end_of_log(tx),
            )
            return session, tx.now - found.times.seen_at >= TOUCHED_EVERY

        found = await self._door.read(look) if secret else None
        if found is None:
            raise Problem("unauthenticated", SIGN_IN_FIRST)
        session, stale = found
        if stale and used:
            # Reading must work while nothing can be written.
            with suppress(StoreUnavailable):
                await self._door.store.write(lambda tx: sessions.seen(tx, session.id))
        return session

    async def mine(self, session: Session) -> list[SessionView]:
        """Where this person is signed in, last used first."""

        def look(tx: Tx) -> list[SessionView]:
            return [
                SessionView(
                    id=row.id,
                    via=row.via,
                    device=row.device,
                    opened_at=row.opened_at,
                    seen_at=row.seen_at,
                    ends_at=min(row.seen_at + self.rules.idle.elapsed, row.opened_at + self.rules.lifetime.elapsed),
                    current=row.id == session.id,
                )
                for row in sessions.of_person(tx, session.person.id)
                if alive(self.rules, sessions.times_of(row), tx.now)
            ]

        return await self._door.read(look)

    async def end(self, person: Person, session_id: str) -> None:
        """Sign out there; somebody else's session looks like none."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not sessions.end(tx, present.id, present.id, t.session.c.id == session_id):
                return not_found()
            return Done({})

        await self._door.act(person, "session.end", act)

    async def end_others(self, session: Session) -> None:
        """Sign out everywhere else."""
        await self._end(session.person, t.session.c.id != session.id)

    async def end_all(self, person: Person) -> None:
        """Sign out everywhere."""
        await self._end(person, sa.true())

    async def _end(self, person: Person, which: sa.ColumnElement[bool]) -> None:
        def act(tx: Tx, present: Person) -> Done | Problem:
            sessions.end(tx, present.id, present.id, which)
            return Done({})

        await self._door.act(person, "session.end", act)
