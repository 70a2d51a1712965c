"""People, their grants and tokens: who is calling, and what administrators do."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydantic import Field

from placet.control import stranded
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, not_found
from placet.control.roster import GivenGrant, GivenGrants, NewPerson, read_roster
from placet.control.sent import Because, OneLine, Sent
from placet.control.stranded import StrandedMultisig, StrandedTask
from placet.control.views import ImportView, MeView, PersonView, TokenView
from placet.domain.access import RIGHTS, Action, permitted
from placet.domain.forms import Fault
from placet.domain.people import EVERYWHERE, Grant, Person
from placet.domain.said import Said
from placet.store import departure, people
from placet.store.engine import Tx

NOT_ADMIN = Said("Only administrators may do this.")
LAST_ADMIN = Said("Somebody must remain administrator; make another one first.")
ADDRESS_TAKEN = Said("Somebody of the organisation has this address; everybody has one of their own.")
ADDRESS_MEANWHILE = Said("Somebody else of the organisation has their address now; deactivate that person first.")
UNKNOWN_TOKEN = "Send a valid token as “Authorization: Bearer …”."


class NewToken(Sent):
    """`label` says what the token is for."""

    label: OneLine = Field(default="api", max_length=100)


class DeactivatedView(PersonView):
    """Somebody who was shut out; `stranded` are the open tasks that too few people can answer without them, and
    `stranded_multisigs` what too few of a council can approve."""

    stranded: list[StrandedTask]
    stranded_multisigs: list[StrandedMultisig]


class People:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def authenticate(self, token: str) -> Person:
        """Who holds this bearer token; raises the problem `unauthenticated`."""
        person = await self._door.read(lambda tx: people.by_token(tx, token)) if token else None
        if person is None:
            raise Problem("unauthenticated", UNKNOWN_TOKEN)
        return person

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """What these people are called, for pages that speak of them."""
        return await self._door.read(lambda tx: people.names(tx, ids))

    def me(self, person: Person) -> MeView:
        rights = [action for action in RIGHTS if permitted(person, action, EVERYWHERE)]
        return MeView(**_view(person).model_dump(), rights=rights)

    async def add(self, person: Person, given: NewPerson, once: Once | None = None) -> Done:
        """Add somebody. The same content again gives the same answer; another content is a conflict."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.add", NOT_ADMIN)
            people.hold(tx)
            created = _added(tx, present, given)
            return Done(_shown(tx, given.id), created=created)

        return await self._door.act(person, "person.add", act, once)

    async def load(self, person: Person, text: str, once: Once | None = None) -> Done:
        """Add everybody in a CSV file, or nobody; see `roster.read_roster`."""

        listed = _read(text)

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.import", NOT_ADMIN)
            if isinstance(listed, Problem):
                raise listed
            people.hold(tx)
            new = 0
            faults = []
            for given in listed:
                try:
                    new += _added(tx, present, given)
                except Problem as problem:
                    faults.append(Fault(pointer=f"/{given.id}", detail=problem.detail))
            if faults:
                raise Problem("bad-import", f"Nobody was added: {faults[0].detail}", faults=faults)
            shown = [_found(tx, given.id) for given in listed]
            return Done(ImportView(items=shown, next_cursor=None, added=new).model_dump(mode="json"))

        return await self._door.act(person, "person.import", act, once)

    async def set_grants(self, person: Person, person_id: str, given: GivenGrants, once: Once | None = None) -> Done:
        """Replace all grants of a person."""
        grants = _grants(given.grants)

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.set-grants", NOT_ADMIN, {"person": person_id})
            people.hold(tx)
            target = people.find(tx, person_id)
            if target is None or target.external:
                return not_found()
            if set(target.grants) != set(grants):
                if permitted(target, Action.MANAGE_PEOPLE, EVERYWHERE) and not people.remains_admin(
                    tx, person_id, grants
                ):
                    raise Problem("last-admin", LAST_ADMIN)
                people.set_grants(tx, present.id, person_id, grants)
            return Done(_shown(tx, person_id))

        return await self._door.act(person, "person.set-grants", act, once)

    async def deactivate(self, person: Person, person_id: str, because: Because, once: Once | None = None) -> Done:
        """Let nobody in as this person any more, also nobody outside by their links. What they held falls away; their
        grants wait for their return. Twice changes nothing."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.deactivate", NOT_ADMIN, {"person": person_id})
            with departure.held(tx, person_id) as claims:
                target = people.find(tx, person_id)
                if target is None:
                    return not_found()
                if person_id == present.id:
                    raise Problem("own-account", Said("You cannot deactivate yourself; another administrator can."))
                if not because.reason.strip():
                    raise Problem("comment-required", Said("Say why: the reason is kept in the log."), field="reason")
                if target.active and not departure.deactivate(tx, present.id, person_id, claims, None, because.reason):
                    raise Problem("last-admin", LAST_ADMIN)
            view = DeactivatedView(
                **_found(tx, person_id).model_dump(),
                stranded=stranded.without(tx, target),
                stranded_multisigs=stranded.councils_without(tx, target),
            )
            return Done(view.model_dump(mode="json"))

        return await self._door.act(person, "person.deactivate", act, once)

    async def reactivate(self, person: Person, person_id: str, because: Because, once: Once | None = None) -> Done:
        """Let somebody in again, with the grants they had, unless another has their address. Twice changes nothing."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.reactivate", NOT_ADMIN, {"person": person_id})
            people.hold(tx)
            target = people.find(tx, person_id)
            if target is None:
                return not_found()
            if not target.active:
                if not target.external and people.address_taken(tx, person_id, target.email):
                    raise Problem("address-taken", ADDRESS_MEANWHILE, field="email")
                departure.reactivate(tx, present.id, person_id, reason=because.reason)
            return Done(_shown(tx, person_id))

        return await self._door.act(person, "person.reactivate", act, once)

    async def issue_token(self, person: Person, person_id: str, given: NewToken, once: Once | None = None) -> Done:
        """A new bearer token for somebody active of the organisation. It is shown in this answer and kept nowhere."""
        secret: list[str] = []

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, "person.issue-token", NOT_ADMIN, {"person": person_id})
            target = people.find(tx, person_id)
            if target is None or target.external or not target.active:
                return not_found()
            token = _derived(tx.house.secret, present.id, once) if once else None
            secret[:] = [people.issue_token(tx, present.id, person_id, given.label, token)]
            # What is kept for a repeat must not hold the token.
            return Done({}, created=True)

        done = await self._door.act(person, "person.issue-token", act, once)
        token = secret[0] if secret else _derived(self._door.store.house.secret, person.id, once)
        return replace(done, value=TokenView(token=token).model_dump())


def _read(text: str) -> list[NewPerson] | Problem:
    try:
        return read_roster(text)
    except Problem as problem:
        return problem


def _derived(secret: str, principal: str, once: Once | None) -> str:
    """The token that belongs to one idempotent call: a repeat computes it again instead of reading it."""
    assert once is not None
    if len(secret) < 32:
        raise RuntimeError("tokens need a secret of at least 32 characters")
    called = "\x00".join(("placet-token", principal, once.key, once.fingerprint))
    raw = hmac.new(secret.encode(), called.encode(), hashlib.sha256).digest()
    return f"plc_{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def _grants(given: Iterable[GivenGrant]) -> tuple[Grant, ...]:
    pairs = sorted({(one.role, one.scope) for one in given})
    return tuple(Grant(role=role, scope=scope) for role, scope in pairs)


def _added(tx: Tx, by: Person, given: NewPerson) -> bool:
    """True when added, False when already there just so; a problem when the id or the address is somebody else's."""
    grants = _grants(given.grants)
    known = people.find(tx, given.id)
    if known is None:
        if people.address_taken(tx, given.id, given.email):
            raise Problem("address-taken", ADDRESS_TAKEN, field="email")
        people.add(tx, by.id, given.id, given.name, given.email, grants)
        return True
    same = (known.name, known.email, known.external) == (given.name, given.email, False)
    if not same or set(known.grants) != set(grants):
        raise Problem("person-exists", f"The id {given.id} belongs to somebody else.", field="id")
    return False


def _view(person: Person) -> PersonView:
    return PersonView(**person.model_dump(exclude={"grants"}), grants=list(person.grants))


def _found(tx: Tx, person_id: str) -> PersonView:
    person = people.find(tx, person_id)
    assert person is not None
    return _view(person)


def _shown(tx: Tx, person_id: str) -> dict[str, Any]:
    return _found(tx, person_id).model_dump(mode="json")
