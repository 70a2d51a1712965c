"""The embedded issuer: its books in the application database, its signatures from the executor."""

import hashlib
from typing import Any

from placet.connectors.credentials.port import (
    Badge,
    CredentialRefused,
    CredentialUnavailable,
    Issued,
    Order,
    Parcel,
    RevocationOrder,
    Revoked,
    Signature,
    Signer,
    SignOrder,
    Wish,
)
from placet.store import crash, people
from placet.store import credentials as books
from placet.store.credentials import CredentialState, Row
from placet.store.engine import Store, Tx

TRIES = 5


class StoredCredentials:
    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    async def badge(self, badge: str) -> Badge:
        found = await self._store.read(lambda tx: books.badge(tx, badge))
        if found is None:
            raise CredentialRefused("unknown-badge", f"There is no badge {badge}.")
        return Badge.model_validate(dict(found))

    async def draw_up(self, key: str, case_id: str, wish: Wish) -> Order:
        row = await self._store.write(lambda tx: _drawn_up(tx, key, case_id, wish))
        if row["state"] in books.ENDED:
            raise CredentialRefused("credential-ended", "This order was withdrawn and cannot be drawn up again.")
        return Order.model_validate(row["order"])

    async def withdraw(self, key: str, case_id: str, wish: Wish) -> None:
        # Drawn up first if it was not: an attempt that is still on its way then finds it withdrawn.
        row = await self._store.write(lambda tx: _drawn_up(tx, key, case_id, wish))
        await self._store.write(lambda tx: books.end(tx, row["id"], CredentialState.WITHDRAWN, ""))

    async def sign(self, key: str, asked: SignOrder) -> Signature:
        signed = await self._signer.sign_credential(key, asked.decision, asked.order)
        crash.reach("badge-returned")
        credential = asked.order.id
        row = _known(
            await self._store.write(lambda tx: books.keep_signature(tx, credential, signed.jwt, signed.kid)), credential
        )
        if row["jwt"] is None or row["kid"] is None:
            raise CredentialRefused("credential-ended", "This order was withdrawn before it was signed.")
        return Signature(credential=credential, kid=row["kid"], digest=hashlib.sha256(row["jwt"].encode()).hexdigest())

    async def issue(self, credential: str) -> Issued:
        row = _known(await self._store.read(lambda tx: books.find(tx, credential)), credential)
        if row["jwt"] is None:
            raise CredentialRefused("not-signed", "It has not been signed.")
        keys: dict[str, dict[str, Any]] = {str(key["kid"]): key for key in await self._signer.public_keys()}
        await self._store.write(lambda tx: books.publish_keys(tx, keys))
        await self._publish(row["list_id"])
        crash.reach("credential-published")
        row = _known(await self._store.write(lambda tx: books.put_in_force(tx, credential)), credential)
        if row["state"] != CredentialState.ISSUED:
            raise CredentialRefused("credential-ended", f"It is {row['state']} already.")
        crash.reach("credential-issued")
        until = row["order"]["valid_until"]
        return Issued(credential=credential, badge=row["badge_id"], valid_until=until)

    async def revoke(self, asked: RevocationOrder) -> Revoked:
        row = _known(
            await self._store.write(lambda tx: books.end(tx, asked.credential, CredentialState.REVOKED, asked.reason)),
            asked.credential,
        )
        crash.reach("credential-ended")
        version = await self._publish(row["list_id"])
        await self._store.write(lambda tx: books.tell_holder(tx, row, asked.reason))
        return Revoked(credential=asked.credential, status_list=row["order"]["status_list"], version=version)

    async def parcel(self, credential: str) -> Parcel:
        found = await self._store.read(lambda tx: _parcel(tx, credential))
        if found is None:
            raise CredentialRefused("credential-ended", "It is not in force, so it is not delivered.")
        return found

    async def _publish(self, list_id: int) -> int:
        """Have the list signed and made public as it is now; its version."""
        for _ in range(TRIES):
            row = await self._store.read(lambda tx: books.status_list(tx, list_id))
            assert row is not None
            version: int = row["version"]
            if row["published"] >= version:
                return version
            try:
                signed = await self._signer.sign_status_list(list_id, version)
            except CredentialUnavailable:
                moved = await self._store.read(lambda tx: books.status_list(tx, list_id))
                if moved is not None and moved["version"] > version:
                    continue
                raise
            await self._store.write(lambda tx: books.publish(tx, list_id, version, signed.jwt))  # noqa: B023
            return version
        raise CredentialUnavailable("The list of revoked credentials keeps changing; try again.")


def _drawn_up(tx: Tx, key: str, case_id: str, wish: Wish) -> Row:
    badge, holder = books.badge(tx, wish.badge), people.find(tx, wish.holder)
    if badge is None:
        raise CredentialRefused("unknown-badge", f"There is no badge {wish.badge}.")
    if holder is None:
        raise CredentialRefused("unknown-person", f"Nobody is called {wish.holder}.")
    return books.draw_up(tx, key, case_id, badge, (holder.id, holder.email), wish.did)


def _known(row: Row | None, credential: str) -> Row:
    if row is None:
        raise CredentialRefused("unknown-credential", f"There is no credential {credential}.")
    return row


def _parcel(tx: Tx, credential: str) -> Parcel | None:
    row = _known(books.find(tx, credential), credential)
    holder = people.find(tx, row["holder"])
    if row["state"] != CredentialState.ISSUED or holder is None:
        return None
    return Parcel(
        credential=row["id"],
        case_id=row["case_id"],
        badge=row["order"]["badge"]["name"],
        holder=holder.id,
        name=holder.name,
        email=holder.email,
        jwt=row["jwt"],
        issued_at=books.moment(row["issued_at"]),
        valid_until=row["order"]["valid_until"],
    )
