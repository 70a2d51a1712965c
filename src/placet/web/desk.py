"""Pages of administration: what each of them knows."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from placet.domain.people import Person
from placet.web.navigation import manages
from placet.web.pages import page


def desk(request: Request, person: Person, template: str, status: int = 200, **context: Any) -> Response:
    """The page, with the tabs that this person may open."""
    return page(request, template, status, manages=manages(person), **context)
