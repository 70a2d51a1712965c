"""Badges and credentials as people see them, and what the whole world may fetch to check one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import Field

from placet.connectors.credentials.open_badge import issuer_profile
from placet.connectors.credentials.port import EXACT_IN_JSON
from placet.control import cursor
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, found
from placet.control.sent import Id, Name, OneLine, Paging, Sent
from placet.control.views import Page, View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.said import Said
from placet.store import credentials, people
from placet.store import tables as t
from placet.store.audit import append
from placet.store.credentials import CredentialState
from placet.store.engine import Tx
from placet.store.house import BadLink, LinkExpired
from placet.store.sight import sees_case

DEFINE = "badge.define"
BADGES = "@badges"
"""The chain of what badges were defined."""

_b, _c = t.badge.c, t.credential.c


class GivenBadge(Sent):
    """A badge that can be earned; `cost` is in the smallest unit, `valid_days` how long a credential counts."""

    id: Id
    name: Name
    description: str = Field(min_length=1, max_length=4000)
    criteria: str = Field(min_length=1, max_length=4000)
    cost: int = Field(default=0, ge=0, le=EXACT_IN_JSON, strict=True)
    valid_days: int | None = Field(default=None, ge=1, le=36_500, strict=True)


class BadgeView(View):
    id: str
    name: str
    description: str
    criteria: str
    cost: int
    valid_days: int | None
    created_by: str
    created_at: datetime


class CredentialFilter(Paging):
    """Which credentials: of a badge, a holder, a scope, a state."""

    badge: OneLine | None = Field(default=None, max_length=64)
    holder: OneLine | None = Field(default=None, max_length=200)
    scope: OneLine | None = Field(default=None, max_length=64)
    state: CredentialState | None = None


class CredentialLine(View):
    """`expired` is one that was issued, was not revoked, and has passed its last day."""

    id: str
    badge: str
    name: str
    holder: str
    scope: str
    state: str
    expired: bool
    case_id: str
    drawn_at: datetime
    issued_at: datetime | None
    valid_until: datetime | None
    ended_at: datetime | None


class CredentialView(CredentialLine):
    """`jwt` is the signed credential, for its holder and those who administer its scope; None for others."""

    digest: str
    kid: str | None
    status_list: str
    status_index: int
    jwt: str | None


class Credentials:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def badges(self, page: Paging) -> Page[BadgeView]:
        """What can be earned, by id."""
        query = sa.select(t.badge).order_by(_b.id).limit(page.limit + 1)
        if page.cursor is not None:
            query = query.where(_b.id > cursor.decode(page.cursor, str)[0])

        def look(tx: Tx) -> Page[BadgeView]:
            rows = tx.conn.execute(query).mappings().all()
            shown = [BadgeView(**row) for row in rows[: page.limit]]
            return Page(items=shown, next_cursor=cursor.encode(shown[-1].id) if len(rows) > page.limit else None)

        return await self._door.read(look)

    async def define(self, person: Person, given: GivenBadge, once: Once | None = None) -> Done:
        """Define a badge, for good: the same content again gives the same answer, another is a conflict."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_BADGES, EVERYWHERE):
                return forbidden(tx, present, DEFINE, "Only administrators define badges.", {"badge": given.id})
            wanted = given.model_dump()
            row = wanted | {"created_by": present.id, "created_at": tx.now}
            new = tx.insert_ignoring(t.badge, row)
            if new:
                append(tx, BADGES, present.id, "badge.defined", {"badge": given.id, "cost": given.cost})
            kept = credentials.badge(tx, given.id)
            assert kept is not None
            if any(kept[field] != value for field, value in wanted.items()):
                detail = f"There is a badge {given.id} already, and badges do not change; take another id."
                raise Problem("badge-exists", detail, field="id")
            return Done(BadgeView(**kept).model_dump(mode="json"), created=new)

        return await self._door.act(person, DEFINE, act, once)

    async def listed(self, person: Person, which: CredentialFilter) -> Page[CredentialLine]:
        """Those that this person holds, and those whose cases they see, newest first."""
        query = sa.select(t.credential).where(_seen(person)).order_by(_c.drawn_at.desc(), _c.id.desc())
        for column, value in ((_c.badge_id, which.badge), (_c.holder, which.holder), (_c.scope, which.scope)):
            if value is not None:
                query = query.where(column == value)
        if which.state is not None:
            query = query.where(_c.state == which.state)
        if which.cursor is not None:
            at, last = cursor.decode(which.cursor, int, str)
            before = sa.tuple_(sa.literal(cursor.moment(at), _c.drawn_at.type), sa.literal(last))
            query = query.where(sa.tuple_(_c.drawn_at, _c.id) < before)

        def look(tx: Tx) -> Page[CredentialLine]:
            rows = tx.conn.execute(query.limit(which.limit + 1)).mappings().all()
            shown = rows[: which.limit]
            more = len(rows) > which.limit
            following = cursor.encode(cursor.micros(shown[-1]["drawn_at"]), shown[-1]["id"]) if more else None
            return Page(items=[CredentialLine(**_line(row, tx.now)) for row in shown], next_cursor=following)

        return await self._door.read(look)

    async def get(self, person: Person, credential_id: str) -> CredentialView:
        query = sa.select(t.credential).where(_c.id == credential_id, _seen(person))

        def look(tx: Tx) -> CredentialView | None:
            row = tx.conn.execute(query).mappings().one_or_none()
            if row is None:
                return None
            mine = row["holder"] == person.id or permitted(person, Action.MANAGE_CASE, row["scope"])
            issued = row["issued_at"] is not None
            return CredentialView(
                **_line(row, tx.now),
                digest=row["digest"],
                kid=row["kid"],
                status_list=row["order"]["status_list"],
                status_index=row["list_index"],
                jwt=row["jwt"] if mine and issued else None,
            )

        return found(await self._door.read(look))

    # What needs no sign-in.

    async def offered(self, token: str) -> str:
        """The signed credential behind an offer link."""

        def look(tx: Tx) -> str:
            try:
                credential, holder = tx.house.read_offer(token, tx.now)
            except LinkExpired as expired:
                raise Problem("link-expired", str(expired)) from expired
            except BadLink as bad:
                raise Problem("link-damaged", Said("This link is damaged; use the one in your mail.")) from bad
            row, person = credentials.find(tx, credential), people.find(tx, holder)
            if person is None or not person.active or row is None or row["holder"] != holder:
                raise Problem("link-expired", Said("This link is no longer valid; ask the person who sent it."))
            if row["state"] != CredentialState.ISSUED:
                raise Problem("credential-revoked", Said("This credential has been revoked."))
            jwt: str = row["jwt"]
            return jwt

        return await self._door.read(look)

    async def status_list(self, number: str) -> str:
        """The published status list, signed."""
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            return found(None)
        row = await self._door.read(lambda tx: credentials.status_list(tx, int(number)))
        published: str | None = row["jwt"] if row else None
        return found(published)

    async def keys(self) -> list[dict[str, Any]]:
        return list((await self._door.read(credentials.public_keys)).values())

    async def issuer(self) -> dict[str, Any]:
        """Who issues, as credentials name it, and where the keys are."""

        def look(tx: Tx) -> dict[str, Any]:
            profile = issuer_profile(credentials.issuer(tx), tx.house.issuer_name)
            return profile | {"url": tx.house.page("/"), "jwks_uri": tx.house.page("/.well-known/jwks.json")}

        return await self._door.read(look)


def _seen(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `credential` for this person: who holds it sees it, and who sees its case."""
    return (_c.holder == person.id) | sa.exists().where(t.case.c.id == _c.case_id, sees_case(person))


def _line(row: Mapping[Any, Any], now: datetime) -> dict[str, Any]:
    ends = row["valid_until"]
    same = ("id", "holder", "scope", "state", "case_id", "drawn_at", "issued_at", "valid_until", "ended_at")
    return {name: row[name] for name in same} | {
        "badge": row["badge_id"],
        "name": row["order"]["badge"]["name"],
        "expired": row["state"] == CredentialState.ISSUED and ends is not None and ends <= now,
    }
