"""Governance proposals on the pages of voters: discussed, voted on, passed by; and the form that starts one."""

import html
from datetime import timedelta
from typing import Any

import pytest

from api import agora
from api.chamber import sit
from api.office import TOKEN, Office
from placet.connectors.blobs.port import content_hash
from placet.domain.currency import Currencies
from web.desk import desk, key_in

PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
START = "/catalogue/governance-proposal/start"
ROLE = {
    "_scope": "deals",
    "title": "Mo buys",
    "action.kind": "role-change",
    "action.person": "mo",
    "action.role": "buyer",
    "action.scope": "deals",
    "action.change": "grant",
}


async def test_while_it_is_discussed_the_page_says_when_the_vote_opens_and_leads_to_the_talk(office: Office) -> None:
    await sit(office)
    proposal = await agora.propose(office)
    voter = await desk(office, "v0")
    listed, page = await voter.get("/voter"), await voter.get(f"/voter/proposals/{proposal}")
    for one in (listed, page):
        assert "Being discussed" in one.text and "until the vote opens, on" in one.text and "Governance" in one.text
    assert "mo gets the role buyer." in page.text and f'href="/cases/{proposal}#discussion"' in page.text
    assert 'name="decision"' not in page.text and "ballot.jsonl" not in page.text
    early = await voter.post(f"/voter/proposals/{proposal}/vote", {"decision": "approve", "sure": "yes"})
    assert early.status_code == 409 and "it is being discussed" in early.text
    root = await desk(office, "root")
    forced = await root.post(f"/voter/proposals/{proposal}/force", {"reason": "Now", "sure": "yes"})
    assert forced.status_code == 409 and "The vote has not opened yet." in forced.text


async def test_it_is_listed_for_those_alone_who_can_open_its_page(office: Office) -> None:
    """Until the case has opened its discussion, voters know nothing of it; its proposer sees that it is on its way."""
    await sit(office)
    proposal = (await agora.try_propose(office, agora.GRANT)).json()["id"]
    address = f"/voter/proposals/{proposal}"
    for who, sees in (("v0", False), ("mo", False), ("prue", True), ("cora", True), ("kofi", True), ("root", True)):
        caller = await desk(office, who)
        assert (await caller.get(address)).status_code == (200 if sees else 404), who
        listed = [await caller.get("/voter"), await caller.get("/proposer")]
        assert any(f'href="{address}"' in page.text for page in listed) is sees, who
    assert "the vote opens in a moment" in (await (await desk(office, "prue")).get(address)).text
    await office.ask(proposal, agora.discussion())
    voter = await desk(office, "v0")
    assert (await voter.get(address)).status_code == 200
    assert f'href="{address}"' in (await voter.get("/voter")).text


async def test_once_the_vote_is_open_voters_vote_and_administrators_may_pass_them_by(office: Office) -> None:
    await sit(office)
    office.clock.move(timedelta(days=4))
    proposal = await agora.propose(office)
    await agora.open_vote(office, proposal)
    voter = await desk(office, "v0")
    assert f'href="/voter/proposals/{proposal}"' in (await voter.get("/")).text
    page = await voter.get(f"/voter/proposals/{proposal}")
    assert 'name="decision"' in page.text and "0 of 10 have voted" in page.text
    sure = await voter.post(f"/voter/proposals/{proposal}/vote", {"decision": "approve"})
    assert "If it is approved:" in sure.text and "mo gets the role buyer." in sure.text
    done = await voter.post(f"/voter/proposals/{proposal}/vote", {"decision": "approve", "sure": "yes"})
    assert done.headers["Location"] == f"/voter/proposals/{proposal}/receipt"
    root = await desk(office, "root")
    forced = await root.post(f"/voter/proposals/{proposal}/force", {"reason": "It burns.", "sure": "yes"})
    assert forced.status_code == 303
    assert "approved it past the voters" in (await root.get(f"/voter/proposals/{proposal}")).text


@pytest.mark.parametrize("kind", ["treasury-disbursement", "governance-proposal"])
async def test_an_amount_may_be_written_with_its_unit(office: Office, kind: str) -> None:
    await sit(office)
    for name in ("kaia", "koji"):
        await office.hire(name, "council")
    office.control.currencies = Currencies(1, (TOKEN,))
    within = "action." if kind == "governance-proposal" else ""
    form = {"_scope": "deals", "title": "The roof", "action.kind": "treasury-transfer", f"{within}to": PAYEE}
    prue = await desk(office, "prue")
    wrong = await prue.post(f"/catalogue/{kind}/start", {**form, f"{within}amount": "1.5 SMPL"})
    told = html.unescape(wrong.text)
    assert wrong.status_code == 422 and told.count("SMPL is not what is paid here. Write the amount like 1.5 ETH") == 2
    assert 'value="1.5 SMPL"' in told and 'aria-invalid="true"' in told
    for written, token, units in (
        ("1.5 ETH", "", "1500000000000000000"),
        ("1.5 smpl", TOKEN.address, "1500000"),
        ("1500", TOKEN.address, "1500"),
    ):
        sent = {**form, f"{within}amount": written, f"{within}token": token}
        done = await prue.post(f"/catalogue/{kind}/start", sent)
        assert done.status_code == 303, done.text
        case = await office.get("prue", f"/api/v1{done.headers['Location']}")
        request = case["request"]
        assert request.get("action", request)["amount"] == units


async def test_a_policy_that_is_proposed_is_shown_with_its_new_values(office: Office) -> None:
    await sit(office)
    await office.hire("paul", "proposer@general")
    proposal = await agora.propose(office, agora.POLICY, who="paul", scope="general")
    text = (await (await desk(office, "root")).get(f"/voter/proposals/{proposal}")).text
    assert "The policy order changes" in text and "9 days" in text and "It changes version 0" in text


async def test_the_form_asks_first_which_act_it_is(office: Office) -> None:
    await sit(office)
    prue = await desk(office, "prue")
    page = await prue.get(START)
    for kind in ("treasury-transfer", "role-change", "policy-update"):
        assert f'type="radio" name="action.kind" value="{kind}"' in page.text
    assert 'name="action.person"' not in page.text
    key = key_in(page)
    chosen = await prue.post(START, {"key": key, "title": "T", "action.kind": "role-change", "_choose": "action"})
    assert chosen.status_code == 200 and 'name="action.person"' in chosen.text and 'value="T"' in chosen.text
    assert 'id="action-scope" name="action.scope" value="*"' in chosen.text
    other = await prue.post(START, {"key": key, "action.kind": "policy-update", "_choose": "action"})
    assert 'name="action.values"' in other.text and 'name="action.person"' not in other.text


async def test_a_proposal_is_started_with_the_act_that_was_chosen(office: Office) -> None:
    await sit(office)
    prue = await desk(office, "prue")
    done = await prue.post(START, {"key": key_in(await prue.get(START)), **ROLE})
    assert done.status_code == 303, done.text
    case: dict[str, Any] = await office.get("prue", "/api/v1" + done.headers["Location"])
    assert case["request"]["action"] == agora.GRANT


@pytest.mark.parametrize(
    ("change", "told", "at"),
    [
        ({"action.kind": ""}, "Action: Choose one of these.", "#action"),
        ({"action.role": ""}, "Role: ", "#action-role"),
        ({"action.person": "nobody"}, "Person: There is no such person in the organisation.", "#action-person"),
        ({"action.scope": "labs"}, "Scope: ", "#action-scope"),
        ({"action.kind": "policy-update"}, "Policy: ", "#action-policy"),
        (
            {"action.kind": "policy-update", "action.values": "nine days"},
            "New values: Write each line as a name, = and a value.",
            "#action-values",
        ),
    ],
)
async def test_a_mistake_in_the_act_is_told_at_its_field(
    office: Office, change: dict[str, str], told: str, at: str
) -> None:
    await sit(office)
    answer = await (await desk(office, "prue")).post(START, ROLE | change)
    text = html.unescape(answer.text)
    assert answer.status_code in (403, 409, 422) and f'href="{at}"' in text and told in text, text[-6000:]
    assert 'value="Mo buys"' in text


async def test_what_a_proposal_brings_along_is_seen_by_its_voters(office: Office) -> None:
    await sit(office)
    voter = await desk(office, "v0")
    note = ("why <b>.txt", b"He knows what to buy.", "text/plain")
    assert (await office.call("prue", "POST", "/api/v1/documents", files={"file": note})).status_code == 201
    proposal = await agora.propose(office, attachments=[content_hash(note[1])])
    page = (await voter.get(f"/voter/proposals/{proposal}")).text
    address = f"/cases/{proposal}/documents/{content_hash(note[1])}"
    assert "<h3>Attachments</h3>" in page and "why b.txt" in page
    assert f'href="{address}"' in page and f'href="{address}/preview"' in page
    assert note[1].decode() in (await voter.get(f"{address}/preview")).text
