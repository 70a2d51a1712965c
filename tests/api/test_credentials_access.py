"""Who may use which address of credentials: every route times every kind of caller, against one table."""

from typing import Any

import pytest

from api import badge_room
from api.office import PARTNER, Office
from api.test_access import populate

CALLERS = {
    "nobody": None,
    "forged": "forged",
    "revoked": "rex",
    "inactive": "ina",
    "external": PARTNER.person,
    "uninvolved": "ben",
    "requester": "rita",
    "holder": "mo",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "revoked", "inactive"), 401)
HIDDEN = dict.fromkeys(("external", "uninvolved", "other coordinator"), 404)


def everybody(status: int, **other: int) -> dict[str, int]:
    return {**dict.fromkeys(CALLERS, status), **UNKNOWN, **other}


def open_to_all(status: int = 200) -> dict[str, int]:
    return dict.fromkeys(CALLERS, status)


ACCESS: dict[tuple[str, str], dict[str, int]] = {
    ("GET", "/api/v1/badges"): everybody(200),
    ("POST", "/api/v1/badges"): everybody(403, admin=201),
    ("GET", "/api/v1/credentials"): everybody(200),
    ("GET", "/api/v1/credentials/{credential_id}"): everybody(200, **HIDDEN),
    # What checks a credential is for the whole world; the credential itself is for whoever has the link.
    ("GET", "/.well-known/jwks.json"): open_to_all(),
    ("GET", "/credentials/issuer"): open_to_all(),
    ("GET", "/credentials/status/{number}"): open_to_all(),
    ("GET", "/credentials/{offer}"): open_to_all(),
}

# Starting the two workflows goes through the common route; what is behind it differs.
STARTS: dict[str, dict[str, int]] = {
    "issuance": everybody(201, **{"external": 403, "other coordinator": 403}),
    "issuance for somebody else": everybody(403, coordinator=201, admin=201),
    "revocation": everybody(403, uninvolved=404, holder=201, coordinator=201, admin=201),
}


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await populate(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    token = badge_room.offer(office, credential).removeprefix("/credentials/")
    filled = path.format(credential_id=credential, number=1, offer=token)
    got = {}
    for caller, person in CALLERS.items():
        body = badge_room.FIRST_AID | {"id": "new"} if method == "POST" else None
        got[caller] = (await office.call(person, method, filled, body)).status_code
    assert got == ACCESS[method, path]


@pytest.mark.parametrize("what", STARTS)
async def test_each_caller_starts_what_the_table_says(office: Office, what: str) -> None:
    await populate(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office, holder="mo")
    got = {}
    for caller, person in CALLERS.items():
        if what == "revocation":
            answer = await badge_room.revoke(office, person, credential)
        elif what == "issuance":
            # Of another badge for each, as the holder has one.
            await badge_room.define(office, id=f"badge-{len(got)}")
            answer = await badge_room.request(office, person, badge=f"badge-{len(got)}")
        else:
            answer = await badge_room.request(office, person, holder="bea")
        got[caller] = answer.status_code
        await badge_room.close_cases(office)
    assert got == STARTS[what]


async def test_a_list_shows_what_one_holds_and_whose_cases_one_sees(office: Office) -> None:
    await populate(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    for caller, person in CALLERS.items():
        if caller in UNKNOWN:
            continue
        items = (await office.get(person, "/api/v1/credentials"))["items"]
        assert [one["id"] for one in items] == ([] if caller in HIDDEN else [credential]), caller


async def test_the_signed_form_is_for_the_holder_and_those_who_administer_the_scope(office: Office) -> None:
    await populate(office)
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    for person, has in (("mo", True), ("cora", True), ("root", True), ("rita", False), ("kofi", False)):
        found: Any = await office.get(person, f"/api/v1/credentials/{credential}")
        assert (found["jwt"] is not None) is has, person


async def test_a_hidden_credential_looks_exactly_like_none(office: Office) -> None:
    await badge_room.define(office)
    hidden, missing = await badge_room.issued(office), "00000000-0000-4000-8000-000000000000"
    one, other = [await office.call("ben", "GET", f"/api/v1/credentials/{name}") for name in (hidden, missing)]
    assert (one.status_code, one.json()) == (404, other.json())
    one, other = [await badge_room.revoke(office, "ben", name) for name in (hidden, missing)]
    assert (one.status_code, one.json()) == (404, other.json())
