"""Who may start which workflow of the cooperative: every kind of caller, against one table."""

from typing import Any

import pytest

from api import agora
from api.office import Office
from api.test_access import CALLERS, UNKNOWN, everybody, populate
from api.test_disbursement import REQUEST, sit

NEW = {"person_id": "nia", "name": "Nia", "email": "nia@new.example"}


def only(*callers: str) -> dict[str, int]:
    return {**everybody(403), **UNKNOWN, **dict.fromkeys(callers, 201)}


MEMBERS = ("uninvolved", "requester")
IN_SCOPE = (*MEMBERS, "candidate", "coordinator", "council", "admin")
STARTS: dict[str, dict[str, int]] = {
    "member-onboarding": only(*MEMBERS, "coordinator", "admin"),
    "governance-proposal": only("admin"),
    "treasury-disbursement": only(*IN_SCOPE),
    "lifecycle-transition": only(*MEMBERS, "coordinator", "admin"),
    # Only an approved proposal starts it.
    "decision-execution": only(),
}


def request(kind: str, number: int) -> dict[str, Any]:
    match kind:
        case "member-onboarding":
            return NEW | {"person_id": f"nia-{number}"}
        case "governance-proposal":
            return {"title": "An act", "action": agora.GRANT}
        case "treasury-disbursement":
            return REQUEST
        case "lifecycle-transition":
            return {"kind": "project", "id": f"fence-{number}", "becomes": "hibernating", "reason": "Winter."}
    return {"proposal": "p", "title": "An act", "action": agora.GRANT}


@pytest.mark.parametrize("kind", STARTS)
async def test_each_caller_starts_what_the_table_says(office: Office, kind: str) -> None:
    await populate(office)
    await sit(office)
    got = {}
    for number, (caller, person) in enumerate(CALLERS.items()):
        fence = {"kind": "project", "id": f"fence-{number}", "scope": "deals", "title": "A fence"}
        assert (await office.call("cora", "POST", "/api/v1/resources", fence)).status_code == 201
        body = {"scope": "deals", "request": request(kind, number)}
        got[caller] = (await office.call(person, "POST", f"/api/v1/workflows/{kind}/cases", body)).status_code
    assert got == STARTS[kind]


async def test_whom_a_payment_does_not_concern_learns_nothing_of_it(office: Office) -> None:
    """In no list, count, search, export or page; the council, administrators and coordinators of the scope see it."""
    await populate(office)
    await sit(office)
    body = {"scope": "deals", "request": REQUEST | {"memo": "secret roof"}}
    started = await office.call("rita", "POST", "/api/v1/workflows/treasury-disbursement/cases", body)
    case_id = started.json()["id"]
    for caller, person in CALLERS.items():
        if person is None or caller in UNKNOWN:
            continue
        lists = [await office.get(person, f"/api/v1/cases{more}") for more in ("", "?q=secret+roof")]
        counts = (await office.get(person, "/api/v1/cases/counts"))["total"]
        export = await office.call(person, "GET", "/api/v1/cases/export.csv")
        page = await office.call(person, "GET", f"/api/v1/cases/{case_id}")
        sees = caller in ("requester", "coordinator", "council", "admin")
        found = [len(one["items"]) for one in lists], counts, case_id in export.text, page.status_code
        assert found == (([1, 1], 1, True, 200) if sees else ([0, 0], 0, False, 404)), caller
