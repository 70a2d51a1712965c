"""Resources and policies through the API: who registers, who changes, and what cannot be."""

from typing import Any

import pytest

from api.office import Office
from placet.domain import audit as proof
from placet.store import audit, people

RESOURCES, POLICIES = "/api/v1/resources", "/api/v1/policies"
FENCE = {"kind": "project", "id": "fence", "title": "The fence", "scope": "deals"}


async def ask(office: Office, who: str = "rita", scope: str = "deals", **request: Any) -> Any:
    body = {"scope": scope, "request": {"kind": "project", "id": "fence", "becomes": "hibernating"} | request}
    return await office.call(who, "POST", "/api/v1/workflows/lifecycle-transition/cases", body)


async def registered(office: Office, **more: Any) -> None:
    assert (await office.call("cora", "POST", RESOURCES, FENCE | more)).status_code == 201


async def test_coordinators_register_and_members_of_the_scope_see(office: Office) -> None:
    await registered(office)
    for who, number in (("mo", 1), ("rita", 1), ("cora", 1), ("carl", 0), ("kofi", 1)):
        assert len((await office.get(who, RESOURCES))["items"]) == number
    shown = await office.get("rita", f"{RESOURCES}/project/fence")
    assert (shown["state"], shown["becomes"], shown["history"]) == ("active", ["hibernating"], [])
    assert (await office.call("carl", "GET", f"{RESOURCES}/project/fence")).status_code == 404
    assert (await office.call("rita", "POST", RESOURCES, FENCE | {"id": "x"})).status_code == 403


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({}, 409, "resource-exists"),
        ({"kind": "member", "id": "nobody"}, 422, "unknown-person"),
        ({"kind": "boat"}, 422, "invalid-request"),
        ({"id": "Not An Id"}, 422, "invalid-request"),
        ({"more": 1}, 422, "invalid-request"),
    ],
)
async def test_what_cannot_be_registered(office: Office, change: dict[str, Any], status: int, code: str) -> None:
    await registered(office)
    answer = await office.call("cora", "POST", RESOURCES, FENCE | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    traced = [(who, what, detail["code"]) for who, what, detail in await office.lines("@refused")]
    assert (("cora", "resource.register", code) in traced) == (code != "invalid-request")


async def test_a_membership_has_the_name_of_its_person(office: Office) -> None:
    await registered(office, kind="member", id="mo", title="Something else")
    assert (await office.get("cora", f"{RESOURCES}/member/mo"))["title"] == "Mo"


@pytest.mark.parametrize(
    ("request_", "scope", "status", "code", "field"),
    [
        ({"becomes": "archived"}, "deals", 409, "transition-not-allowed", "request.becomes"),
        ({"becomes": "active"}, "deals", 409, "transition-not-allowed", "request.becomes"),
        ({"becomes": "alumni"}, "deals", 409, "transition-not-allowed", "request.becomes"),
        ({"becomes": "gone"}, "deals", 422, "invalid-request", "request.becomes"),
        ({"id": "boat"}, "deals", 422, "unknown-resource", "request.id"),
        ({"kind": "member"}, "deals", 422, "unknown-resource", "request.id"),
        ({}, "labs", 422, "unknown-resource", "request.id"),
    ],
)
async def test_a_change_that_is_not_in_the_table_is_refused_at_the_start(
    office: Office, request_: dict[str, Any], scope: str, status: int, code: str, field: str
) -> None:
    await registered(office)
    answer = await ask(office, scope=scope, **request_)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert (await office.get("root", "/api/v1/cases"))["items"] == []


async def test_of_two_changes_only_one_can_be_asked_for(office: Office) -> None:
    await registered(office)
    first = await ask(office)
    assert (first.status_code, first.json()["title"]) == (201, "The fence: active to hibernating")
    second = await ask(office, "mo")
    assert (second.status_code, second.json()["code"]) == (409, "transition-pending")
    assert (await office.get("cora", f"{RESOURCES}/project/fence"))["pending_case"] == first.json()["id"]
    # Whoever may not see that case learns nothing of it, not even its id.
    assert (await office.call("mo", "GET", f"/api/v1/cases/{first.json()['id']}")).status_code == 404
    assert (await office.get("mo", f"{RESOURCES}/project/fence"))["pending_case"] is None
    assert "case" not in second.json()


@pytest.mark.parametrize("person_id", ["mo", "rita"])
async def test_nobody_applies_with_the_id_of_somebody_else(office: Office, person_id: str) -> None:
    request = {"person_id": person_id, "name": "New", "email": "new@x.example"}
    body = {"scope": "deals", "request": request}
    answer = await office.call("rita", "POST", "/api/v1/workflows/member-onboarding/cases", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "person-exists")
    for email in ("mo@example.org", "MO@Example.ORG"):
        body["request"] = request | {"person_id": "newcomer", "email": email}
        answer = await office.call("rita", "POST", "/api/v1/workflows/member-onboarding/cases", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "address-taken")
        assert answer.json()["field"] == "request.email"
    former = {"person_id": "former", "name": "New", "email": "Former@X.Example"}
    await office.store.write(lambda tx: people.add(tx, "root", "former", "New", "former@x.example", ()))
    for active, status in ((True, 409), (False, 201)):
        await office.store.write(lambda tx, active=active: people.set_active(tx, "root", "former", active, ""))
        body["request"] = former
        answer = await office.call("rita", "POST", "/api/v1/workflows/member-onboarding/cases", body)
        assert answer.status_code == status, "an address is the same in other letters"
    fine = {"scope": "deals", "request": request | {"person_id": "newcomer"}}
    assert (await office.call("rita", "POST", "/api/v1/workflows/member-onboarding/cases", fine)).status_code == 201


async def test_a_policy_holds_from_its_change_on_and_keeps_its_history(office: Office) -> None:
    before = await office.start()
    given = {"values": {"review": "9d"}, "base_version": 0}
    changed = await office.call("root", "PUT", f"{POLICIES}/order", given, headers={"Idempotency-Key": "p1"})
    assert (changed.status_code, changed.json()["version"], changed.json()["values"]) == (200, 1, {"review": "9d"})
    again = await office.call("root", "PUT", f"{POLICIES}/order", given, headers={"Idempotency-Key": "p1"})
    assert again.json() == changed.json()
    after = await office.start()
    opened = {
        case_id: detail["policy"]
        for case_id in (before, after)
        for _, action, detail in await office.lines(case_id)
        if action == "case.opened"
    }
    assert opened[before] != opened[after]
    assert (await office.get("rita", "/api/v1/workflows/order"))["policy"] == {"review": "9d"}
    listed = {one["name"]: one for one in (await office.get("rita", POLICIES))["items"]}
    assert [(one["version"], one["by"]) for one in listed["order"]["history"]] == [(1, "root")]
    assert listed["voting"]["kinds"] == ["proposal", "deletion-proposal", "proposal-work"]
    assert ("root", "policy.set") in [(who, what) for who, what, _ in await office.lines("@policies")]
    await office.store.write(audit.take_checkpoint)
    assert proof.verify(await office.store.read(lambda tx: list(audit.export(tx)))).ok


@pytest.mark.parametrize(
    ("name", "given", "status", "code", "field"),
    [
        ("none", {"values": {"review": "9d"}, "base_version": 0}, 422, "unknown-policy", "policy"),
        ("order", {"values": {"reviews": "9d"}, "base_version": 0}, 422, "invalid-policy", "values"),
        ("order", {"values": {"review": "never"}, "base_version": 0}, 422, "invalid-policy", "values"),
        ("order", {"values": {"review": "9d"}, "base_version": 1}, 409, "stale-policy", "base_version"),
        ("order", {"values": {}, "base_version": 0}, 422, "invalid-request", "values"),
        ("order", {"values": {"review": "9d"}}, 422, "invalid-request", "base_version"),
        ("order", {"values": {"review": "9d"}, "base_version": -1}, 422, "invalid-request", "base_version"),
    ],
)
async def test_a_policy_that_cannot_be_is_refused(
    office: Office, name: str, given: Any, status: int, code: str, field: str
) -> None:
    answer = await office.call("root", "PUT", f"{POLICIES}/{name}", given)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert (await office.get("root", "/api/v1/workflows/order"))["policy"] == {"review": "3d"}
