"""The tables of who may use what cover the whole application."""

from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from api import test_access, test_credentials_access, test_multisig_access, test_voting_access
from api.office import Office
from web import test_access as pages
from web import test_access_coop as coop_pages
from web import test_access_voting as more_pages


def routes(office: Office) -> set[tuple[str, str]]:
    """Every method and path that the application answers."""
    found = set()
    for route in iter_route_contexts(office.app.routes):
        path = f"{route.path}/{{path}}" if isinstance(getattr(route, "route", route), Mount) else route.path
        methods = getattr(route, "methods", None) or {"GET"}
        found |= {(method, path) for method in methods if method != "HEAD"}
    return found


async def test_every_route_has_a_row_in_a_table_and_no_row_is_left_over(office: Office) -> None:
    api = (test_access, test_voting_access, test_multisig_access, test_credentials_access)
    rows = [row for table in (*api, pages, more_pages, coop_pages) for row in table.ACCESS]
    listed = [(method, path.partition("?")[0]) for method, path in rows]
    assert routes(office) == set(listed)
