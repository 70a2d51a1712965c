"""The part of all cases that somebody sees, as conditions for figures over many of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from placet.control.counting import own
from placet.domain.people import Person
from placet.store import tables as t
from placet.store.sight import scopes_seen, sees_all

MOST_OWN = 1000
"""Of each reason for which somebody sees single cases, figures are of the newest so many."""

_k = t.case.c


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
    ) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
        """Conditions that have no case in common, each led to by an index."""
        if self.everything:
            yield ()
            return
        for one in self.scopes:
            yield (scope == one,)
        yield case_id.in_(own(self.person, MOST_OWN)), scope.not_in(self.scopes)
