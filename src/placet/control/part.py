"""The part of all cases that somebody sees, as conditions for figures over many of them."""

import sqlalchemy as sa

from placet.control.counting import newest_own
from placet.domain.people import EVERYWHERE, Person
from placet.store.engine import Tx
from placet.store.sight import scopes_seen, sees_all

Column = sa.ColumnElement[str]
Piece = tuple[sa.ColumnElement[bool], ...]

MOST_OWN = 100
"""Of each reason for which somebody sees single cases, figures are of the newest so many."""


class Part:
    """Everything, or whole scopes and the single cases beside them; `is_cut` when they see more single cases than the
    figures look at."""

    def __init__(self, tx: Tx, person: Person, most: int = MOST_OWN) -> None:
        self.person = person
        self.everything = sees_all(person)
        self.scopes = [] if self.everything else scopes_seen(person)
        self._single, self.is_cut = ([], False) if self.everything else newest_own(tx, person, most)

    @property
    def names(self) -> list[str]:
        """The whole scopes, where `*` stands for everything."""
        return [EVERYWHERE] if self.everything else self.scopes

    def whole(self, scope: Column) -> list[Piece]:
        """The conditions for everything, or for each whole scope; each led to by an index that begins with it."""
        return [()] if self.everything else [(scope == one,) for one in self.scopes]

    def together(self, scope: Column) -> list[Piece]:
        """The same in one condition, where the index goes on with what else is asked for."""
        return [()] if self.everything else [(scope.in_(self.scopes),)] if self.scopes else []

    def single(self, case_id: Column, scope: Column) -> list[Piece]:
        """The condition for the single cases beside whole scopes, if there are any: no case is in two conditions."""
        mine = case_id.in_(self._single)
        return [(mine, scope.not_in(self.scopes)) if self.scopes else (mine,)] if self._single else []

    def whole_in_time(self, scope: Column) -> list[Piece]:
        """The same as `whole` for a span of time, by which the cases are found better than by their scope."""
        if self.everything:
            return [()]
        return [(sa.func.coalesce(scope, "").in_(self.scopes),)] if self.scopes else []
