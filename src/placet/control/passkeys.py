"""Passkeys: made by somebody who is signed in, shown to sign in, and shown again before what matters."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field

from placet.control import ceremonies
from placet.control.ceremonies import Answer, Purpose, Site, Unproved
from placet.control.door import Act, Done, Door
from placet.control.errors import Problem, not_found
from placet.control.sent import OneLine, Sent
from placet.control.sessions import Session
from placet.control.views import View
from placet.domain.people import Person
from placet.domain.said import Said
from placet.store import notices, passkeys, people, sessions
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

MOST = 20
SIGN_IN, CONFIRM, REGISTER = "account.sign-in", "account.confirm", "passkey.register"
WRONG = Said("This passkey is not known here, or its device did not prove what it must.")
STALE = Said("This took too long, or was sent before; begin again.")
COPIED = Said(
    "The device counts fewer uses of this passkey than we do, so there may be a copy of it. It was not accepted."
)
FRESH = Said("Before a passkey is added, confirm that it is you.")
HIDDEN = Said(
    "Browsers make no passkeys for an address made of numbers; open Placet by its name, such as http://localhost."
)


class PasskeyName(Sent):
    """What a passkey is called, such as the device it is on."""

    name: OneLine = Field(min_length=1, max_length=60)


class NewPasskey(PasskeyName):
    """`passkey` is what the browser answered, as JSON."""

    passkey: str = Field(min_length=1, max_length=20_000)


class PasskeyView(View):
    """One passkey of one's own."""

    id: str
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class Shown:
    """A passkey whose device has signed a challenge of ours; what is left is to count it."""

    key: Any
    person: Person
    count: int
    challenge: str
    expires: datetime


class Passkeys:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def options(self, site: Site | None, purpose: Purpose, session: Session | None = None) -> str:
        """What the browser asks a device, as JSON. A challenge is bound to the session of whoever is signed in."""
        here = _here(site)
        if (session is None) != (purpose is Purpose.SIGN_IN):
            raise Problem("stale-challenge", STALE)
        if session is not None and purpose is Purpose.REGISTER and not session.fresh:
            raise Problem("confirm-first", FRESH)

        def look(tx: Tx) -> tuple[str, list[Any]]:
            asked = ceremonies.challenge(tx.house.secret, purpose, _bound(session), tx.now)
            return asked, passkeys.of_person(tx, session.person.id) if session else []

        asked, keys = await self._door.read(look)
        if session is None or purpose is not Purpose.REGISTER:
            return ceremonies.asking(here, asked, keys)
        return ceremonies.making(here, asked, session.person, keys)

    async def sign_in(self, site: Site | None, sent: str, device: str) -> str:
        """The secret of a new session, for whoever shows their passkey."""
        shown = await self._shown(site, sent, Purpose.SIGN_IN, None, SIGN_IN)

        def open_session(tx: Tx) -> Done:
            return Done({"secret": sessions.open_session(tx, shown.person.id, "passkey", device)})

        return str(
            (await self._door.act(shown.person, SIGN_IN, _counted(shown, SIGN_IN, open_session))).value["secret"]
        )

    async def confirm(self, session: Session, site: Site | None, sent: str) -> None:
        """Prove again who is sitting there."""
        shown = await self._shown(site, sent, Purpose.CONFIRM, session, CONFIRM)

        def confirm(tx: Tx) -> Done:
            passkeys.confirmed(tx, session.person.id, session.id, shown.key.id)
            return Done({})

        await self._door.act(session.person, CONFIRM, _counted(shown, CONFIRM, confirm))

    async def register(self, session: Session, site: Site | None, given: NewPasskey) -> Done:
        """Add a passkey to one's own account."""
        here = _here(site)
        if not session.fresh:
            raise Problem("confirm-first", FRESH)
        answer = await self._read(given.passkey, session.person.id, REGISTER)
        expires = await self._expiry(answer, Purpose.REGISTER, session, session.person.id, REGISTER)
        try:
            new = ceremonies.made(here, answer)
        except Unproved:
            raise await self._refused(session.person.id, REGISTER, "wrong-passkey", WRONG) from None

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not passkeys.answered(tx, answer.challenge, expires):
                return _no(tx, present.id, REGISTER, "stale-challenge", STALE)
            if len(passkeys.of_person(tx, present.id)) >= MOST:
                return Problem(
                    "too-many-passkeys", Said("One person has at most %(most)s passkeys; remove one first.", most=MOST)
                )
            key = (new.credential, new.public_key, new.count, new.transports)
            number = passkeys.add(tx, present.id, *key, given.name)
            if number is None:
                return _no(tx, present.id, REGISTER, "passkey-exists", Said("This passkey is registered already."))
            text = Said(
                "the passkey “%(name)s” was added to your account; with it one signs in under your name. If it was not "
                "you, remove it on the page of your account, sign out everywhere, and tell an administrator.",
                name=given.name,
            )
            subject = Said("A passkey was added to your account")
            notices.write(tx, f"passkey/{number}", _to(present), subject, text, _leads(tx))
            return Done({"id": number}, created=True)

        return await self._door.act(session.person, REGISTER, act)

    async def mine(self, person: Person) -> list[PasskeyView]:
        """One's own passkeys, oldest first."""
        rows = await self._door.read(lambda tx: passkeys.of_person(tx, person.id))
        return [PasskeyView(id=row.id, name=row.name, created_at=row.created_at, used_at=row.used_at) for row in rows]

    async def rename(self, person: Person, passkey_id: str, given: PasskeyName) -> None:
        """Call a passkey otherwise; somebody else's looks like none."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            return Done({}) if passkeys.rename(tx, present.id, passkey_id, given.name) else not_found()

        await self._door.act(person, "passkey.rename", act)

    async def remove(self, person: Person, passkey_id: str) -> None:
        """Forget a passkey; somebody else's looks like none."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            return Done({}) if passkeys.remove(tx, present.id, passkey_id) else not_found()

        await self._door.act(person, "passkey.remove", act)

    async def _shown(
        self, site: Site | None, sent: str, purpose: Purpose, session: Session | None, attempt: str
    ) -> Shown:
        """The passkey that was shown, with everything checked that needs no lock."""
        here, by = _here(site), session.person.id if session else "unknown"
        answer = await self._read(sent, by, attempt)

        def look(tx: Tx) -> tuple[Any, Person | None]:
            row = passkeys.by_credential(tx, answer.credential)
            return row, people.find(tx, row.person_id) if row else None

        key, person = await self._door.read(look)
        unfit = person is None or not person.active or person.external or (session and person.id != session.person.id)
        wrong_handle = person is not None and answer.handle != ceremonies.handle(person.id)
        if person is None or unfit or (wrong_handle and (session is None or answer.handle is not None)):
            raise await self._refused(by, attempt, "wrong-passkey", WRONG)
        expires = await self._expiry(answer, purpose, session, person.id, attempt)
        try:
            count = ceremonies.shown(here, answer, key.public_key)
        except Unproved:
            raise await self._refused(person.id, attempt, "wrong-passkey", WRONG) from None
        return Shown(key, person, count, answer.challenge, expires)

    async def _read(self, sent: str, by: str, attempt: str) -> Answer:
        try:
            return ceremonies.read(sent)
        except Unproved:
            raise await self._refused(by, attempt, "wrong-passkey", WRONG) from None

    async def _expiry(
        self, answer: Answer, purpose: Purpose, session: Session | None, by: str, attempt: str
    ) -> datetime:
        expires = await self._door.read(
            lambda tx: ceremonies.expiry(tx.house.secret, purpose, _bound(session), answer.challenge, tx.now)
        )
        if expires is None:
            raise await self._refused(by, attempt, "stale-challenge", STALE)
        return expires

    async def _refused(self, by: str, attempt: str, code: str, detail: str) -> Problem:
        self._door.on_act(attempt, code)
        return await self._door.store.write(lambda tx: _no(tx, by, attempt, code, detail))


def _counted(shown: Shown, attempt: str, then: Callable[[Tx], Done]) -> Act:
    """Take the answer once, count the use of the key, and go on."""

    def act(tx: Tx, present: Person) -> Done | Problem:
        if not passkeys.answered(tx, shown.challenge, shown.expires):
            return _no(tx, present.id, attempt, "stale-challenge", STALE)
        good = passkeys.used(tx, shown.key.id, shown.count)
        if good is None:
            return _no(tx, present.id, attempt, "wrong-passkey", WRONG)
        if not good:
            text = Said(
                "the passkey “%(name)s” of your account was shown with a counter that does not fit, so there may be a "
                "copy of it. It was not accepted. Remove it on the page of your account and make a new one.",
                name=shown.key.name,
            )
            key = f"passkey/{shown.key.id}/copied/{tx.now:%Y-%m-%d}"
            subject = Said("A passkey of yours may have been copied")
            notices.write(tx, key, _to(present), subject, text, _leads(tx))
            return _no(tx, present.id, attempt, "copied-passkey", COPIED)
        return then(tx)

    return act


def _here(site: Site | None) -> Site:
    if site is None:
        raise Problem("no-passkeys-here", HIDDEN)
    return site


def _bound(session: Session | None) -> str:
    return session.id if session else ""


def _to(person: Person) -> tuple[str, str, str]:
    return person.id, person.name, person.email


def _leads(tx: Tx) -> Said:
    return notices.leads(Said("Your account"), tx.house.page("/account"))


def _no(tx: Tx, by: str, attempt: str, code: str, detail: str) -> Problem:
    audit_refusal(tx, by, attempt, code, {})
    return Problem(code, detail)
