"""What a person may see, as SQL conditions; the rule is `domain.access`."""

import sqlalchemy as sa

from placet.domain.access import SEES_ALL, SEES_SCOPE
from placet.domain.people import EVERYWHERE, Person
from placet.store import tables as t


def visible_cases(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `case_` for this person: involved in it, coordinating its scope, or seeing all."""
    involved = t.case.c.id.in_(sa.select(t.case_party.c.case_id).where(t.case_party.c.person_id == person.id))
    asked = t.case.c.id.in_(sa.select(t.candidate.c.case_id).where(is_candidate(person)))
    return _visible(person, involved, asked)


def sees_case(person: Person) -> sa.ColumnElement[bool]:
    """The same condition for a query that names its case: looked up from the case, not from all there ever was."""
    party, c = t.case_party.c, t.candidate.c
    involved = sa.exists().where(party.case_id == t.case.c.id, party.person_id == person.id)
    asked = sa.exists().where(c.case_id == t.case.c.id, is_candidate(person))
    return _visible(person, involved, asked)


def _visible(person: Person, involved: sa.ColumnElement[bool], asked: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    if not person.active:
        return sa.false()
    if not person.external and any(person.holds_any(role) for role in SEES_ALL):
        return sa.true()
    scopes = {grant.scope for grant in person.grants if grant.role in SEES_SCOPE}
    if person.external or not scopes:
        return involved | asked
    if EVERYWHERE in scopes:
        return sa.true()
    return involved | asked | t.case.c.scope.in_(sorted(scopes))


def is_candidate(person: Person) -> sa.ColumnElement[bool]:
    """The condition on `candidate` for rows that mean this person, by name or by a role they hold now."""
    c = t.candidate.c
    conditions: list[sa.ColumnElement[bool]] = [c.person_id == person.id]
    everywhere = sorted({grant.role for grant in person.grants if grant.scope == EVERYWHERE})
    if everywhere:
        conditions.append(c.role.in_(everywhere))
    scoped = sorted({(grant.role, grant.scope) for grant in person.grants if grant.scope != EVERYWHERE})
    conditions += [(c.role == role) & (c.scope == scope) for role, scope in scoped]
    return sa.or_(*conditions)
