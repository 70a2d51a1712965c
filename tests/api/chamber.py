"""A scope with voters behind the real application: proposing, voting, and the people who do it."""

from typing import Any

import httpx2

from api.office import Office
from placet.store import ballots, people
from placet.store.ballots import NotVoted, Paper, Voted, locked_ballot
from placet.store.engine import Tx

STEP = {"title": "Paint the fence", "description": "With a **brush**.", "bounty": 40, "credentials": []}
PROPOSALS = "/proposer/workflows"
PENDING = "/voter/workflows"
DELETIONS = "/voter/deletion-proposals"
VOTERS = tuple(f"v{number}" for number in range(10))


async def sit(office: Office) -> None:
    """Ten voters of deals, one of labs, and prue, who proposes and would vote too."""
    for voter in VOTERS:
        await office.hire(voter, "voter@deals")
    await office.hire("lars", "voter@labs")
    await office.hire("prue", "proposer@deals", "voter@deals")


def body(**other: Any) -> dict[str, Any]:
    return {"title": "A new fence", "description": "Of *wood*.", "steps": [STEP], "scope": "deals", **other}


async def propose(office: Office, who: str = "prue", **other: Any) -> dict[str, Any]:
    answer = await office.call(who, "POST", PROPOSALS, body(**other))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def delete(office: Office, target: str, kind: str = "workflow", who: str = "prue") -> dict[str, Any]:
    answer = await try_delete(office, target, kind, who)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def try_delete(office: Office, target: str, kind: str = "workflow", who: str = "prue") -> httpx2.Response:
    return await office.call(who, "POST", DELETIONS, {"target_kind": kind, "target_id": target, "reason": "Not needed"})


async def vote(office: Office, proposal_id: str, *choices: str) -> None:
    """The first voters vote so, one after the other."""

    def act(tx: Tx) -> list[Voted | NotVoted]:
        papers = []
        for voter, choice in zip(VOTERS, choices, strict=False):
            person = people.find(tx, voter)
            assert person is not None
            papers.append(Paper(person, choice))
        with locked_ballot(tx, f"{proposal_id}.vote.1") as ballot:
            return ballots.cast(ballot, papers)

    taken = await office.store.write(act)
    assert all(isinstance(one, Voted) for one in taken), taken


async def deposit(office: Office, amount: int) -> dict[str, Any]:
    answer = await office.call("root", "POST", "/admin/faucet/deposits", {"amount": amount})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def force(office: Office, proposal: dict[str, Any], who: str = "root") -> httpx2.Response:
    kind = "workflows" if proposal["kind"] == "workflow" else "deletion-proposals"
    return await office.call(who, "POST", f"/admin/{kind}/{proposal['id']}/force-approve", {"reason": "It burns"})
