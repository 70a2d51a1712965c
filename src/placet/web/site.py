"""All the pages of the application, area by area; a new area adds its routes here."""

from fastapi import FastAPI

from placet.web import (
    account,
    administration,
    case,
    cases,
    catalogue,
    council,
    credentials,
    inbox,
    links,
    live,
    overview,
    passkeys,
    persons,
    previews,
    proposing,
    provider,
    resources,
    signin,
    task,
    upkeep,
    uploads,
    voting,
)
from placet.web.assets import Assets

AREAS = (
    *(signin, provider, passkeys, account, inbox, task, council, cases, case, previews, live, links, uploads),
    *(overview, voting, proposing, catalogue, persons, upkeep, administration, resources, credentials),
)


def install(app: FastAPI) -> None:
    """Add the pages, and what they are made of."""
    app.mount("/static", Assets(), name="static")
    for area in AREAS:
        app.include_router(area.routes)
