"""Badges, and asking for credentials: what is taken, and what is clearly refused with nothing changed."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import badge_room
from api.office import Office
from placet.store import credentials
from placet.store import tables as t
from placet.store.credentials import CredentialState


async def count(office: Office, table: sa.Table) -> int:
    return await office.store.read(
        lambda tx: tx.conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
    )


async def test_a_badge_is_defined_once_and_never_changed(office: Office) -> None:
    first, again = [await office.call("root", "POST", "/api/v1/badges", badge_room.FIRST_AID) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200) and first.json() == again.json()
    other = await office.call("root", "POST", "/api/v1/badges", badge_room.FIRST_AID | {"cost": 1})
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (409, "badge-exists", "id")
    listed = (await office.get("mo", "/api/v1/badges"))["items"]
    assert [(one["id"], one["cost"]) for one in listed] == [("first-aid", 500)]
    assert [(actor, action) for actor, action, _ in await office.lines("@badges")] == [("root", "badge.defined")]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "First Aid"),
        ("id", ""),
        ("name", ""),
        ("name", "two\nlines"),
        ("description", ""),
        ("criteria", "x" * 4001),
        ("cost", -1),
        ("cost", 1.5),
        ("cost", "5"),
        ("cost", 2**53),
        ("valid_days", 0),
        ("valid_days", 36_501),
        ("colour", "red"),
    ],
)
async def test_a_badge_that_makes_no_sense_is_refused(office: Office, field: str, value: Any) -> None:
    answer = await office.call("root", "POST", "/api/v1/badges", badge_room.FIRST_AID | {field: value})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid-request", field)
    assert await count(office, t.badge) == 0


async def test_badges_are_listed_page_by_page(office: Office) -> None:
    for number in range(5):
        await badge_room.define(office, id=f"badge-{number}")
    found: list[str] = []
    cursor = ""
    while True:
        page = await office.get("mo", f"/api/v1/badges?limit=2{cursor}")
        found += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [f"badge-{number}" for number in range(5)]


async def test_a_request_without_a_holder_is_for_oneself(office: Office) -> None:
    await badge_room.define(office)
    answer = await badge_room.request(office, "mo")
    assert answer.status_code == 201 and answer.json()["title"] == "first-aid for mo"
    opening = (await office.get("mo", f"/api/v1/cases/{answer.json()['id']}"))["request"]
    assert opening["holder"] == "mo"


@pytest.mark.parametrize(
    ("who", "request_", "status", "code", "field"),
    [
        ("mo", {"badge": "unknown"}, 422, "unknown-badge", "badge"),
        ("mo", {"badge": "No Badge"}, 422, "invalid-request", "request.badge"),
        ("mo", {"did": "not a did"}, 422, "invalid-request", "request.did"),
        ("mo", {"colour": "red"}, 422, "invalid-request", "request.colour"),
        ("mo", {"holder": "rita"}, 403, "forbidden", None),
        ("cora", {"holder": "nobody"}, 422, "unknown-person", "holder"),
        ("cora", {"holder": "ext:rosa@acme.example"}, 422, "unfit-person", "holder"),
    ],
)
async def test_a_request_that_cannot_be_is_refused_at_once(
    office: Office, who: str, request_: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    await office.hire("ext:rosa@acme.example", external=True)
    await badge_room.define(office)
    answer = await badge_room.request(office, who, **request_)
    told = answer.json()
    assert (answer.status_code, told["code"], told.get("field")) == (status, code, field)
    assert await count(office, t.case) == 0


async def test_a_badge_is_not_asked_for_twice_at_once(office: Office) -> None:
    await badge_room.define(office)
    assert (await badge_room.request(office, "mo")).status_code == 201
    for who, more in (("mo", {}), ("cora", {"holder": "mo"})):
        answer = await badge_room.request(office, who, **more)
        assert (answer.status_code, answer.json()["code"]) == (409, "already-requested")
    assert (await badge_room.request(office, "rita")).status_code == 201
    assert [detail["code"] for _, _, detail in await office.lines("@refused")] == ["already-requested"] * 2


async def test_what_somebody_holds_is_asked_for_again_only_after_its_end(office: Office) -> None:
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    answer = await badge_room.request(office, "mo")
    assert (answer.status_code, answer.json()["code"]) == (409, "already-issued")
    await office.store.write(lambda tx: credentials.end(tx, credential, CredentialState.REVOKED, "x"))
    assert (await badge_room.request(office, "mo")).status_code == 201
    await badge_room.issued(office, holder="ben")
    office.clock.move(timedelta(days=731))
    assert (await badge_room.request(office, "ben")).status_code == 201


async def test_a_revocation_names_what_it_is_about_whatever_was_sent(office: Office) -> None:
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    answer = await badge_room.revoke(office, "mo", credential, badge="Surgeon", holder="rita")
    assert answer.status_code == 201 and answer.json()["title"] == "Revoke First aid of mo"


async def test_a_revocation_that_cannot_be_is_refused_at_once(office: Office) -> None:
    await badge_room.define(office)
    early = await badge_room.drawn_up(office, holder="ben")
    credential = await badge_room.issued(office)
    unknown = "00000000-0000-4000-8000-000000000000"
    for who, name, more, status, code in (
        ("cora", early, {}, 409, "not-issued"),
        ("cora", unknown, {}, 404, "not-found"),
        ("cora", "nonsense", {}, 422, "invalid-request"),
        ("cora", credential, {"reason": ""}, 422, "invalid-request"),
        ("rita", credential, {}, 403, "forbidden"),
        ("root", credential, {"scope": "labs"}, 422, "invalid-request"),
    ):
        answer = await badge_room.revoke(office, who, name, **more)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (who, name, more)
    assert ("root", "credential.revoke", "invalid-request") in [
        (who, what, detail["code"]) for who, what, detail in await office.lines("@refused")
    ]
    assert (await badge_room.revoke(office, "cora", credential)).status_code == 201
    again = await badge_room.revoke(office, "mo", credential)
    assert (again.status_code, again.json()["code"]) == (409, "revocation-pending")
    await office.store.write(lambda tx: credentials.end(tx, credential, CredentialState.REVOKED, "x"))
    await badge_room.close_cases(office)
    again = await badge_room.revoke(office, "mo", credential)
    assert (again.status_code, again.json()["code"]) == (409, "already-revoked")


async def test_credentials_are_found_by_what_they_are(office: Office) -> None:
    await badge_room.define(office)
    await badge_room.define(office, id="rescue")
    one = await badge_room.issued(office)
    # Of two in one instant, either could be the newer one.
    office.clock.move(timedelta(seconds=1))
    other = await badge_room.drawn_up(office, "ben", "rescue")
    for query, found in (
        ("", [other, one]),
        ("?badge=rescue", [other]),
        ("?holder=mo", [one]),
        ("?state=issued", [one]),
        ("?scope=labs", []),
        ("?scope=deals&limit=1", [other]),
    ):
        page = await office.get("kofi", f"/api/v1/credentials{query}")
        assert [line["id"] for line in page["items"]] == found, query
    following = (await office.get("kofi", "/api/v1/credentials?limit=1"))["next_cursor"]
    assert [line["id"] for line in (await office.get("kofi", f"/api/v1/credentials?cursor={following}"))["items"]] == [
        one
    ]
    for wrong in ("state=lost", "cursor=x", "colour=red"):
        assert (await office.call("kofi", "GET", f"/api/v1/credentials?{wrong}")).status_code == 422


async def test_only_the_link_opens_an_offer_and_only_for_its_time(office: Office) -> None:
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    link = badge_room.offer(office, credential)
    answer = await office.call(None, "GET", link)
    assert answer.status_code == 200 and answer.json()["credential"]["id"] == f"urn:uuid:{credential}"
    assert "attachment" in answer.headers["content-disposition"] and answer.headers["cache-control"] == "no-store"
    # Neither its name, nor the link of a task, nor one of somebody else opens it.
    task = office.store.house.link_token(credential, "mo", office.clock.time)
    good = link.removeprefix("/credentials/")
    for token in (credential, task, good[:-2] + ("AA" if good[-2:] != "AA" else "BB")):
        answer = await office.call(None, "GET", f"/credentials/{token}")
        assert (answer.status_code, answer.json()["code"]) == (404, "link-damaged"), token
    other = await office.call(None, "GET", badge_room.offer(office, credential, "rita"))
    assert (other.status_code, other.json()["code"]) == (410, "link-expired")
    office.clock.move(office.store.house.link_life)
    late = await office.call(None, "GET", link)
    assert (late.status_code, late.json()["code"]) == (410, "link-expired")


async def test_an_offer_opens_no_task(office: Office) -> None:
    token = badge_room.offer(office, "order-1.review.1").removeprefix("/credentials/")
    assert (await office.call(None, "GET", f"/l/{token}")).status_code == 404


async def test_the_public_addresses_may_be_read_from_other_sites_and_hold_nothing_personal(office: Office) -> None:
    await badge_room.define(office)
    await badge_room.issued(office)
    for path in ("/.well-known/jwks.json", "/credentials/issuer", "/credentials/status/1"):
        answer = await office.call(None, "GET", path)
        assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
        assert "mo@example.org" not in answer.text and '"d"' not in answer.text
    (key,) = (await office.call(None, "GET", "/.well-known/jwks.json")).json()["keys"]
    assert (key["kid"], key["alg"], key["use"]) == (badge_room.KEY.kid, "ES256", "sig")
    for missing in ("2", "0", "x", "1e3", "٣", "99999999999999999999"):
        assert (await office.call(None, "GET", f"/credentials/status/{missing}")).status_code == 404, missing
