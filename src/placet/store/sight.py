"""What a person may see, as SQL; the rule is `domain.access`.

Lists go by the reasons for which somebody sees a case: each reason is one index, in which the cases stand newest first.
A database reads a few rows of each, and never all for an OR of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from placet.domain.access import SEES_ALL, SEES_SCOPE
from placet.domain.people import EVERYWHERE, Person
from placet.store import tables as t

_k, _p, _c = t.case.c, t.case_party.c, t.candidate.c


@dataclass(frozen=True)
class Way:
    """One reason for which somebody sees cases: rows that name the case and when it opened."""

    case_id: sa.ColumnElement[str]
    opened_at: sa.ColumnElement[Any]
    where: sa.ColumnElement[bool]

    @property
    def is_case(self) -> bool:
        """Whether the rows are the cases themselves."""
        return self.case_id is _k.id


def sees_all(person: Person) -> bool:
    """Whether this person sees every case there is."""
    if person.external or not person.active:
        return False
    everywhere = any(grant.role in SEES_SCOPE and grant.scope == EVERYWHERE for grant in person.grants)
    return everywhere or any(person.holds_any(role) for role in SEES_ALL)


def scopes_seen(person: Person) -> list[str]:
    """The scopes all of whose cases this person sees, for one who does not see everything."""
    if person.external or not person.active:
        return []
    return sorted({grant.scope for grant in person.grants if grant.role in SEES_SCOPE})


def ways(person: Person) -> list[Way]:
    """All reasons for which this person, who does not see everything, sees cases."""
    if not person.active:
        return []
    scopes = [Way(_k.id, _k.opened_at, _k.scope == scope) for scope in scopes_seen(person)]
    involved = Way(_p.case_id, _p.opened_at, _p.person_id == person.id)
    return [*scopes, involved, *(Way(_c.case_id, _c.case_opened_at, reason) for reason in reasons(person))]


def sees_case(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `case_` for this person: looked up from each case that a query names."""
    if sees_all(person):
        return sa.true()
    if not person.active:
        return sa.false()
    involved = sa.exists().where(_p.case_id == _k.id, _p.person_id == person.id)
    asked = sa.exists().where(_c.case_id == _k.id, is_candidate(person))
    scopes = scopes_seen(person)
    return involved | asked | _k.scope.in_(scopes) if scopes else involved | asked


def is_candidate(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `candidate` for rows that mean this person, by name or by a role they hold now."""
    return sa.or_(*reasons(person))


def reasons(person: Person) -> Sequence[sa.ColumnElement[bool]]:
    """The same, reason by reason; each has an index of its own."""
    everywhere = sorted({grant.role for grant in person.grants if grant.scope == EVERYWHERE})
    scoped = sorted({(grant.role, grant.scope) for grant in person.grants if grant.scope != EVERYWHERE})
    return [
        _c.person_id == person.id,
        *(_c.role == role for role in everywhere),
        *((_c.role == role) & (_c.scope == scope) for role, scope in scoped if role not in everywhere),
    ]
