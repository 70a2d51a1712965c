"""Two votes of ten: one decided by its countdown, one early by a majority of all; then the work is done and paid."""

from typing import Any

from placet.runtime.demo.stage import DemoFailed, Stage

VOTERS = ("ada", "marta", "leo", "eva", "omar", "cora", "kofi", "nils", "yara", "tomo")
COUNTDOWN = "6s"
SCOPE = "coop"
GARDEN = {
    "title": "Mend the garden fence",
    "description": "The **north side** has fallen over.",
    "steps": [{"title": "Mend the fence", "description": "Two coats of paint, please.", "bounty": 120}],
    "recurrence": "one_time",
    "scope": SCOPE,
}
BOOKS = {
    "title": "Keep the books",
    "description": "A ledger a month.",
    "steps": [{"title": "Close the month", "bounty": 80}],
    "recurrence": "monthly",
    "scope": SCOPE,
}


async def play_votes(stage: Stage) -> None:
    await stage.call("admin", "POST", "/admin/faucet/deposits", {"amount": 1000})
    fence = await _countdown(stage)
    await _early(stage)
    await _carried_out(stage, fence)


async def _propose(stage: Stage, request: dict[str, Any]) -> str:
    made = await stage.call("pia", "POST", "/proposer/workflows", request)
    stage.say(f"\nProposal: {made['title']} ({made['id']}), a week costs {made['weekly_bounty_requirement']}")
    stage.say(f"  {made['explanation']}")
    _expect(
        made["votes"]["total_voters"] == 10 and made["votes"]["quorum_threshold"] == 5, "ten voters, quorum of five"
    )
    workflow_id: str = made["id"]
    return workflow_id


async def _vote(stage: Stage, who: str, workflow_id: str, decision: str) -> dict[str, Any]:
    body = {"decision": decision}
    seen: dict[str, Any] = await stage.call(who, "POST", f"/voter/workflows/{workflow_id}/vote", body)
    stage.say(f"  {who}: {decision}  (receipt {seen['receipt'][:12]})")
    return seen


async def _countdown(stage: Stage) -> str:
    """Three for and one against are no quorum; the fifth vote starts the countdown, which three to two wins."""
    workflow_id = await _propose(stage, GARDEN)
    for who, decision in zip(VOTERS, ("approve", "approve", "approve", "deny"), strict=False):
        seen = await _vote(stage, who, workflow_id, decision)
    _expect(not seen["votes"]["quorum_reached"] and seen["finalize_at"] is None, "no quorum with four votes")
    seen = await _vote(stage, VOTERS[4], workflow_id, "deny")
    _expect(seen["votes"]["quorum_reached"] and seen["status"] == "pending", "quorum with the fifth vote")
    stage.say(f"  quorum: {seen['explanation']}")
    again = await _vote(stage, VOTERS[4], workflow_id, "deny")
    _expect(again["receipt"] == seen["receipt"], "the same receipt for the same vote")
    changed = {"decision": "approve"}
    refused = await stage.call(VOTERS[4], "POST", f"/voter/workflows/{workflow_id}/vote", changed, expect=409)
    stage.say(f"  {VOTERS[4]} tries to change it: refused ({refused['code']})")

    async def approved() -> dict[str, Any] | None:
        found: dict[str, Any] = await stage.call("pia", "GET", f"/proposer/workflows/{workflow_id}")
        return found if found["status"] != "pending" else None

    ended = await stage.wait_for("the end of the countdown", approved)
    _expect(
        (ended["status"], ended["vote_decision"]) == ("approved", "approve"), "approval at the end of the countdown"
    )
    _expect(ended["finalized_at"] == ended["finalize_at"], "closing at the exact instant")
    stage.say(f"  → {ended['explanation']}")
    return workflow_id


async def _early(stage: Stage) -> None:
    """Six of ten for it decide at once; the series begins."""
    workflow_id = await _propose(stage, BOOKS)
    for who in VOTERS[:6]:
        seen = await _vote(stage, who, workflow_id, "approve")
    _expect(seen["status"] == "approved" and seen["finalize_at"] > seen["finalized_at"], "early approval at six")
    stage.say(f"  → {seen['explanation']}")
    faucet = await stage.call("admin", "GET", "/admin/faucet")
    stage.say(f"  faucet: {faucet}")


async def _carried_out(stage: Stage, workflow_id: str) -> None:
    """The fence is mended, verified by a coordinator, and paid."""
    work = f"{workflow_id}-work-1"
    stage.say(f"\nCarrying out: {GARDEN['title']} ({work})")
    await stage.answer("nils", work, "submit", data={"evidence": "https://example.org/fence.jpg"})
    await stage.answer("cora", work, "accept")
    ended = await stage.closed("pia", work)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    _expect(ended["outcome"]["paid"] == 120, "the bounty being paid")


def _expect(held: bool, what: str) -> None:
    if not held:
        raise DemoFailed(f"expected {what}")
