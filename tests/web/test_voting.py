"""Voting on pages: a vote is asked for twice and counts once, and whoever casts one keeps a receipt."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from api import chamber
from api.office import Office
from placet.cli.main import placet
from placet.store import tables as t
from web.desk import Desk, desk, key_in

BALLOT = {"decision": "deny", "comment": "Too dear.\r\nAsk <b>again</b>.", "sure": "yes"}


async def acts(office: Office) -> list[Any]:
    a = t.act.c
    query = sa.select(a.person_id, a.outcome, a.comment, a.door).order_by(a.person_id)
    return [tuple(row) for row in await office.store.read(lambda tx: tx.conn.execute(query).all())]


@pytest.fixture
async def proposal(office: Office) -> str:
    await chamber.sit(office)
    return str((await chamber.propose(office))["id"])


async def voter(office: Office, who: str = "v0") -> Desk:
    return await desk(office, who)


async def test_a_vote_is_asked_for_twice_and_then_counts_with_a_receipt(office: Office, proposal: str) -> None:
    v0 = await voter(office)
    page = await v0.get(f"/voter/proposals/{proposal}")
    assert page.status_code == 200
    assert "A vote cannot be changed or taken back." in page.text
    first = await v0.post(f"/voter/proposals/{proposal}/vote", {"decision": "deny", "comment": BALLOT["comment"]})
    assert (first.status_code, await acts(office)) == (200, [])
    assert "Deny this proposal?" in first.text and "Ask &lt;b&gt;again&lt;/b&gt;." in first.text
    done = await v0.post(f"/voter/proposals/{proposal}/vote", BALLOT)
    assert done.headers["Location"] == f"/voter/proposals/{proposal}/receipt"
    assert await acts(office) == [("v0", "deny", "Too dear.\nAsk <b>again</b>.", "web")]
    receipt = await v0.follow(done)
    assert "Your vote counts." in receipt.text and "placet verify --ballot" in receipt.text
    assert "You voted: Deny" in (await v0.get(f"/voter/proposals/{proposal}")).text


async def test_the_same_vote_sent_twice_counts_once_and_another_is_refused(office: Office, proposal: str) -> None:
    v0 = await voter(office)
    for _ in range(2):
        assert (await v0.post(f"/voter/proposals/{proposal}/vote", BALLOT)).status_code == 303
    other = await v0.post(f"/voter/proposals/{proposal}/vote", {**BALLOT, "decision": "approve"})
    assert other.status_code == 409
    assert "You have already voted to deny; a vote cannot be changed." in other.text
    assert [act[:2] for act in await acts(office)] == [("v0", "deny")]


async def test_votes_of_tokens_and_of_pages_are_taken_together(office: Office, proposal: str) -> None:
    v0 = await voter(office)
    path = f"/voter/workflows/{proposal}/vote"
    answers = await asyncio.gather(
        v0.post(f"/voter/proposals/{proposal}/vote", BALLOT),
        *(office.call(f"v{n}", "POST", path, {"decision": "approve"}) for n in range(1, 4)),
    )
    assert [answer.status_code for answer in answers] == [303, 200, 200, 200]
    assert [act[3] for act in await acts(office)] == ["web", "api", "api", "api"]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"comment": "kept <i>text</i>"}, "Choose whether you approve or deny."),
        ({"decision": "maybe", "comment": "kept <i>text</i>"}, "Choose whether you approve or deny."),
        ({"decision": "deny", "comment": "kept <i>text</i>" + "x" * 8000}, "at most 8000 characters"),
        ({"decision": "deny", "comment": "kept <i>text</i>\x00", "sure": "yes"}, "a character that is no text"),
    ],
)
async def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    office: Office, proposal: str, form: dict[str, str], told: str
) -> None:
    answer = await (await voter(office)).post(f"/voter/proposals/{proposal}/vote", form)
    assert answer.status_code == 422
    assert told in answer.text and "kept &lt;i&gt;text&lt;/i&gt;" in answer.text
    assert await acts(office) == []


async def test_going_back_keeps_the_comment_and_casts_nothing(office: Office, proposal: str) -> None:
    form = {"decision": "approve", "comment": "still here", "change": "yes"}
    answer = await (await voter(office)).post(f"/voter/proposals/{proposal}/vote", form)
    assert answer.status_code == 200 and "still here" in answer.text and await acts(office) == []


async def test_who_may_not_vote_is_told_why_before_anything_is_sent(office: Office, proposal: str) -> None:
    for who, told in (
        ("prue", "You cannot vote on your own proposal."),
        ("cora", "Only people with the role voter vote on this"),
    ):
        visitor = await desk(office, who)
        page = await visitor.get(f"/voter/proposals/{proposal}")
        assert told in page.text and 'id="vote"' not in page.text
        sent = await visitor.post(f"/voter/proposals/{proposal}/vote", BALLOT)
        assert sent.status_code == 403 and told in sent.text
    await office.hire("late", "voter@deals")
    assert "you were not on it" in (await (await desk(office, "late")).get(f"/voter/proposals/{proposal}")).text
    assert await acts(office) == []


async def test_a_vote_that_comes_too_late_meets_the_outcome_and_keeps_its_text(office: Office, proposal: str) -> None:
    await chamber.deposit(office, 100)
    v9 = await voter(office, "v9")
    assert 'id="vote"' in (await v9.get(f"/voter/proposals/{proposal}")).text
    await chamber.vote(office, proposal, *["approve"] * 6)
    late = await v9.post(f"/voter/proposals/{proposal}/vote", BALLOT)
    assert late.status_code == 409
    assert "This vote is closed" in late.text and "Too dear." in late.text and "Approved on" in late.text


async def test_most_urgent_comes_first_and_the_end_is_applied_by_looking(office: Office, proposal: str) -> None:
    quiet = proposal
    running = str((await chamber.propose(office, title="Countdown"))["id"])
    await chamber.vote(office, running, *["deny"] * 5)
    v9 = await voter(office, "v9")
    page = (await v9.get("/voter")).text
    assert page.index(running) < page.index(quiet)
    assert "5 of 10 have voted" in page and "data-countdown" in page and "would be rejected" in page
    for _ in range(2):
        office.clock.move(timedelta(hours=12))
        assert (await v9.get("/voter")).status_code == 200
    page = (await v9.get("/voter")).text
    assert running not in page and quiet in page
    ended = (await v9.get("/voter/ended")).text
    assert running in ended and "Rejected on" in ended and "at the end of the countdown" in ended


async def test_what_one_has_voted_on_comes_after_what_one_still_owes(office: Office, proposal: str) -> None:
    later = str((await chamber.propose(office, title="Later"))["id"])
    v0 = await voter(office)
    assert (await v0.post(f"/voter/proposals/{proposal}/vote", BALLOT)).status_code == 303
    page = (await v0.get("/voter")).text
    assert page.index(later) < page.index(proposal) and "You voted: Deny" in page


async def test_the_receipt_verifies_against_the_ballot_downloaded_beside_it(
    office: Office, proposal: str, tmp_path: Path
) -> None:
    v0 = await voter(office)
    await v0.post(f"/voter/proposals/{proposal}/vote", BALLOT)
    receipt = json.loads((await v0.get(f"/voter/proposals/{proposal}/receipt.json")).text)
    assert (receipt["decision"], receipt["voter"], len(receipt["receipt"])) == ("deny", "v0", 64)
    text = await v0.get(f"/voter/proposals/{proposal}/receipt.txt")
    assert receipt["receipt"] in text.text and "attachment" in text.headers["Content-Disposition"]
    await chamber.vote(office, proposal, "deny", *["approve"] * 6)
    ballot = tmp_path / "ballot.jsonl"
    ballot.write_bytes((await v0.get(f"/voter/proposals/{proposal}/ballot.jsonl")).content)
    wanted = ["verify", "--ballot", receipt["ballot"], "--receipt", receipt["receipt"], str(ballot)]
    verified = CliRunner().invoke(placet, wanted)
    assert verified.exit_code == 0, verified.output
    forged = CliRunner().invoke(placet, [*wanted[:4], "0" * 64, str(ballot)])
    assert forged.exit_code == 1


async def test_who_did_not_vote_has_no_receipt_and_outsiders_see_nothing(office: Office, proposal: str) -> None:
    assert (await (await voter(office)).get(f"/voter/proposals/{proposal}/receipt")).status_code == 404
    mo = await desk(office, "mo")
    for path in ("", "/receipt", "/receipt.txt", "/receipt.json", "/ballot.jsonl"):
        assert (await mo.get(f"/voter/proposals/{proposal}{path}")).status_code == 404
    assert (await mo.get("/voter")).status_code == 403


async def test_an_administrator_approves_past_the_voters_with_a_reason(office: Office, proposal: str) -> None:
    await chamber.deposit(office, 100)
    root = await desk(office, "root")
    page = await root.get(f"/voter/proposals/{proposal}/force")
    assert "This decides in place of the voters" in page.text
    path, key = f"/voter/proposals/{proposal}/force", key_in(page)
    silent = await root.post(path, {"key": key, "reason": " ", "sure": "yes"})
    assert silent.status_code == 422 and "Say why" in silent.text
    unsure = await root.post(path, {"key": key, "reason": "It burns."})
    assert unsure.status_code == 422 and "It burns." in unsure.text
    for _ in range(2):
        done = await root.post(path, {"key": key, "reason": "It burns.", "sure": "yes"})
        assert done.status_code == 303, done.text
    shown = (await root.follow(done)).text
    assert "An administrator approved it past the voters: root." in shown
    lines = [action for _, action, _ in await office.lines(proposal)]
    assert lines.count("ballot.forced") == 1


async def test_an_old_session_proves_itself_before_it_decides_past_the_voters(office: Office, proposal: str) -> None:
    await chamber.deposit(office, 100)
    root = await desk(office, "root")
    office.clock.move(timedelta(minutes=11))
    form = {"key": "a" * 32, "reason": "It burns.", "sure": "yes"}
    answer = await root.post(f"/voter/proposals/{proposal}/force", form)
    assert answer.status_code == 200 and "Confirm that it is you" in answer.text
    assert (await office.get("v0", f"/proposer/workflows/{proposal}"))["status"] == "pending"


async def test_forcing_that_loses_the_race_or_lacks_money_says_so(office: Office, proposal: str) -> None:
    root = await desk(office, "root")
    form = {"key": "a" * 32, "reason": "It burns.", "sure": "yes"}
    poor = await root.post(f"/voter/proposals/{proposal}/force", form)
    assert poor.status_code == 409 and "The faucet cannot cover 40 now" in poor.text and "It burns." in poor.text
    await chamber.vote(office, proposal, *["deny"] * 6)
    late = await root.post(f"/voter/proposals/{proposal}/force", form)
    assert late.status_code == 409
    assert "Vote closed" in late.text and "Rejected on" in late.text and "It burns." in late.text


async def test_others_may_not_force(office: Office, proposal: str) -> None:
    for who, status in (("v0", 403), ("cora", 403), ("mo", 404)):
        visitor = await desk(office, who)
        assert (await visitor.get(f"/voter/proposals/{proposal}/force")).status_code == status
        form = {"reason": "I want it", "sure": "yes"}
        assert (await visitor.post(f"/voter/proposals/{proposal}/force", form)).status_code == status
    assert "Approve past the voters" not in (await (await voter(office)).get(f"/voter/proposals/{proposal}")).text


async def test_a_deletion_is_voted_on_and_says_what_it_would_delete(office: Office, proposal: str) -> None:
    deletion = str((await chamber.delete(office, proposal))["id"])
    v0 = await voter(office)
    page = (await v0.get(f"/voter/proposals/{deletion}")).text
    assert "What would be deleted" in page and f'href="/voter/proposals/{proposal}"' in page
    asked = await v0.post(f"/voter/proposals/{deletion}/vote", {"decision": "approve"})
    assert "You vote for deleting this." in asked.text
    assert (await v0.post(f"/voter/proposals/{deletion}/vote", {**BALLOT, "decision": "approve"})).status_code == 303


async def test_a_paused_vote_shows_no_clock_and_takes_no_vote(office: Office, proposal: str) -> None:
    await office.call("cora", "POST", f"/api/v1/cases/{proposal}/pause", {"reason": "Wait"})
    v0 = await voter(office)
    page = (await v0.get(f"/voter/proposals/{proposal}")).text
    assert "Paused" in page and "data-countdown" not in page and 'id="vote"' not in page
    assert (await v0.post(f"/voter/proposals/{proposal}/vote", BALLOT)).status_code == 409
