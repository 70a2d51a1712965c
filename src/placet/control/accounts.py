"""Signing in: passwords, invitations, and identities of an OpenID provider. Whoever cannot is told nothing more."""

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from placet.control.door import Act, Done, Door, Once, forbidden
from placet.control.errors import Problem, not_found
from placet.control.passwords import Passwords
from placet.control.people import NOT_ADMIN
from placet.control.sent import OneLine, Sent
from placet.control.sessions import Session
from placet.control.views import InvitedView, View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.said import Said
from placet.domain.session import SessionRules, unfit_password
from placet.store import notices, people, sessions
from placet.store.acts import audit_refusal
from placet.store.engine import Tx
from placet.store.house import House
from placet.store.instant import EPOCH

WRONG = Said("That name and password do not match.")
GONE = Said("This invitation has been used or has expired; ask an administrator for a new one.")
EASY = Said(
    "This is easy to guess: others try well-known words, names, dates and rows of keys first. "
    "Use several words that do not belong together."
)
ATTEMPT = "account.sign-in"


class Credentials(Sent):
    """An id or e-mail address, and the password."""

    name: OneLine = Field(min_length=1, max_length=320)
    password: str = Field(min_length=1, max_length=200)


class InvitationView(View):
    """An invitation to choose a password."""

    person: str
    name: str
    email: str


class Accounts:
    def __init__(self, door: Door, rules: SessionRules) -> None:
        self._door = door
        self._rules = rules
        self._passwords = Passwords()

    async def sign_in(self, given: Credentials, device: str) -> str:
        """The secret of a new session; raises `wrong-credentials`, or `too-many-attempts` for a while."""
        person = await self._proved(given.name, given.password, None)

        def act(tx: Tx, present: Person) -> Done:
            return Done({"secret": sessions.open_session(tx, present.id, "password", device)})

        return await self._opened(person, act)

    async def confirm(self, session: Session, password: str) -> None:
        """Prove again who is sitting there."""
        await self._proved(session.person.id, password, session.person)
        await self._door.store.write(lambda tx: sessions.confirmed(tx, session.id))

    async def change_password(self, session: Session, old: str, new: str) -> None:
        """Choose another password; everywhere else one is signed out."""
        await self._proved(session.person.id, old, session.person)
        stored = await self._hashed(session.person, new)

        def act(tx: Tx, present: Person) -> Done:
            sessions.set_password(tx, present.id, present.id, stored)
            sessions.confirmed(tx, session.id)
            sessions.end(tx, present.id, present.id, sessions.other_than(session.id))
            return Done({})

        await self._door.act(session.person, "account.set-password", act)

    async def prefer(self, person: Person, language: str | None, zone: str | None) -> None:
        """How this person likes to read."""

        def act(tx: Tx, present: Person) -> Done:
            sessions.set_account(tx, present.id, language=language, zone=zone)
            return Done({})

        await self._door.act(person, "account.prefer", act)

    async def invite(self, person: Person, person_id: str, once: Once | None = None) -> Done:
        """Write to somebody a link with which they choose a password, once."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "account.invite", NOT_ADMIN, {"person": person_id})
            target = people.find(tx, person_id)
            if target is None or target.external or not target.active:
                return not_found()
            life = self._rules.invitation.elapsed
            number = sessions.invite(tx, present.id, person_id, life)
            link = _link(tx.house, number)
            text = (
                Said("%(person)s invites you to Placet.", person=present.name),
                notices.leads(Said("Choose a password here"), link),
                Said("The link works once, until %(at)s.", at=tx.now + life),
            )
            to = (target.id, target.name, target.email)
            notices.write(tx, f"invitation/{number}/{target.id}", to, Said("Your invitation to Placet"), *text)
            # What is kept for a repeat must not hold the link; whoever has the secret makes it of the number.
            view = InvitedView(link=number, expires_at=tx.now + life)
            return Done(view.model_dump(mode="json"), created=True)

        done = await self._door.act(person, "account.invite", act, once)
        house = self._door.store.house
        return replace(done, value=done.value | {"link": _link(house, done.value["link"])})

    async def invitation(self, token: str) -> InvitationView:
        """Whom this invitation is for; looking uses nothing up."""

        def look(tx: Tx) -> InvitationView:
            person, _ = _invited(tx, token)
            return InvitationView(person=person.id, name=person.name, email=person.email)

        return await self._door.read(look)

    async def accept(self, token: str, password: str, device: str) -> str:
        """Use the invitation: set the password, and sign in; the secret of the session."""
        person, _ = await self._door.read(lambda tx: _invited(tx, token))
        stored = await self._hashed(person, password)

        def act(tx: Tx, present: Person) -> Done:
            _, number = _invited(tx, token)
            sessions.use_invitation(tx, number, present.id)
            sessions.set_password(tx, present.id, present.id, stored)
            sessions.end(tx, present.id, present.id, sessions.other_than(""))
            return Done({"secret": sessions.open_session(tx, present.id, "invitation", device)})

        return await self._opened(person, act)

    async def by_identity(self, issuer: str, claims: dict[str, Any], proved: object, device: str) -> str:
        """Sign in whoever the provider says it is: known by its subject, or once by a verified address. `proved` is
        when they last proved it there, in seconds; without it they have still to confirm before what matters."""

        def look(tx: Tx) -> Person | None:
            known = sessions.by_identity(tx, issuer, str(claims["sub"]))
            # Some providers write it as text, where "false" would be true.
            if known is not None or claims.get("email_verified") not in (True, "true"):
                return known
            address = str(claims.get("email", ""))
            # Without an @ it could be somebody's id.
            return sessions.named(tx, address) if "@" in address else None

        person = await self._door.read(look)
        if person is None or person.external or not person.active:
            who = claims.get("email") or claims["sub"]
            detail = Said(
                "Nobody here is known as %(who)s; ask an administrator to add you with this address.", who=who
            )
            await self._door.store.write(lambda tx: audit_refusal(tx, "unknown", ATTEMPT, "unknown-identity", {}))
            raise Problem("unknown-identity", detail)

        def act(tx: Tx, present: Person) -> Done:
            if sessions.by_identity(tx, issuer, str(claims["sub"])) is None:
                sessions.link_identity(tx, present.id, issuer, str(claims["sub"]))
            return Done({"secret": sessions.open_session(tx, present.id, "openid", device, _moment(proved, tx.now))})

        return await self._opened(person, act)

    async def _opened(self, person: Person, act: Act) -> str:
        return str((await self._door.act(person, ATTEMPT, act)).value["secret"])

    async def _proved(self, name: str, password: str, person: Person | None) -> Person:
        """The person with this name and password. Blocked names are refused before anything is computed, whoever it is;
        what is wrong costs the same for somebody unknown."""

        def look(tx: Tx) -> tuple[Person | None, str | None]:
            if (until := sessions.blocked_until(tx, name)) is not None:
                raise _blocked(until - tx.now)
            found = person or sessions.named(tx, name)
            return found, sessions.password_of(tx, found.id) if found else None

        found, stored = await self._door.read(look)
        right = await self._passwords.matches(password, stored)

        def count(tx: Tx) -> timedelta | None:
            # Somebody else may have used up the last attempt while this one was computed.
            if (until := sessions.blocked_until(tx, name)) is not None:
                return until - tx.now
            if right:
                sessions.succeeded(tx, name)
                return None
            wait = sessions.failed(tx, name)
            audit_refusal(tx, found.id if found else "unknown", ATTEMPT, "wrong-credentials", {})
            if wait and found and stored:
                _warn(tx, found)
            return wait or None

        blocked = await self._door.store.write(count)
        if blocked is not None:
            raise _blocked(blocked)
        if not right or found is None:
            raise Problem("wrong-credentials", WRONG, field="password")
        return found

    async def _hashed(self, person: Person, password: str) -> str:
        if why := unfit_password(password):
            raise Problem("weak-password", why, field="password")
        if await self._passwords.guessable(password, person.id, *person.email.split("@"), *person.name.split()):
            raise Problem("weak-password", EASY, field="password")
        return await self._passwords.hashed(password)


def _moment(seconds: object, now: datetime) -> datetime:
    """When that was, at the latest now; long ago if it says nothing."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        return EPOCH
    return datetime.fromtimestamp(min(float(seconds), now.timestamp()), UTC)


def _blocked(wait: timedelta) -> Problem:
    detail = Said(
        "There were too many failed attempts under this name. Try again %(when)s, or ask an administrator.", when=wait
    )
    return Problem("too-many-attempts", detail)


def _warn(tx: Tx, person: Person) -> None:
    """Tell somebody, at most once a day, that others may be guessing their password."""
    text = Said(
        "somebody has tried several times to sign in under your name and did not know the password. Nobody can try "
        "again for a few minutes. If it was not you, there is nothing you need to do; a long password that you use "
        "nowhere else is what protects you."
    )
    leads = notices.leads(Said("Your account"), tx.house.page("/account"))
    key = f"attempts/{person.id}/{tx.now:%Y-%m-%d}"
    to = (person.id, person.name, person.email)
    notices.write(tx, key, to, Said("Failed attempts to sign in"), text, leads)


def _link(house: House, number: str) -> str:
    return house.page(f"/invitation/{_signed(house.secret, number)}")


def _signed(secret: str, number: str) -> str:
    if len(secret) < 32:
        raise RuntimeError("invitations need a secret of at least 32 characters")
    signature = hmac.new(secret.encode(), f"placet-invitation\x00{number}".encode(), hashlib.sha256).digest()
    return f"{number}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _invited(tx: Tx, token: str) -> tuple[Person, str]:
    number, _, _ = token.partition(".")
    if not hmac.compare_digest(token.encode(), _signed(tx.house.secret, number).encode()):
        raise Problem("link-damaged", Said("This link is damaged; use the one in your mail."))
    row = sessions.invitation(tx, number)
    person = people.find(tx, row.person_id) if row else None
    if row is None or person is None or not person.active or row.used_at is not None or row.expires_at <= tx.now:
        raise Problem("link-expired", GONE)
    return person, number
