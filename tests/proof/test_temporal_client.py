"""The real `temporal` client as a driver of a compliance case: it reads the status, and carries answers by token."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from proof.conftest import LONGEST_SECONDS
from proof.harness import Installation, installed, until
from proof.office import Office

NOOR = {
    "customer_id": "noor",
    "name": "Noor Haddad",
    "contact_name": "Noor Haddad",
    "contact_email": "noor@customer.example",
}
# Or, where the machine is busy, so many times what the client itself needs to send a signal.
AGREED_WITHIN_SECONDS, NOISE = 2, 5

pytestmark = [pytest.mark.server, pytest.mark.timeout(LONGEST_SECONDS)]


def query(place: Installation, case_id: str) -> dict[str, Any]:
    told = place.temporal("workflow", "query", "--workflow-id", case_id, "--name", "get_status", "--output", "json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    found = answer.get("queryResult", answer)
    return dict(found[0] if isinstance(found, list) else found)


def signal(place: Installation, case_id: str, name: str, payload: dict[str, Any] | None) -> None:
    given = ["--input", json.dumps(payload)] if payload is not None else []
    sent = place.temporal("workflow", "signal", "--workflow-id", case_id, "--name", name, *given)
    assert sent.returncode == 0, sent.stderr


async def hire(place: Installation, office: Office, person: str, *roles: str) -> None:
    grants = [{"role": role, "scope": "desk"} for role in roles]
    body = {"id": person, "name": person.title(), "email": f"{person}@example.org", "grants": grants}
    assert (await office.call("admin", "POST", "/api/v1/people", body)).status == 201
    issued = await office.call("admin", "POST", f"/api/v1/people/{person}/tokens", {})
    place.tokens[person] = issued.body["token"]


async def token(office: Office, who: str, task: str) -> str:
    issued = await office.call(who, "POST", f"/api/v1/tasks/{task}/signal-token", {})
    assert issued.status in (200, 201), issued.text
    return str(issued.body["token"])


async def codes(place: Installation) -> list[str]:
    rows = place.rows("SELECT detail FROM audit WHERE chain = '@refused' AND action = 'signal' ORDER BY seq")
    return [json.loads(row["detail"])["code"] for row in rows]


async def test_the_client_reads_the_status_and_an_officers_signal_counts_once(tmp_path: Path) -> None:
    async with installed(tmp_path, settings="") as place, Office(place) as office:
        await hire(place, office, "olga", "compliance-officer")
        await hire(place, office, "mia", "member")
        body = {"scope": "desk", "request": NOOR}
        started = await office.call("mia", "POST", "/api/v1/workflows/compliance-case/cases", body)
        case_id = started.body["id"]

        link = await office.link_of(case_id)
        assert query(place, case_id)["status"] == "AWAITING_DOCUMENTS"
        for name in ("identity", "address"):
            files = {"file": (f"{name}.txt", f"The {name} of Noor.".encode(), "text/plain")}
            given = await office.http.post(f"{link}/documents", data={"name": name}, files=files)
            assert given.status_code < 400, given.text
        submitted = await office.http.post(link, data={"outcome": "submit", "comment": ""})
        assert submitted.status_code == 200, submitted.text
        task = await office.task_of("olga", case_id)
        assert query(place, case_id)["status"] == "AWAITING_OFFICER"

        given_token = await token(office, "olga", task["id"])
        approve = {"decision": "approve", "officer": "olga", "comment": "All in order."}
        signal(place, case_id, "officer_decision", approve)
        signal(place, case_id, "officer_decision", None)
        signal(place, case_id, "officer_decision", approve | {"officer": "mia", "token": given_token})
        signal(place, case_id, "officer_decision", approve | {"token": "sig_forged"})

        async def four_refused() -> bool:
            return len(await codes(place)) == 4

        await until(four_refused, "four refusals")
        assert (await office.call("olga", "GET", f"/api/v1/cases/{case_id}")).body["outcome"] is None

        asked = time.monotonic()
        signal(place, case_id, "officer_decision", approve | {"token": given_token})
        begun = time.monotonic()

        async def agreed() -> dict[str, Any] | None:
            found = (await office.call("olga", "GET", f"/api/v1/cases/{case_id}")).body
            return dict(found) if found["outcome"] else None

        ended = await until(agreed, "the API agreeing")
        assert time.monotonic() - begun < max(AGREED_WITHIN_SECONDS, NOISE * (begun - asked))
        assert (ended["outcome"]["status"], ended["outcome"]["officer"]) == ("APPROVED", "olga")
        assert query(place, case_id)["status"] == "APPROVED"

        again = place.temporal(
            *("workflow", "signal", "--workflow-id", case_id, "--name", "officer_decision"),
            *("--input", json.dumps(approve | {"decision": "reject", "token": given_token})),
        )
        assert again.returncode != 0
        assert sorted(await codes(place)) == ["no-token", "not-your-token", "unknown-token", "unreadable"]
        assert (await office.call("olga", "GET", f"/api/v1/cases/{case_id}")).body["outcome"]["status"] == "APPROVED"


async def test_documents_are_submitted_by_a_signal_of_the_client(tmp_path: Path) -> None:
    async with installed(tmp_path, settings="") as place, Office(place) as office:
        await hire(place, office, "olga", "compliance-officer", "coordinator")
        await hire(place, office, "mia", "member")
        body = {"scope": "desk", "request": NOOR | {"contact_email": "mia@example.org"}}
        started = await office.call("olga", "POST", "/api/v1/workflows/compliance-case/cases", body)
        case_id = started.body["id"]

        async def open_task() -> str | None:
            tasks = (await office.call("olga", "GET", f"/api/v1/cases/{case_id}")).body["tasks"]
            return tasks[0]["id"] if tasks else None

        task = await until(open_task, "the first task")
        signal(place, case_id, "documents_submitted", {"documents": ["identity"]})
        signal(place, case_id, "documents_submitted", {"token": "sig_forged"})

        async def both_refused() -> bool:
            return len(await codes(place)) == 2

        await until(both_refused, "two refusals")
        assert sorted(await codes(place)) == ["no-token", "unknown-token"]
        link = await office.link_of(case_id)
        for name in ("identity", "address"):
            files = {"file": (f"{name}.txt", b"Enough.", "text/plain")}
            assert (await office.http.post(f"{link}/documents", data={"name": name}, files=files)).status_code < 400
        refused = await office.call("olga", "POST", f"/api/v1/tasks/{task}/signal-token", {})
        assert refused.status == 403, "only who is asked gets a token"
        issued = await office.http.post(f"{link}/signal-token")
        assert issued.status_code == 201, issued.text
        signal(place, case_id, "documents_submitted", {"token": issued.json()["token"]})

        async def with_the_officers() -> bool:
            return bool(query(place, case_id)["status"] == "AWAITING_OFFICER")

        await until(with_the_officers, "the officers' turn")
        mine = (await office.call("olga", "GET", "/api/v1/tasks")).body["items"]
        assert mine == [], "who opened the case does not decide it"
