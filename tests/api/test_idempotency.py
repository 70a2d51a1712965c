"""One key, one act: repeats get the first answer."""

import asyncio

import pytest
import sqlalchemy as sa

from api.office import Office
from placet.store import tables as t

START = "/api/v1/workflows/order/cases"
BODY = {"scope": "deals", "request": {"name": "Pens", "amount": 2}}
KEY = {"Idempotency-Key": "key 1"}


async def cases(office: Office) -> int:
    query = sa.select(sa.func.count()).select_from(t.case)
    return await office.store.read(lambda tx: tx.conn.execute(query).scalar_one())


async def test_the_same_key_and_body_open_one_case(office: Office) -> None:
    first = await office.call("rita", "POST", START, BODY, headers=KEY)
    again = await office.call("rita", "POST", START, BODY, headers=KEY)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotent-Replay"), again.headers["Idempotent-Replay"]) == (None, "true")
    assert await cases(office) == 1


async def test_fifty_at_once_with_one_key_open_one_case(office: Office) -> None:
    answers = await asyncio.gather(*(office.call("rita", "POST", START, BODY, headers=KEY) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await cases(office) == 1


async def test_another_body_or_address_under_the_key_is_refused(office: Office) -> None:
    await office.call("rita", "POST", START, BODY, headers=KEY)
    other = await office.call("rita", "POST", START, BODY | {"scope": "labs"}, headers=KEY)
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (
        422,
        "idempotency-mismatch",
        "Idempotency-Key",
    )
    elsewhere = await office.call("rita", "POST", "/api/v1/workflows/audit/cases", BODY, headers=KEY)
    assert elsewhere.status_code in (403, 422)
    assert await cases(office) == 1


async def test_keys_of_different_people_do_not_meet(office: Office) -> None:
    one = await office.call("rita", "POST", START, BODY, headers=KEY)
    other = await office.call("mo", "POST", START, BODY, headers=KEY)
    assert one.json()["id"] != other.json()["id"]


async def test_a_refused_act_leaves_its_key_free(office: Office) -> None:
    task = await office.task()
    path = f"/api/v1/tasks/{task}/answer"
    await office.call("bea", "POST", f"/api/v1/tasks/{task}/claim")
    body = {"outcome": "approve"}
    assert (await office.call("ben", "POST", path, body, headers=KEY)).status_code == 409
    await office.call("bea", "POST", f"/api/v1/tasks/{task}/release")
    counted = await office.call("ben", "POST", path, body, headers=KEY)
    assert (counted.status_code, counted.headers.get("Idempotent-Replay")) == (200, None)


async def test_a_repeated_act_repeats_its_answer_although_the_world_moved_on(office: Office) -> None:
    task = await office.task()
    path = f"/api/v1/tasks/{task}"
    claimed = await office.call("ben", "POST", f"{path}/claim", headers=KEY)
    await office.answer("ben", task)
    again = await office.call("ben", "POST", f"{path}/claim", headers=KEY)
    assert (again.status_code, again.json()) == (200, claimed.json())


async def test_an_issued_token_is_repeated_without_ever_being_stored(office: Office) -> None:
    path = "/api/v1/people/mo/tokens"
    first = await office.call("root", "POST", path, {"label": "x"}, headers=KEY)
    again = await office.call("root", "POST", path, {"label": "x"}, headers=KEY)
    assert (again.status_code, again.json()) == (201, first.json())
    token = first.json()["token"]
    other = await office.call("root", "POST", path, {"label": "x"}, headers={"Idempotency-Key": "key 2"})
    assert other.json()["token"] != token
    office.tokens["mo"] = token
    assert (await office.get("mo", "/api/v1/me"))["id"] == "mo"
    stored = await office.store.read(lambda tx: [str(row) for row in tx.conn.execute(sa.select(t.idempotency))])
    assert len(stored) == 2 and not any(token in row for row in stored)


@pytest.mark.parametrize("key", ["", "x" * 201, "tab\tkey"])
async def test_a_key_that_is_no_key_is_refused(office: Office, key: str) -> None:
    answer = await office.call("rita", "POST", START, BODY, headers={"Idempotency-Key": key})
    assert (answer.status_code, await cases(office)) == (422, 0)


async def test_every_act_with_a_body_takes_a_key(office: Office) -> None:
    """Each POST and PUT of the API declares the header; each call for a signal token issues another, and a vote or a
    file that waits for its case is the same however often it is sent."""
    api = (await office.http.get("/api/v1/openapi.json")).json()
    without = {
        path
        for path, methods in api["paths"].items()
        for method, told in methods.items()
        if method in ("post", "put")
        and "Idempotency-Key" not in [parameter["name"] for parameter in told.get("parameters", [])]
    }
    votes = {"/voter/workflows/{workflow_id}/vote"}
    votes |= {f"/voter/{kind}-proposals/{{proposal_id}}/vote" for kind in ("deletion", "governance")}
    tokens = {"/api/v1/tasks/{task_id}/signal-token", "/api/v1/multisigs/{multisig_id}/signal-token"}
    assert without == tokens | votes | {"/api/v1/documents"}
