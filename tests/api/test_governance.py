"""Governance proposals through their doors: discussed, voted on, forced, and refused with reasons."""

from typing import Any

import pytest

from api import agora
from api.agora import GRANT, POLICY, TRANSFER
from api.office import Office
from placet.domain.people import Grant
from placet.store import people

HERE = "/voter/governance-proposals"


async def vote(office: Office, who: str, case_id: str, decision: str = "approve") -> Any:
    return await office.call(who, "POST", f"{HERE}/{case_id}/vote", {"decision": decision})


async def test_a_proposal_is_listed_discussed_and_then_voted_on(office: Office) -> None:
    await agora.sit(office)
    case_id = await agora.propose(office)
    (seen,) = (await office.get("v0", HERE))["items"]
    assert (seen["id"], seen["kind"], seen["status"], seen["expires_at"]) == (case_id, "governance", "pending", None)
    assert "the vote opens on" in seen["explanation"] and seen["vote_opens_at"]
    early = await vote(office, "v0", case_id)
    assert (early.status_code, early.json()["code"]) == (409, "vote-not-open")
    assert (await vote(office, "lars", case_id)).status_code == 404
    forced = await office.call("root", "POST", f"/admin/governance-proposals/{case_id}/force-approve", {})
    assert (forced.status_code, forced.json()["code"]) == (409, "vote-not-open")
    ballot = await agora.open_vote(office, case_id)
    assert (await vote(office, "prue", case_id)).json()["code"] == "own-proposal"
    voted = await vote(office, "v0", case_id)
    assert (voted.status_code, voted.json()["my_decision"]) == (200, "approve")
    shown = await office.get("v1", f"{HERE}/{case_id}")
    assert (shown["votes"]["total_voters"], shown["votes"]["approve"], shown["ballot"]) == (10, 1, ballot)
    forced = await office.call("root", "POST", f"/admin/governance-proposals/{case_id}/force-approve", {"reason": "x"})
    assert (forced.status_code, forced.json()["vote_decision"]) == (200, "admin_approve")
    refused = [detail["code"] for _, _, detail in await office.lines("@refused")]
    assert refused[:3] == ["vote-not-open", "not-visible", "vote-not-open"]


async def test_only_its_own_doors_lead_to_it(office: Office) -> None:
    await agora.sit(office)
    case_id = await agora.propose(office)
    await agora.open_vote(office, case_id)
    body = {"decision": "approve"}
    for kind in ("workflows", "deletion-proposals"):
        assert (await office.call("v0", "POST", f"/voter/{kind}/{case_id}/vote", body)).status_code == 404
    assert (await office.get("v0", "/voter/workflows"))["items"] == []
    listed = await office.get("v0", "/voter/workflows?kind=governance")
    assert [one["id"] for one in listed["items"]] == [case_id]


async def test_the_proposer_withdraws_it_and_the_list_is_empty(office: Office) -> None:
    await agora.sit(office)
    case_id = await agora.propose(office)
    task = f"{case_id}.discussion.1"
    shown = await office.get("prue", f"/api/v1/tasks/{task}")
    assert [one["name"] for one in shown["outcomes"]] == ["withdraw"]
    early = await office.answer("prue", task, "vote")
    assert (early.status_code, early.json()["code"]) == (422, "unknown-outcome")
    assert (await office.answer("v0", task, "withdraw")).json()["code"] == "not-asked"
    assert (await office.answer("prue", task, "withdraw")).status_code == 200


OVERFLOW = str(2**256)


@pytest.mark.parametrize(
    ("action", "status", "code", "field"),
    [
        (TRANSFER | {"amount": "0"}, 422, "bad-amount", "request.action.amount"),
        (TRANSFER | {"amount": "-1"}, 422, "bad-amount", "request.action.amount"),
        (TRANSFER | {"amount": OVERFLOW}, 422, "bad-amount", "request.action.amount"),
        (TRANSFER | {"amount": 5}, 422, "invalid-request", "request.action.amount"),
        (TRANSFER | {"to": "0x12"}, 422, "bad-address", "request.action.to"),
        (TRANSFER | {"to": TRANSFER["to"].replace("aAe", "aae")}, 422, "bad-address", "request.action.to"),
        (TRANSFER | {"to": f"0x{'0' * 40}"}, 422, "bad-address", "request.action.to"),
        (TRANSFER | {"token": TRANSFER["to"].lower()}, 422, "bad-address", "request.action.token"),
        (GRANT | {"person": "nobody"}, 422, "unknown-person", "request.action.person"),
        (GRANT | {"role": "wizard"}, 422, "unknown-role", "request.action.role"),
        (GRANT | {"scope": "labs"}, 422, "beyond-scope", "request.action.scope"),
        (GRANT | {"role": "admin"}, 422, "beyond-scope", "request.action.scope"),
        (GRANT | {"scope": "*"}, 422, "beyond-scope", "request.action.scope"),
        (GRANT | {"change": "revoke"}, 409, "already-so", "request.action.change"),
        (POLICY, 422, "beyond-scope", "request.action.policy"),
        ({"kind": "war"}, 422, "invalid-request", "request.action"),
        (GRANT | {"more": 1}, 422, "invalid-request", "request.action.more"),
    ],
)
async def test_an_act_that_could_not_be_carried_out_is_refused_at_once(
    office: Office, action: dict[str, Any], status: int, code: str, field: str
) -> None:
    await agora.sit(office)
    answer = await agora.try_propose(office, action)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["field"] == field
    assert (await office.get("root", "/api/v1/cases"))["items"] == []


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"policy": "none"}, 422, "unknown-policy", "request.action.policy"),
        ({"values": {"reviews": "9d"}}, 422, "invalid-policy", "request.action.values"),
        ({"values": {"review": "soon"}}, 422, "invalid-policy", "request.action.values"),
        ({"base_version": 3}, 409, "stale-policy", "request.action.base_version"),
        ({}, 201, None, None),
    ],
)
async def test_the_cooperative_as_a_whole_decides_about_policies(
    office: Office, change: dict[str, Any], status: int, code: str | None, field: str | None
) -> None:
    await agora.sit(office)
    given = [Grant(role="proposer", scope="general")]
    await office.store.write(lambda tx: people.set_grants(tx, "root", "prue", given))
    answer = await agora.try_propose(office, POLICY | change, scope="general")
    assert answer.status_code == status, answer.text
    assert (answer.json().get("code"), answer.json().get("field")) == (code, field)


async def test_the_last_administrator_cannot_even_be_proposed_away(office: Office) -> None:
    await agora.sit(office)
    given = [Grant(role="proposer", scope="general")]
    await office.store.write(lambda tx: people.set_grants(tx, "root", "prue", given))
    action = {"kind": "role-change", "person": "root", "role": "admin", "scope": "*", "change": "revoke"}
    answer = await agora.try_propose(office, action, scope="general")
    assert (answer.status_code, answer.json()["code"]) == (422, "unfit-person")
