"""Signing credentials and status lists: only what people have approved, each once, the same bytes for ever.

Before it signs, the executor looks into the application database by itself: the approval must be closed and favourable,
over exactly this order, and given by somebody else than who asked for the badge or gets it. It trusts the database in
that; whoever can forge rows of acts can have a credential signed, and leaves their audit lines out of the chain.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from placet.connectors.credentials import open_badge, status_list
from placet.connectors.credentials.jwt import SigningKey, claims_of, signed
from placet.connectors.credentials.port import (
    APPROVAL,
    ISSUANCE,
    CredentialRefused,
    CredentialUnavailable,
    Order,
    Signed,
)
from placet.domain.audit import digest
from placet.domain.task import Reason, TaskRules, Verdict
from placet.executor.badge_journal import BadgeJournal, Entry
from placet.store import crash, credentials
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Store, StoreUnavailable, Tx

Result = TypeVar("Result")

CHAIN = "@executor"
"""The chain of what the executor did and refused to do."""

BADGE, LIST = "badge", "list"
JOURNAL = "badges.db"


class BadgeSigner:
    """Holds the key of credentials; the only one who signs with it."""

    def __init__(self, store: Store, key: SigningKey, folder: Path) -> None:
        self._store = store
        self._key = key
        self._journal = BadgeJournal(folder / JOURNAL)
        self._turn = asyncio.Lock()

    def close(self) -> None:
        self._journal.close()

    @property
    def journal(self) -> BadgeJournal:
        return self._journal

    async def public_keys(self) -> tuple[dict[str, Any], ...]:
        return (self._key.public(),)

    async def sign_credential(self, key: str, decision: str, order: Order) -> Signed:
        """The signed credential of an approved order; raises CredentialRefused, or CredentialUnavailable."""
        content = order.model_dump(mode="json")
        ordered = digest(content)

        async def judged() -> CredentialRefused | None:
            return await self._read(lambda tx: _objection(tx, decision, order, ordered))

        claims = open_badge.claims(order)
        return await self._signed(key, BADGE, order.id, 0, ordered, claims, judged)

    async def sign_status_list(self, list_id: int, version: int) -> Signed:
        """The status list as the database has it, if it is at this version and forgets no revocation."""
        key = f"{LIST}/{list_id}/{version}"
        known = self._journal.find(key)
        if known is not None and known.jwt is not None and known.kid is not None:
            return Signed(jwt=known.jwt, kid=known.kid)
        claims = await self._read(lambda tx: _list_claims(tx, list_id, version))

        async def judged() -> CredentialRefused | None:
            if claims is None:
                return CredentialRefused("unknown-list", f"There is no status list {list_id} at version {version}.")
            return self._goes_back(list_id, version, claims)

        return await self._signed(key, LIST, str(list_id), version, digest(claims), claims or {}, judged)

    async def _signed(
        self,
        key: str,
        kind: str,
        subject: str,
        number: int,
        content: str,
        claims: dict[str, Any],
        judged: Callable[[], Awaitable[CredentialRefused | None]],
    ) -> Signed:
        async with self._turn:
            known = self._journal.find(key) or self._journal.about(kind, subject, number)
            # Nothing was signed of it, and the bits of a version may change until it is.
            stale = kind == LIST and known is not None and known.jwt is None and known.digest != content
            why = None if stale else _conflict(known, key, content)
            if why is None and (known is None or known.jwt is None):
                why = await judged()
            if why is not None:
                await self._refuse(key, content, why)
                raise why
            if stale and known is not None:
                self._journal.forget(known.key)
                known = None
            entry = known or self._journal.plan(key, kind, subject, number, content)
            if entry.jwt is None:
                crash.reach("badge-planned")
                token = await signed(self._key, claims)
                entry = self._journal.keep(key, token, self._key.kid)
                crash.reach("badge-signed")
            if not entry.told:
                await self._tell(kind, entry)
            assert entry.jwt is not None and entry.kid is not None
            return Signed(jwt=entry.jwt, kid=entry.kid)

    def _goes_back(self, list_id: int, version: int, claims: dict[str, Any]) -> CredentialRefused | None:
        """A list never returns to an older version, and a bit that was set stays set."""
        before = self._journal.newest(LIST, str(list_id))
        if before is None or before.jwt is None:
            return None
        old = status_list.decoded(claims_of(before.jwt)["credentialSubject"]["encodedList"])
        new = status_list.decoded(claims["credentialSubject"]["encodedList"])
        forgotten = int.from_bytes(old, "big") & ~int.from_bytes(new, "big")
        if version < before.number or len(old) != len(new) or forgotten:
            text = "The database knows less than was published: it is an older copy, or was changed."
            return CredentialRefused("list-goes-back", text)
        return None

    async def _tell(self, kind: str, entry: Entry) -> None:
        """Audit a signature at least once: a crash just here writes the line again."""
        await self._write(lambda tx: _audit(tx, kind, entry))
        self._journal.told(entry.key)

    async def _refuse(self, key: str, content: str, why: CredentialRefused) -> None:
        self._journal.refused(key, content, why.code)
        await self._write(lambda tx: _audit_refusal(tx, key, content, why.code))

    async def _read(self, look: Callable[[Tx], Result]) -> Result:
        try:
            return await self._store.read(look)
        except StoreUnavailable as error:
            raise CredentialUnavailable("The database cannot be read right now.") from error

    async def _write(self, fn: Callable[[Tx], Any]) -> None:
        try:
            await self._store.write(fn)
        except StoreUnavailable as error:
            raise CredentialUnavailable("The database cannot be written right now.") from error


def _audit(tx: Tx, kind: str, entry: Entry) -> None:
    detail: dict[str, Any] = {"key": entry.key, "subject": entry.subject, "digest": entry.digest, "kid": entry.kid}
    if kind == BADGE:
        append(tx, CHAIN, "placet", "executor.badge-signed", detail)
    else:
        append(tx, CHAIN, "placet", "executor.list-signed", detail)


def _audit_refusal(tx: Tx, key: str, content: str, code: str) -> None:
    append(tx, CHAIN, "placet", "executor.refused", {"key": key, "digest": content, "code": code})


def _conflict(known: Entry | None, key: str, content: str) -> CredentialRefused | None:
    if known is None:
        return None
    if known.key != key:
        return CredentialRefused("signed-before", "This credential was signed under another key.")
    if known.digest != content:
        return CredentialRefused("key-reused", "Something else was signed under this key.")
    return None


def _objection(tx: Tx, decision_id: str, order: Order, ordered: str) -> CredentialRefused | None:
    """Why this order may not be signed, by what the database says now."""
    d, c, a = t.decision.c, t.case.c, t.act.c
    query = (
        sa.select(t.decision, c.kind, c.scope, c.requester, c.is_open, c.cancelled_by, c.compensating)
        .join_from(t.decision, t.case, c.id == d.case_id)
        .where(d.id == decision_id)
    )
    row = tx.conn.execute(query).mappings().one_or_none()
    if row is None or row["form"] != "task" or (row["kind"], row["name"]) != (ISSUANCE, APPROVAL):
        return CredentialRefused("unknown-decision", "There is no such approval of a badge.")
    if (row["case_id"], row["scope"]) != (order.case_id, order.scope):
        return CredentialRefused("other-order", "The approval belongs to another case.")
    rules = TaskRules.model_validate(row["rules"])
    if rules.subject_hash != ordered or digest(row["subject"]) != ordered:
        return CredentialRefused("other-order", "Another order was approved than this one.")
    verdict = Verdict.model_validate(row["verdict"]) if row["verdict"] else None
    if row["state"] != "closed" or verdict is None or not verdict.favourable or verdict.reason is not Reason.ANSWERED:
        return CredentialRefused("not-approved", "The order has not been approved.")
    acts = tx.conn.execute(
        sa.select(a.person_id, a.subject_hash).where(a.decision_id == decision_id, a.outcome == verdict.outcome)
    ).all()
    if len(acts) < rules.seats.needed or any(act.subject_hash != ordered for act in acts):
        return CredentialRefused("not-approved", "Too few people have approved just this order.")
    if {act.person_id for act in acts} & {row["requester"], order.holder}:
        return CredentialRefused("own-approval", "Whoever asks for a badge or gets it does not approve it.")
    if not row["is_open"] or row["cancelled_by"] is not None or row["compensating"]:
        return CredentialRefused("case-not-open", "The case has ended, or is being taken back.")
    if order.issuer != credentials.issuer(tx):
        return CredentialRefused("other-issuer", f"This executor signs for {credentials.issuer(tx)} only.")
    return None


def _list_claims(tx: Tx, list_id: int, version: int) -> dict[str, Any] | None:
    row = credentials.status_list(tx, list_id)
    if row is None or row["version"] < version:
        return None
    if row["version"] > version:
        raise CredentialUnavailable("The list has changed meanwhile; ask for its new version.")
    bits = credentials.set_bits(tx, list_id)
    since = credentials.moment(row["changed_at"])
    address = credentials.list_address(tx, list_id)
    return status_list.list_claims(address, credentials.issuer(tx), bits, row["size"], since)
