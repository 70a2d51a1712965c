"""Who may use which page of voting, proposals, catalogue, administration: routes times callers, against one table."""

from typing import Any

import pytest
from fastapi.routing import APIRoute

from api import chamber
from api.office import Office
from placet.store import tables as t
from placet.web import administration, catalogue, overview, persons, proposing, upkeep, voting
from web.desk import Desk, desk

DONE = "done"
CALLERS = {
    "nobody": None,
    "forged": None,
    "inactive": "ina",
    "uninvolved": "mo",
    "proposer": "prue",
    "voter": "v0",
    "other voter": "lars",
    "coordinator": "cora",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "inactive"), 303)
HIDDEN: dict[str, Any] = {"uninvolved": 404, "other voter": 404}
Table = dict[str, int | str]


def signed_in(status: int | str = 200, **other: int | str) -> Table:
    return {**dict.fromkeys(CALLERS, status), **UNKNOWN, **other}


def only(status: int | str, *callers: str, **other: int | str) -> Table:
    return {**dict.fromkeys(CALLERS, 403), **UNKNOWN, **dict.fromkeys(callers, status), **other}


VOTERS = ("proposer", "voter", "other voter", "coordinator", "council", "admin")
SEEN = signed_in(**HIDDEN)
ADMIN, ADMIN_DONE = only(200, "admin"), only(DONE, "admin")
OFFICE = only(200, "admin", "council")

ACCESS: dict[tuple[str, str], Table] = {
    ("GET", "/voter"): only(200, *VOTERS),
    ("GET", "/voter/ended"): only(200, *VOTERS),
    ("GET", "/voter/proposals/{proposal_id}"): SEEN,
    ("POST", "/voter/proposals/{proposal_id}/vote"): only(DONE, "voter", **HIDDEN),
    # Nobody of them has voted.
    ("GET", "/voter/proposals/{proposal_id}/receipt"): signed_in(404),
    ("GET", "/voter/proposals/{proposal_id}/receipt.txt"): signed_in(404),
    ("GET", "/voter/proposals/{proposal_id}/receipt.json"): signed_in(404),
    ("GET", "/voter/proposals/{proposal_id}/ballot.jsonl"): SEEN,
    ("GET", "/voter/proposals/{proposal_id}/force"): only(200, "admin", **HIDDEN),
    ("POST", "/voter/proposals/{proposal_id}/force"): only(DONE, "admin", **HIDDEN),
    ("GET", "/proposer"): signed_in(),
    ("GET", "/proposer/new"): signed_in(),
    ("POST", "/proposer/new"): only(DONE, "proposer", "admin"),
    ("GET", "/proposer/delete"): signed_in(),
    ("POST", "/proposer/delete"): only(DONE, "proposer", "voter", "admin", **HIDDEN),
    ("GET", "/catalogue"): signed_in(),
    ("GET", "/catalogue/{kind}/start"): signed_in(),
    ("POST", "/catalogue/{kind}/start"): signed_in(DONE, **{"other voter": 403}),
    ("GET", "/admin/people"): ADMIN,
    ("GET", "/admin/people/new"): ADMIN,
    ("POST", "/admin/people/new"): ADMIN_DONE,
    ("GET", "/admin/people/{person_id}"): ADMIN,
    ("POST", "/admin/people/{person_id}/grants"): ADMIN_DONE,
    ("POST", "/admin/people/{person_id}/voter"): ADMIN_DONE,
    ("POST", "/admin/people/{person_id}/deactivate"): ADMIN_DONE,
    ("POST", "/admin/people/{person_id}/reactivate"): ADMIN_DONE,
    ("POST", "/admin/people/{person_id}/invite"): ADMIN,
    ("POST", "/admin/people/{person_id}/tokens"): ADMIN,
    ("POST", "/admin/people/{person_id}/tokens/{token_id}/revoke"): only(404, "admin"),
    ("GET", "/admin/import"): ADMIN,
    ("POST", "/admin/import"): ADMIN,
    ("GET", "/admin"): OFFICE,
    ("GET", "/admin/money"): {**OFFICE, "coordinator": 403},
    ("POST", "/admin/money"): ADMIN_DONE,
    ("GET", "/admin/policies"): OFFICE,
    ("GET", "/admin/policies/{name}"): OFFICE,
    ("POST", "/admin/policies/{name}"): ADMIN_DONE,
    ("GET", "/admin/mails"): ADMIN,
    ("GET", "/admin/health"): OFFICE,
    ("GET", "/overview"): signed_in(),
    ("GET", "/overview/export.csv"): signed_in(),
    ("GET", "/admin/steps"): ADMIN,
    # There is no such task.
    ("POST", "/admin/steps"): only(404, "admin"),
    ("GET", "/admin/outbox"): ADMIN,
    # There is no such mail.
    ("GET", "/admin/outbox/{message_id}"): only(404, "admin"),
    ("POST", "/admin/outbox/{message_id}/retry"): only(404, "admin"),
}

FORMS: dict[str, dict[str, str]] = {
    "/voter/proposals/{proposal_id}/vote": {"decision": "deny", "sure": "yes"},
    "/voter/proposals/{proposal_id}/force": {"reason": "It burns.", "sure": "yes"},
    "/proposer/new": {
        "_do": "propose",
        "_scope": "deals",
        "title": "A pond",
        "steps.0.title": "Dig",
        "steps.0.bounty": "3",
        "recurrence": "one_time",
    },
    "/proposer/delete": {"target_kind": "workflow", "reason": "No need.", "sure": "yes"},
    "/catalogue/{kind}/start": {"_scope": "deals", "name": "Ink", "amount": "1"},
    "/admin/people/{person_id}/deactivate": {"reason": "Has left."},
    "/admin/people/new": {"id": "new", "name": "New", "email": "new@example.org"},
    "/admin/import": {"text": "id,name,email,grants\nnew,New,new@example.org,\n"},
    "/admin/money": {"amount": "5"},
    "/admin/policies/{name}": {"review": "9d", "base_version": "0"},
}


def test_the_table_names_every_route_of_these_pages() -> None:
    routes = {
        (method, route.path)
        for area in (voting, proposing, catalogue, persons, administration, overview, upkeep)
        for route in area.routes.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert routes == set(ACCESS)


async def tried(office: Office, caller: Desk, method: str, path: str, proposal: str) -> int | str:
    filled = path.format(
        proposal_id=proposal, kind="order", person_id="ben", token_id="0" * 16, name="order", message_id=1
    )
    if method == "GET":
        answer = await caller.get(filled)
    else:
        form = dict(FORMS.get(path, {}))
        if path == "/proposer/delete":
            form["target_id"] = proposal
        if path.endswith(("/grants", "/voter")):
            root = await desk(office, "root")
            page = (await root.get("/admin/people/ben")).text
            form["seen"] = page.split('name="seen" value="')[1].split('"')[0]
        answer = await caller.post(filled, form)
    leads = answer.headers.get("Location", "")
    return DONE if answer.status_code == 303 and not leads.startswith("/signin") else answer.status_code


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await chamber.sit(office)
    await office.hire("ina", "admin")
    await chamber.deposit(office, 10_000)
    callers = {name: await desk(office, who) for name, who in CALLERS.items()}
    callers["forged"] = Desk(office, "made-up")
    gone = t.person.update().where(t.person.c.id == "ina").values(active=False)
    await office.store.write(lambda tx: tx.conn.execute(gone).rowcount)
    proposal = str((await chamber.propose(office))["id"])
    got: Table = {}
    for name, caller in callers.items():
        got[name] = await tried(office, caller, method, path, proposal)
        if got[name] == DONE:
            # The act changed it; the next caller gets another.
            proposal = str((await chamber.propose(office))["id"])
    assert got == ACCESS[method, path]
