"""Alive, ready, figures; headers on every answer; and no fault shown in the raw."""

import asyncio
import logging
import sqlite3

import pytest
import sqlalchemy as sa

from api.office import Office
from placet.control import vitals
from placet.store import tables as t
from placet.store.engine import StoreUnavailable


async def test_ready_says_that_acts_are_taken_whatever_the_engine_does(office: Office) -> None:
    await office.start()
    ready = await office.http.get("/readyz")
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "engine": "up", "outbox_waiting": 1, "cases_open": 1},
    )
    probe = sa.select(t.meta.c.value).where(t.meta.c.key == "last-probe")
    assert await office.store.read(lambda tx: tx.conn.execute(probe).scalar_one()) == "2026-03-02T09:00:00+00:00"
    office.engine = {"engine": "down", "engine_detail": "refused"}
    assert (await office.http.get("/readyz")).json()["engine"] == "down"

    async def broken() -> dict[str, object]:
        raise ConnectionError("no route")

    office.app.state.engine_status = broken
    down = await office.http.get("/readyz")
    assert (down.status_code, down.json()["engine"]) == (200, "down")


async def test_not_ready_while_nothing_can_be_written(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "PATIENCE_SECONDS", 0.2)
    file = sa.make_url(office.store.url).database
    with sqlite3.connect(file, isolation_level=None) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        ready = asyncio.create_task(office.http.get("/readyz"))
        assert (await office.http.get("/healthz")).json() == {"status": "alive"}
        # Reading goes on while somebody else holds the only writer's place.
        assert (await office.call("rita", "GET", "/api/v1/cases")).status_code == 200
        answer = await ready
        blocker.execute("ROLLBACK")
    blocker.close()
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")


async def test_an_act_that_the_database_cannot_take_is_503_and_can_be_tried_again(office: Office) -> None:
    task = await office.task()
    real = office.store.submit

    def full(fn: object) -> object:
        raise StoreUnavailable("database or disk is full")

    office.store.submit = full
    refused = await office.answer("ben", task)
    office.store.submit = real
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "unavailable", "1")
    assert "disk" not in refused.text
    assert (await office.answer("ben", task)).status_code == 200


async def test_figures_count_acts_and_time_by_route_never_by_path(office: Office) -> None:
    task = await office.task()
    await office.answer("mo", task)
    await office.answer("ben", task)
    await office.http.get(office.link(task))
    await office.http.get("/nothing/here")
    text = (await office.http.get("/metrics")).text
    for line in (
        'placet_acts_total{act="task.answer",result="counted"} 1.0',
        'placet_acts_total{act="task.answer",result="not-found"} 1.0',
        'placet_http_request_seconds_count{method="POST",route="/api/v1/tasks/{task_id}/answer",status="200"} 1.0',
        'placet_http_request_seconds_count{method="GET",route="/l/{token}",status="410"} 1.0',
        'placet_http_request_seconds_count{method="GET",route="unmatched",status="404"} 1.0',
        "placet_cases_open 1.0",
        "placet_outbox_waiting 2.0",
    ):
        assert line in text, line
    assert task not in text


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/me", "/nothing", "/static/placet.css", "/l/x", "/a%00b"])
async def test_every_answer_carries_the_security_headers(office: Office, path: str) -> None:
    headers = (await office.http.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    # Style sheets may be kept, and are asked about again.
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert len(headers["X-Request-Id"]) == 16


async def test_a_fault_of_ours_is_told_by_number_and_logged_without_the_path(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    async def explode(token: str) -> None:
        raise RuntimeError("secret detail")

    office.control.links.document = explode
    with caplog.at_level(logging.ERROR, logger="placet.api"):
        answer = await office.http.get("/l/a-secret-token/documents/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    number = answer.headers["X-Request-Id"]
    assert number in answer.json()["detail"] and "secret detail" not in answer.text
    assert number in caplog.text and "a-secret-token" not in caplog.text


async def test_the_description_is_openapi_3_1_with_problems(office: Office) -> None:
    api = (await office.http.get("/api/v1/openapi.json")).json()
    assert api["openapi"].startswith("3.1")
    told = api["paths"]["/api/v1/tasks/{task_id}/answer"]["post"]
    assert told["security"] == [{"HTTPBearer": []}]
    assert list(told["responses"]["default"]["content"]) == ["application/problem+json"]
    assert "verdict" in api["components"]["schemas"]["ProblemView"]["properties"]
    assert told["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("ActView")
    assert not [path for path in api["paths"] if path.startswith("/l/")]
    assert (await office.http.get("/docs")).status_code == 404
