"""Who may use which page of councils, resources and credentials: routes times callers, against one table."""

from typing import Any

import pytest
from fastapi.routing import APIRoute

from api import badge_room, council
from api.office import Office
from placet.store import tables as t
from placet.web import council as pages
from placet.web import credentials, resources
from web.desk import Desk, desk

DONE = "done"
CALLERS = {
    "nobody": None,
    "forged": None,
    "inactive": "ina",
    "uninvolved": "mia",
    "requester": "rita",
    "holder": "mo",
    "member": "tara",
    "other member": "tess",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "inactive"), 303)
Table = dict[str, int | str]


def signed_in(status: int | str = 200, **other: int | str) -> Table:
    return {**dict.fromkeys(CALLERS, status), **UNKNOWN, **other}


def only(status: int | str, *callers: str, **other: int | str) -> Table:
    return {**dict.fromkeys(CALLERS, 403), **UNKNOWN, **dict.fromkeys(callers, status), **other}


# The holder of the credential has nothing to do with the payment, nor its council with the credential.
OUTSIDE: dict[str, Any] = dict.fromkeys(("uninvolved", "holder", "other member", "other coordinator"), 404)
NO_HOLDER: dict[str, Any] = dict.fromkeys(("uninvolved", "member", "other member", "other coordinator"), 404)
ELSEWHERE: dict[str, Any] = {"uninvolved": 404, "other member": 404, "other coordinator": 404}

ACCESS: dict[tuple[str, str], Table] = {
    ("GET", "/multisigs/{multisig_id}"): signed_in(**OUTSIDE),
    ("GET", "/multisigs/{multisig_id}/typed-data.json"): signed_in(404),
    ("POST", "/multisigs/{multisig_id}/approve"): only(DONE, "member", **OUTSIDE),
    ("POST", "/multisigs/{multisig_id}/refuse"): only(DONE, "member", **OUTSIDE),
    ("POST", "/multisigs/{multisig_id}/withdraw"): only(409, "member", **OUTSIDE),
    ("GET", "/resources"): signed_in(),
    ("POST", "/resources"): only(DONE, "coordinator", "admin"),
    ("GET", "/resources/{kind}/{resource_id}"): signed_in(**ELSEWHERE),
    ("POST", "/resources/{kind}/{resource_id}/change"): only(
        DONE, "requester", "holder", "coordinator", "admin", **ELSEWHERE
    ),
    ("GET", "/credentials-mine"): signed_in(),
    ("GET", "/credentials-mine/{credential_id}"): signed_in(**NO_HOLDER),
    ("GET", "/credentials-mine/{credential_id}/credential.jwt"): {
        **dict.fromkeys(CALLERS, 404),
        **UNKNOWN,
        **dict.fromkeys(("holder", "coordinator", "admin"), 200),
    },
    ("POST", "/credentials-mine/{credential_id}/revoke"): only(DONE, "holder", "coordinator", "admin", **NO_HOLDER),
}

FORMS: dict[str, dict[str, str]] = {
    "/multisigs/{multisig_id}/approve": {"intent_hash": council.INTENT.hash},
    "/multisigs/{multisig_id}/refuse": {"why": "Too much"},
    "/resources": {"kind": "project", "id": "fence", "scope": "deals"},
    "/resources/{kind}/{resource_id}/change": {"becomes": "hibernating"},
    "/credentials-mine/{credential_id}/revoke": {"reason": "Lost."},
}


def test_the_table_names_every_route_of_these_pages() -> None:
    routes = {
        (method, route.path)
        for area in (pages, resources, credentials)
        for route in area.routes.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes == set(ACCESS)


async def callers(office: Office) -> dict[str, Desk]:
    await council.sit(office)
    await office.hire("ina", "admin")
    await office.hire("mia")
    found = {name: await desk(office, who) for name, who in CALLERS.items()}
    found["forged"] = Desk(office, "made-up")
    gone = t.person.update().where(t.person.c.id == "ina").values(active=False)
    await office.store.write(lambda tx: tx.conn.execute(gone).rowcount)
    return found


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    everyone = await callers(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office) if "credential" in path else ""
    got: Table = {}
    for number, (name, caller) in enumerate(everyone.items()):
        multisig = await council.put(office) if "multisig" in path else ""
        body = {"kind": "project", "id": f"pond-{number}", "scope": "deals"}
        await office.call("root", "POST", "/api/v1/resources", body)
        ids = {"multisig_id": multisig, "credential_id": credential, "kind": "project", "resource_id": body["id"]}
        filled = path.format(**ids)
        form = dict(FORMS.get(path, {}))
        if path == "/resources":
            form["id"] = f"fence-{number}"
        answer = await caller.get(filled) if method == "GET" else await caller.post(filled, form)
        leads = answer.headers.get("Location", "")
        got[name] = DONE if answer.status_code == 303 and not leads.startswith("/signin") else answer.status_code
        if path.endswith("/revoke"):
            await badge_room.close_cases(office)
    assert got == ACCESS[method, path]
