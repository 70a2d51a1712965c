"""Where somebody may start a workflow: the scopes to choose from, or any that they name."""

from dataclasses import dataclass

from fastapi import Request

from placet.control.errors import Problem
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.web.pages import control_of
from placet.web.words import _


@dataclass(frozen=True)
class Places:
    """`scopes` to choose from; with `anywhere` another one may be named."""

    scopes: tuple[str, ...]
    anywhere: bool = False

    def __bool__(self) -> bool:
        return self.anywhere or bool(self.scopes)


async def places_of(request: Request, person: Person, kind: str) -> Places:
    """The scopes in which this person may start cases of this kind."""
    control = control_of(request)
    line = next((one for one in control.workflows.listed().items if one.kind == kind), None)
    if line is None:
        raise Problem("unknown-kind", _("There is no such workflow, or people do not start it."))
    starters = tuple(line.starters)
    # A scope that nobody else is in: who may start there may start anywhere.
    anywhere = not person.external and any(
        grant.scope == EVERYWHERE and permitted(person, Action.START, EVERYWHERE, starters) for grant in person.grants
    )
    known = (await control.directory.known()).scopes if anywhere else []
    own = {grant.scope for grant in person.grants} - {EVERYWHERE}
    scopes = sorted(scope for scope in {*known, *own} if permitted(person, Action.START, scope, starters))
    return Places(tuple(scopes), anywhere)
