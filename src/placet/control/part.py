"""The part of all cases that somebody sees, as conditions for figures over many of them."""

import sqlalchemy as sa

from placet.control.counting import newest_own
from placet.domain.people import Person
from placet.store.engine import Tx
from placet.store.sight import scopes_seen, sees_all

MOST_OWN = 150
"""Of each reason for which somebody sees single cases, figures are of the newest so many."""


class Part:
    """Everything, or whole scopes and the single cases beside them; `is_cut` when they see more single cases than the
    figures look at."""

    def __init__(self, tx: Tx, person: Person) -> None:
        self.person = person
        self.everything = sees_all(person)
        self.scopes = [] if self.everything else scopes_seen(person)
        self._single, self.is_cut = ([], False) if self.everything else newest_own(tx, person, MOST_OWN)

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
        mine = case_id.in_(self._single)
        return (mine, scope.not_in(self.scopes)) if self.scopes else (mine,)
