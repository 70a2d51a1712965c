"""The people of the organisation as administrators look them up, with the tokens they hold."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import Field

from placet.control import cursor, stranded
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem, not_found
from placet.control.people import NOT_ADMIN
from placet.control.sent import OneLine, Paging
from placet.control.stranded import StrandedMultisig, StrandedTask
from placet.control.tokens import TokenLine
from placet.control.views import Page, PersonView, View
from placet.domain.access import Action, permitted
from placet.domain.audit import REGISTRY
from placet.domain.people import BUILT_IN_ROLES, EVERYWHERE, Person
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Tx

READ, REVOKE = "person.read", "person.revoke-token"
MOST_NAMES = 500
COMMON_SCOPE = "general"

_p, _g, _a, _acc, _i = t.person.c, t.role_grant.c, t.access_token.c, t.account.c, t.invitation.c
_e, _x = t.audit.c, t.audit_text.c


class PeopleFilter(Paging):
    """Which people: those whose id, name or address contains `q`; of the organisation, or `outside` of it."""

    q: OneLine = Field(default="", max_length=100)
    outside: bool = Field(default=False, strict=False)


class ShutOut(View):
    """Since when, by whom and why nobody gets in as somebody; `case_id` is the case that decided it."""

    at: datetime
    by: str
    case_id: str | None
    reason: str


class PersonFile(View):
    """Somebody with what they can sign in with; `invited_until` while an invitation is open.

    `shut_out` tells of somebody inactive. `stranded` are the open tasks that too few people can answer without them,
    and `stranded_multisigs` what too few of a council can approve.
    """

    person: PersonView
    has_password: bool
    invited_until: datetime | None
    tokens: list[TokenLine]
    shut_out: ShutOut | None
    stranded: list[StrandedTask]
    stranded_multisigs: list[StrandedMultisig]


class Known(View):
    """The roles and scopes that grants name, to choose from."""

    roles: list[str]
    scopes: list[str]


class Directory:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, person: Person, which: PeopleFilter) -> Page[PersonView]:
        """The people of the organisation, or those outside, by id."""
        await self._only(person)
        query = sa.select(_p.id).where(_p.external == which.outside).order_by(_p.id).limit(which.limit + 1)
        if which.q:
            wanted = which.q.strip().lower()
            columns = (_p.id, _p.name, _p.email)
            query = query.where(sa.or_(*(sa.func.lower(c).contains(wanted, autoescape=True) for c in columns)))
        if which.cursor is not None:
            query = query.where(_p.id > cursor.decode(which.cursor, str)[0])

        def look(tx: Tx) -> Page[PersonView]:
            ids = list(tx.conn.execute(query).scalars())
            these = ids[: which.limit]
            following = cursor.encode(these[-1]) if len(ids) > which.limit else None
            return Page(items=[_view(tx, one) for one in these], next_cursor=following)

        return await self._door.read(look)

    async def get(self, person: Person, person_id: str) -> PersonFile:
        """One of them, also somebody outside."""
        await self._only(person)

        def look(tx: Tx) -> PersonFile:
            found = people.find(tx, person_id)
            if found is None:
                raise not_found()
            password = sa.select(_acc.password_hash).where(_acc.person_id == person_id)
            open_one = (_i.person_id == person_id) & _i.used_at.is_(None) & (_i.expires_at > tx.now)
            held = sa.select(_a.hash, _a.label, _a.created_at).where(_a.person_id == person_id, _a.revoked_at.is_(None))
            return PersonFile(
                person=_view(tx, person_id),
                has_password=tx.conn.execute(password).scalar_one_or_none() is not None,
                invited_until=tx.conn.execute(sa.select(sa.func.max(_i.expires_at)).where(open_one)).scalar_one(),
                tokens=[
                    TokenLine(id=people.token_id(row.hash), label=row.label, created_at=row.created_at)
                    for row in tx.conn.execute(held.order_by(_a.created_at.desc(), _a.hash))
                ],
                shut_out=None if found.active else _shut_out(tx, person_id),
                stranded=stranded.without(tx, found),
                stranded_multisigs=stranded.councils_without(tx, found),
            )

        return await self._door.read(look)

    async def there(self, person: Person, ids: list[str]) -> set[str]:
        """Which of these ids belong to somebody."""
        await self._only(person)
        query = sa.select(_p.id).where(_p.id.in_(sorted(set(ids))))
        return await self._door.read(lambda tx: set(tx.conn.execute(query).scalars()))

    async def known(self) -> Known:
        """The roles and scopes there are; no secret, as every case shows its own."""

        def look(tx: Tx) -> Known:
            roles = tx.conn.execute(sa.select(_g.role).distinct().limit(MOST_NAMES)).scalars()
            scopes = tx.conn.execute(sa.select(_g.scope).distinct().limit(MOST_NAMES)).scalars()
            return Known(
                roles=sorted({*roles, *BUILT_IN_ROLES, "voter", "proposer"}),
                scopes=sorted({*scopes, COMMON_SCOPE} - {EVERYWHERE}),
            )

        return await self._door.read(look)

    async def revoke(self, person: Person, person_id: str, token_id: str, once: Once | None = None) -> Done:
        """End somebody's token; twice changes nothing."""

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.MANAGE_PEOPLE, EVERYWHERE):
                return forbidden(tx, present, REVOKE, NOT_ADMIN, {"person": person_id})
            held = tx.conn.execute(sa.select(_a.hash).where(_a.person_id == person_id)).scalars()
            hashes = [hashed for hashed in held if people.token_id(hashed) == token_id]
            if not hashes:
                return not_found()
            people.revoke_token(tx, present.id, hashes[0])
            return Done({"id": token_id})

        return await self._door.act(person, REVOKE, act, once)

    async def _only(self, person: Person) -> None:
        if not permitted(person, Action.MANAGE_PEOPLE, EVERYWHERE):
            await self._door.act(person, READ, lambda tx, present: forbidden(tx, present, READ, NOT_ADMIN))


def _shut_out(tx: Tx, person_id: str) -> ShutOut | None:
    line = sa.select(_p.active_line).where(_p.id == person_id).scalar_subquery()
    query = (
        sa.select(_e.at, _e.actor, _e.detail, _x.text)
        .outerjoin_from(t.audit, t.audit_text, (_x.chain == _e.chain) & (_x.seq == _e.seq) & (_x.field == "reason"))
        .where(_e.chain == REGISTRY, _e.seq == line)
    )
    row = tx.conn.execute(query).one_or_none()
    return ShutOut(at=row.at, by=row.actor, case_id=row.detail.get("case"), reason=row.text or "") if row else None


def _view(tx: Tx, person_id: str) -> PersonView:
    person = people.find(tx, person_id)
    assert person is not None
    return PersonView(**person.model_dump(exclude={"grants"}), grants=list(person.grants))
