"""The part of all cases that somebody sees, as conditions for figures over many of them."""

from dataclasses import dataclass

import sqlalchemy as sa

from placet.control.counting import own
from placet.domain.people import Person
from placet.store.sight import scopes_seen, sees_all

MOST_OWN = 150
"""Of each reason for which somebody sees single cases, figures are of the newest so many."""


@dataclass(frozen=True)
class Part:
    """Everything, or whole scopes and the single cases beside them."""

    person: Person

    @property
    def everything(self) -> bool:
        return sees_all(self.person)

    @property
    def scopes(self) -> list[str]:
        return scopes_seen(self.person)

    def pieces(
        self, case_id: sa.ColumnElement[str], scope: sa.ColumnElement[str]
    ) -> list[tuple[sa.ColumnElement[bool], ...]]:
        """Conditions that have no case in common, each led to by an index that begins with it."""
        if self.everything:
            return [()]
        return [*((scope == one,) for one in self.scopes), self._own(case_id, scope)]

    def pieces_in_time(
        self, case_id: sa.ColumnElement[str], scope: sa.ColumnElement[str]
    ) -> list[tuple[sa.ColumnElement[bool], ...]]:
        """The same for a query of a span of time, by which whole scopes are found better than by the scope."""
        if self.everything or not self.scopes:
            return self.pieces(case_id, scope)
        return [(sa.func.coalesce(scope, "").in_(self.scopes),), self._own(case_id, scope)]

    def _own(self, case_id: sa.ColumnElement[str], scope: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
        mine = case_id.in_(own(self.person, MOST_OWN))
        return (mine, scope.not_in(self.scopes)) if self.scopes else (mine,)
