"""Who may use which address of voting: every route times every kind of caller, against one table."""

from typing import Any

import pytest

from api import agora, chamber
from api.office import PARTNER, Office
from api.test_access import populate

CALLERS = {
    "nobody": None,
    "forged": "forged",
    "revoked": "rex",
    "inactive": "ina",
    "external": PARTNER.person,
    "uninvolved": "mo",
    "proposer": "prue",
    "other proposer": "pam",
    "voter": "v0",
    "other voter": "lars",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
    "other admin": "ada",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "revoked", "inactive"), 401)
OUTSIDE = ("external", "uninvolved", "other proposer", "other voter", "other coordinator")


def everybody(status: int, **other: int) -> dict[str, int]:
    return {**dict.fromkeys(CALLERS, status), **UNKNOWN, **other}


def only(status: int, *callers: str, **other: int) -> dict[str, int]:
    return {**everybody(403), **dict.fromkeys(callers, status), **other}


HIDDEN = dict.fromkeys(OUTSIDE, 404)
SEEN = everybody(200, **HIDDEN)
VOTERS = ("proposer", "voter", "other voter")
OVERSEERS = ("coordinator", "other coordinator", "council", "admin", "other admin")
FORCED = only(200, "admin", **HIDDEN)
PENDING = only(200, *VOTERS, *OVERSEERS)
# Whoever cannot see the target learns nothing of it; who sees it must be a voter or proposer of its scope.
DELETED = only(201, "proposer", "voter", "admin", **HIDDEN)

ACCESS: dict[tuple[str, str], dict[str, int]] = {
    ("POST", "/proposer/workflows"): only(201, "proposer", "admin"),
    ("GET", "/proposer/workflows"): everybody(200),
    ("GET", "/proposer/workflows/{workflow_id}"): SEEN,
    ("GET", "/voter/workflows"): PENDING,
    # Who has no vote at all is told so, wherever the vote is; the proposer is told why not on this one.
    ("POST", "/voter/workflows/{workflow_id}/vote"): only(200, "voter", **{"other voter": 404}),
    ("GET", "/voter/deletion-proposals"): PENDING,
    ("POST", "/voter/deletion-proposals"): DELETED,
    ("GET", "/voter/deletion-proposals/{proposal_id}"): SEEN,
    ("POST", "/voter/deletion-proposals/{proposal_id}/vote"): only(200, "voter", **{"other voter": 404}),
    ("GET", "/voter/governance-proposals"): PENDING,
    ("GET", "/voter/governance-proposals/{proposal_id}"): SEEN,
    ("POST", "/voter/governance-proposals/{proposal_id}/vote"): only(200, "voter", **{"other voter": 404}),
    ("POST", "/admin/governance-proposals/{proposal_id}/force-approve"): FORCED,
    ("POST", "/admin/workflows/{workflow_id}/force-approve"): FORCED,
    ("POST", "/admin/deletion-proposals/{proposal_id}/force-approve"): FORCED,
    ("GET", "/api/v1/ballots/{ballot_id}/export"): SEEN,
    ("GET", "/admin/faucet"): only(200, *OVERSEERS),
    ("POST", "/admin/faucet/deposits"): only(201, "admin"),
    ("GET", "/admin/faucet/ledger"): only(200, "council", "admin"),
}


def sent(path: str, target: str) -> Any:
    if path == "/proposer/workflows":
        return chamber.body()
    if path == "/voter/deletion-proposals":
        return {"target_kind": "workflow", "target_id": target}
    if path.endswith("/vote"):
        return {"decision": "approve"}
    return {"amount": 5} if path.endswith("/deposits") else {}


async def opened(office: Office) -> tuple[str, str, str, str]:
    """A proposal that costs nothing, the deletion of another, a third to delete, and an act at the vote: their ids."""
    free = [chamber.STEP | {"bounty": 0}]
    made, doomed, target = [(await chamber.propose(office, steps=free))["id"] for _ in range(3)]
    act = await agora.propose(office)
    await agora.open_vote(office, act)
    return made, (await chamber.delete(office, doomed))["id"], target, act


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await chamber.sit(office)
    await office.hire("pam", "proposer@labs")
    await office.hire("ada", "admin@labs")
    await populate(office)
    made, deletion, target, act = await opened(office)
    got = {}
    for caller, person in CALLERS.items():
        named = act if "governance" in path else deletion
        filled = path.format(workflow_id=made, proposal_id=named, ballot_id=f"{made}.vote.1")
        answer = await office.call(person, method, filled, sent(path, target) if method == "POST" else None)
        got[caller] = answer.status_code
        if method == "POST" and answer.status_code < 300:
            made, deletion, target, act = await opened(office)
    assert got == ACCESS[method, path]


@pytest.mark.parametrize("path", [path for method, path in ACCESS if "{" in path])
async def test_what_is_hidden_looks_exactly_like_nothing(office: Office, path: str) -> None:
    await chamber.sit(office)
    made, deletion, _, act = await opened(office)
    method = "GET" if ("GET", path) in ACCESS else "POST"
    answers = []
    none = tuple(f"{kind}-0000000000" for kind in ("proposal", "deletion-proposal", "governance-proposal"))
    for workflow, proposal, of_act in ((made, deletion, act), none):
        ballot = f"{workflow}.vote.1"
        named = of_act if "governance" in path else proposal
        filled = path.format(workflow_id=workflow, proposal_id=named, ballot_id=ballot)
        answer = await office.call("lars", method, filled, sent(path, "") if method == "POST" else None)
        answers.append((answer.status_code, answer.text))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
