"""Wrong input of every sort: a clear 4xx as problem+json, and nothing changed."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from api.office import Office, negotiation, review
from placet.store import tables as t

START = "/api/v1/workflows/order/cases"
GOOD = {"name": "Pens", "amount": 2}
ANSWER = "/api/v1/tasks/{task}/answer"
DEEP = json.loads("[" * 60 + "]" * 60)

# who, method, path, body, status, code, field
WRONG: list[tuple[str, str, str, Any, int, str, str | None]] = [
    ("rita", "POST", "/api/v1/workflows/nope/cases", {"request": GOOD}, 404, "unknown-kind", "kind"),
    ("rita", "POST", "/api/v1/workflows/..%2f..%2fetc/cases", {"request": GOOD}, 404, "not-found", None),
    ("rita", "GET", "/api/v1/workflows/nope", None, 404, "unknown-kind", "kind"),
    ("rita", "POST", START, {"scope": "deals"}, 422, "invalid-request", "request.name"),
    ("rita", "POST", START, {"scope": "deals", "request": {"name": "Pens"}}, 422, "invalid-request", "request.amount"),
    (
        "rita",
        "POST",
        START,
        {"scope": "deals", "request": GOOD | {"amount": 0}},
        422,
        "invalid-request",
        "request.amount",
    ),
    (
        "rita",
        "POST",
        START,
        {"scope": "deals", "request": GOOD | {"extra": 1}},
        422,
        "invalid-request",
        "request.extra",
    ),
    (
        "rita",
        "POST",
        START,
        {"scope": "deals", "request": GOOD | {"stops": [{"city": "Oslo"}, {"city": "Rome", "zip": 1}]}},
        422,
        "invalid-request",
        "request.stops.1.zip",
    ),
    ("rita", "POST", START, {"scope": "Deals/..", "request": GOOD}, 422, "invalid-request", "scope"),
    ("rita", "POST", START, {"scope": "deals", "request": GOOD, "policy": {}}, 422, "invalid-request", "policy"),
    ("rita", "POST", START, {"scope": "deals", "request": GOOD | {"name": "a\x00b"}}, 422, "invalid-request", None),
    ("rita", "POST", START, {"scope": "deals", "request": GOOD | {"name": DEEP}}, 422, "invalid-request", None),
    ("rita", "POST", START, {"scope": "deals", "request": GOOD | {"name": "x" * 300_000}}, 413, "too-large", "request"),
    ("rita", "POST", START, [], 422, "invalid-request", None),
    ("ben", "POST", ANSWER, {}, 422, "invalid-request", "outcome"),
    ("ben", "POST", ANSWER, {"outcome": "maybe"}, 422, "unknown-outcome", "outcome"),
    ("ben", "POST", ANSWER, {"outcome": "refuse"}, 422, "comment-required", "comment"),
    ("ben", "POST", ANSWER, {"outcome": "approve", "comment": "x" * 8001}, 422, "invalid-request", "comment"),
    ("ben", "POST", ANSWER, {"outcome": "approve", "comment": "x" * 3_000_000}, 413, "too-large", None),
    ("ben", "POST", ANSWER, {"outcome": "approve", "data": {"a": 1}}, 422, "invalid-data", "data.a"),
    ("ben", "POST", ANSWER, {"outcome": "approve", "data": {"a": "x" * 70_000}}, 422, "invalid-request", "data"),
    (
        "ben",
        "POST",
        ANSWER,
        {"outcome": "counter", "data": {"percent": 200, "months": 1}},
        422,
        "invalid-data",
        "data.percent",
    ),
    ("ben", "POST", ANSWER, {"outcome": "approve", "vote": 1}, 422, "invalid-request", "vote"),
    ("ben", "POST", "/api/v1/tasks/order-1/answer", {"outcome": "approve"}, 404, "not-found", None),
    ("ben", "POST", "/api/v1/tasks/a%00b/answer", {"outcome": "approve"}, 404, "not-found", None),
    ("ben", "POST", "/api/v1/tasks/{task}/delegate", {}, 422, "invalid-request", "to"),
    ("ben", "GET", "/api/v1/cases/..%2f..%2fetc%2fpasswd", None, 404, "not-found", None),
    ("ben", "GET", "/api/v1/cases/{case}/documents/..%2f..%2fetc%2fpasswd", None, 404, "not-found", None),
    ("ben", "GET", "/api/v1/cases/{case}/documents/zz", None, 404, "not-found", None),
    ("ben", "GET", "/api/v1/cases?limit=0", None, 422, "invalid-request", "limit"),
    ("ben", "GET", "/api/v1/cases?limit=201", None, 422, "invalid-request", "limit"),
    ("ben", "GET", "/api/v1/cases?state=happy", None, 422, "invalid-request", None),
    ("ben", "GET", "/api/v1/cases?limt=5", None, 422, "invalid-request", "limt"),
    ("ben", "GET", "/api/v1/cases?q=%00", None, 404, "not-found", None),
    ("ben", "GET", "/api/v1/cases?cursor=nonsense", None, 422, "bad-cursor", "cursor"),
    ("ben", "GET", "/api/v1/cases?cursor=WzEsMl0", None, 422, "bad-cursor", "cursor"),
    ("ben", "GET", "/api/v1/cases?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCJhIl0", None, 422, "bad-cursor", "cursor"),
    ("ben", "GET", "/api/v1/cases?cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OSwiYSJd", None, 422, "bad-cursor", "cursor"),
    ("ben", "GET", "/api/v1/tasks?cursor=W10", None, 422, "bad-cursor", "cursor"),
    ("ben", "POST", "/api/v1/cases/{case}/cancel", {"reason": "x" * 2001}, 422, "invalid-request", "reason"),
    ("ben", "DELETE", "/api/v1/cases/{case}", None, 405, "method-not-allowed", None),
    ("ben", "GET", "/api/v2/cases", None, 404, "not-found", None),
    ("root", "POST", "/api/v1/people", {"id": "../x", "name": "X", "email": "x@y.zz"}, 422, "invalid-request", "id"),
    ("root", "POST", "/api/v1/people", {"id": "x", "name": "X\nY", "email": "x@y.zz"}, 422, "invalid-request", "name"),
    ("root", "POST", "/api/v1/people", {"id": "x", "name": " ", "email": "x@y.zz"}, 422, "invalid-request", "name"),
    (
        "root",
        "POST",
        "/api/v1/people",
        {"id": "x", "name": "X", "email": "x@y.zz\nBcc: a@b.cd"},
        422,
        "invalid-request",
        "email",
    ),
    (
        "root",
        "POST",
        "/api/v1/people",
        {"id": "x", "name": "X", "email": "x@y.zz", "grants": [{"role": "Admin"}]},
        422,
        "invalid-request",
        "grants.0.role",
    ),
    ("root", "PUT", "/api/v1/people/ben/grants", {"grants": "admin"}, 422, "invalid-request", "grants"),
    ("root", "POST", "/api/v1/people/ext:rosa@acme.example/tokens", {}, 404, "not-found", None),
]


async def fingerprint(office: Office) -> list[Any]:
    """Everything that people's acts could have changed."""

    def look(tx: Any) -> list[Any]:
        tables = (t.case, t.decision, t.act, t.claim, t.candidate, t.person, t.role_grant, t.access_token, t.message)
        return [tx.conn.execute(sa.select(table).order_by(*table.primary_key)).all() for table in tables]

    return await office.store.read(look)


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status", "code", "field"),
    WRONG,
    ids=[f"{number}-{row[2][:40]}-{row[5]}" for number, row in enumerate(WRONG)],
)
async def test_wrong_input_is_a_clear_problem_and_changes_nothing(
    office: Office, who: str, method: str, path: str, body: Any, status: int, code: str, field: str | None
) -> None:
    spec = negotiation(to=review().to)
    task = await office.task(spec)
    before = await fingerprint(office)
    answer = await office.call(who, method, path.format(task=task, case=task.partition(".")[0]), body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:placet:problem:{code}"
    assert problem["title"] and problem["detail"]
    if field is not None:
        assert problem["field"] == field
    assert await fingerprint(office) == before
    assert (await office.answer("bea", task)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b'{"outcome": "approve", "data": {"a": NaN}}',
        b'{"outcome": "approve", "comment": "\\ud800"}',
        b'{"outcome": "approve", "comment": "\\u0000"}',
        b'{"outcome": "approve", "data": {"a": 1e999}}',
        b'{"outcome": "approve", "data": {"a": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b"\xff\xfe\x00",
    ],
    ids=range(10),
)
async def test_bodies_that_are_no_sound_json_are_refused(office: Office, body: bytes) -> None:
    task = await office.task()
    headers = {"Content-Type": "application/json"}
    answer = await office.call("ben", "POST", ANSWER.format(task=task), content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await office.answer("ben", task)).status_code == 200


async def test_an_endless_body_without_a_length_is_cut_off(office: Office) -> None:
    async def pieces():
        for _ in range(40):
            yield b"x" * 100_000

    answer = await office.call("ben", "POST", START, content=pieces(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


async def test_a_missing_or_unknown_token_asks_to_sign_in(office: Office) -> None:
    office.tokens["thief"] = "plc_guess"
    for who in (None, "thief"):
        answer = await office.call(who, "GET", "/api/v1/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    basic = await office.http.get("/api/v1/me", headers={"Authorization": "Basic cm9vdDpyb290"})
    assert basic.status_code == 401
