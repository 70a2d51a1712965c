"""Wallets: with which one somebody signs, and registering it."""

from datetime import datetime
from typing import Any

from pydantic import Field

from placet.connectors.chain.signatures import BadAddress, checksum, recover
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found
from placet.control.sent import Sent
from placet.control.views import View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.said import Said
from placet.domain.signature import BadSignature, CannotRecover, wallet_proof
from placet.store import people, wallets
from placet.store.acts import audit_refusal
from placet.store.engine import Tx

ATTEMPT = "wallet.register"
NOT_YOURS = Said("Only administrators may do this for somebody else.")
REPLACES = Said("You have a wallet already; an administrator registers another one in its place.")


class GivenWallet(Sent):
    """A wallet's address; `signature` is its own over the typed data that proves possession."""

    address: str = Field(max_length=100)
    signature: str | None = Field(default=None, max_length=200)


class WalletView(View):
    """With which wallet somebody signs; `typed_data` is what the asked address must sign to be registered."""

    person: str
    address: str | None
    registered_by: str | None
    at: datetime | None
    typed_data: dict[str, Any] | None = None


class Wallets:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def get(self, person: Person, person_id: str, address: str | None = None) -> WalletView:
        """The registered wallet; with `address`, also what that wallet signs to be registered in its place."""
        if person.id != person_id and not permitted(person, Action.MANAGE_PEOPLE, EVERYWHERE):
            raise Problem("forbidden", NOT_YOURS)
        typed = self._proof(person_id, _spelled(address)) if address is not None else None

        def look(tx: Tx) -> WalletView | None:
            return _view(tx, person_id, typed) if _member(tx, person_id) is not None else None

        return found(await self._door.read(look))

    async def register(self, person: Person, person_id: str, given: GivenWallet, once: Once | None = None) -> Done:
        """Administrators register anybody's; everybody their own first one, with its signature. A signature given is
        checked. Whoever got hold of a token must not be able to sign with a wallet of theirs instead."""
        checked = self._checked(person_id, given)

        def act(tx: Tx, present: Person) -> Done | Problem:
            administers = permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE)
            if not administers and present.id != person_id:
                return forbidden(tx, present, ATTEMPT, NOT_YOURS, {"person": person_id})
            target = found(_member(tx, person_id))
            if isinstance(checked, Problem):
                return _refused(tx, present, person_id, checked)
            if given.signature is None and not administers:
                detail = Said(
                    "Sign the typed data with this wallet, to show that it is yours, or ask an administrator."
                )
                return _refused(tx, present, person_id, Problem("signature-missing", detail, field="signature"))
            if not administers and (before := wallets.find(tx, person_id)) and before.address != checked:
                return forbidden(tx, present, ATTEMPT, REPLACES, {"person": person_id})
            if why := wallets.register(tx, present.id, target, checked):
                return _refused(tx, present, person_id, Problem(why.code, why.detail, field=why.field))
            return Done(_view(tx, person_id).model_dump(mode="json"))

        return await self._door.act(person, ATTEMPT, act, once)

    def _proof(self, person_id: str, address: str) -> dict[str, Any]:
        return wallet_proof(person_id, address, self._door.store.house.wallet_challenge(person_id, address))

    def _checked(self, person_id: str, given: GivenWallet) -> str | Problem:
        """The address as it is spelled, if it has signed what was given as its signature."""
        try:
            address = _spelled(given.address)
            if given.signature is not None and recover(self._proof(person_id, address), given.signature) != address:
                detail = Said(
                    "Another wallet signed, or something else was signed; ask for the typed data of this address."
                )
                return Problem("wrong-signature", detail, field="signature")
        except BadSignature as error:
            return Problem(error.code, error.detail, field="signature")
        except CannotRecover as error:
            return Problem("chain-missing", str(error))
        except Problem as problem:
            return problem
        return address


def _spelled(address: str) -> str:
    try:
        return checksum(address)
    except BadAddress as error:
        raise Problem("bad-address", str(error), field="address") from error
    except CannotRecover as error:
        raise Problem("chain-missing", str(error)) from error


def _member(tx: Tx, person_id: str) -> Person | None:
    """Somebody of the organisation: people outside sign nothing."""
    target = people.find(tx, person_id)
    return None if target is None or target.external or not target.active else target


def _view(tx: Tx, person_id: str, typed: dict[str, Any] | None = None) -> WalletView:
    known = wallets.find(tx, person_id)
    facts = known._asdict() if known else {"address": None, "registered_by": None, "at": None}
    return WalletView(person=person_id, typed_data=typed, **facts)


def _refused(tx: Tx, person: Person, person_id: str, problem: Problem) -> Problem:
    audit_refusal(tx, person.id, ATTEMPT, problem.code, {"person": person_id})
    return problem
