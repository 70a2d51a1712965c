"""Proposing on pages without scripts: rows come and go, a preview tells what it costs, one key is one proposal."""

import html
import re
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from api import chamber
from api.office import Office
from placet.store import tables as t
from web.desk import Desk, desk, key_in

FORM = {
    "key": "k" * 32,
    "_scope": "deals",
    "title": "A new fence",
    "description": "Of *wood*.\r\n\r\n# Really",
    "steps.0.title": "Paint",
    "steps.0.bounty": "40",
    "steps.0.credentials": "painter\r\nclimber",
    "steps.1.title": "Look",
    "steps.1.bounty": "2",
    "recurrence": "weekly",
}


def inputs(page: httpx2.Response) -> dict[str, str]:
    """What the form on the page would send, hidden fields and all."""
    found = dict(re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', page.text))
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?([^<]*)</textarea>', page.text))
    chosen = re.findall(r'<select[^>]* name="([^"]+)".*?</select>', page.text, re.S)
    for name in chosen:
        select = re.search(rf'<select[^>]* name="{name}".*?</select>', page.text, re.S)
        picked = re.search(r'value="([^"]*)" selected', select[0] if select else "")
        found[name] = picked[1] if picked else ""
    return {name: html.unescape(value) for name, value in found.items()}


async def proposals(office: Office) -> list[Any]:
    return await office.store.read(lambda tx: list(tx.conn.execute(sa.select(t.proposal)).mappings()))


@pytest.fixture
async def prue(office: Office) -> Desk:
    await chamber.sit(office)
    return await desk(office, "prue")


async def test_rows_are_added_and_taken_away_without_scripts_and_nothing_typed_is_lost(
    office: Office, prue: Desk
) -> None:
    page = await prue.get("/proposer/new")
    assert 'name="steps.0.title"' in page.text and 'name="steps.1.title"' not in page.text
    form = {**FORM, "steps.1.title": "", "steps.1.bounty": ""}
    more = await prue.post("/proposer/new", {**form, "_more": "steps"})
    assert more.status_code == 200
    assert inputs(more)["steps.0.title"] == "Paint" and 'name="steps.1.title"' in more.text
    assert inputs(more)["key"] == FORM["key"]
    three = {**FORM, "steps.2.title": "Clean", "steps.2.bounty": "7"}
    less = await prue.post("/proposer/new", {**three, "_less": "steps.1"})
    kept = inputs(less)
    assert (kept["steps.0.title"], kept["steps.1.title"], kept["steps.1.bounty"]) == ("Paint", "Clean", "7")
    assert 'name="steps.2.title"' not in less.text
    assert await proposals(office) == []


async def test_a_preview_tells_how_it_reads_and_what_it_costs_and_proposes_nothing(office: Office, prue: Desk) -> None:
    page = await prue.post("/proposer/new", {**FORM, "_do": "preview"})
    assert page.status_code == 200 and await proposals(office) == []
    for told in ("<em>wood</em>", "<h3>Really</h3>", "42 every week: 2,184 a year (52 times).", "painter, climber"):
        assert told in page.text, told
    assert "The faucet can" not in page.text
    back = await prue.post("/proposer/new", {**inputs(page), "_do": "edit"})
    assert inputs(back)["steps.0.title"] == "Paint" and "Of *wood*." in back.text


async def test_who_may_see_the_faucet_sees_whether_it_suffices(office: Office, prue: Desk) -> None:
    await chamber.deposit(office, 41)
    root = await desk(office, "root")
    page = await root.post("/proposer/new", {**FORM, "_do": "preview"})
    assert "The faucet cannot cover it now: 41 is free." in page.text
    await chamber.deposit(office, 1)
    assert "can cover it now: 42 is free." in (await root.post("/proposer/new", {**FORM, "_do": "preview"})).text


async def test_what_is_proposed_is_what_the_preview_showed_and_counts_once(office: Office, prue: Desk) -> None:
    page = await prue.post("/proposer/new", {**FORM, "_do": "preview"})
    form = {**inputs(page), "_do": "propose"}
    done = [await prue.post("/proposer/new", form) for _ in range(2)]
    assert done[0].headers["Location"] == done[1].headers["Location"]
    (row,) = await proposals(office)
    assert (row["title"], row["recurrence"], row["weekly_requirement"], row["scope"]) == (
        "A new fence",
        "weekly",
        42,
        "deals",
    )
    assert row["description"] == "Of *wood*.\n\n# Really"
    assert [step["credentials"] for step in row["steps"]] == [["painter", "climber"], []]
    shown = await prue.follow(done[0])
    assert shown.status_code == 200 and "Proposed. The vote is open." in shown.text
    mine = await prue.get("/proposer")
    assert "A new fence" in mine.text and "Being voted on" in mine.text


@pytest.mark.parametrize(
    ("change", "told", "at"),
    [
        ({"title": ""}, "This field is required.", "#title"),
        ({"title": "x" * 201}, "Use at most 200 characters.", "#title"),
        ({"steps.0.bounty": "many"}, "Write a whole number.", "#steps-0-bounty"),
        ({"steps.1.bounty": "-1"}, "This must be at least 0.", "#steps-1-bounty"),
        ({"steps.0.credentials": "pain ter"}, "is not the name of a credential", "#steps-0-credentials"),
        ({"_scope": ""}, "Use small letters", "#_scope"),
        ({"recurrence": "hourly"}, "Choose one of", "#recurrence"),
        ({"description": "x" * 50_001}, "Use at most 50000 characters.", "#description"),
    ],
)
async def test_what_is_wrong_is_named_with_a_way_to_it_and_what_was_typed_is_kept(
    office: Office, prue: Desk, change: dict[str, str], told: str, at: str
) -> None:
    page = await prue.post("/proposer/new", {**FORM, **change, "_do": "preview"})
    assert page.status_code == 422 and await proposals(office) == []
    text = html.unescape(page.text)
    assert told in text and f'href="{at}"' in text
    assert inputs(page)["steps.1.title"] == "Look"


async def test_an_empty_row_before_a_wrong_one_does_not_move_the_blame(office: Office, prue: Desk) -> None:
    form = {**FORM, "steps.0.title": "", "steps.0.bounty": "", "steps.0.credentials": "", "steps.1.bounty": "x"}
    page = await prue.post("/proposer/new", {**form, "_do": "preview"})
    assert 'href="#steps-0-bounty"' in page.text and inputs(page)["steps.0.title"] == "Look"


async def test_only_the_scopes_of_a_proposer_can_be_chosen_and_no_other_gets_through(
    office: Office, prue: Desk
) -> None:
    page = await prue.get("/proposer/new")
    assert re.findall(r'<option value="(deals|labs|general)"', page.text) == ["deals"]
    other = await prue.post("/proposer/new", {**FORM, "_scope": "labs", "_do": "propose"})
    assert other.status_code == 403 and inputs(other)["steps.0.title"] == "Paint" and await proposals(office) == []
    mo = await desk(office, "mo")
    assert "You cannot propose yet" in (await mo.get("/proposer/new")).text
    assert (await mo.post("/proposer/new", {**FORM, "_do": "propose"})).status_code == 403
    assert await proposals(office) == []


async def test_a_deletion_is_proposed_with_its_warning_and_once(office: Office, prue: Desk) -> None:
    proposal = str((await chamber.propose(office, recurrence="weekly"))["id"])
    page = await prue.get(f"/proposer/delete?target={proposal}")
    assert "cannot be undone" in page.text and "The whole series" in page.text
    form = {"key": key_in(page), "target_id": proposal, "target_kind": "series", "reason": "No need.", "sure": "yes"}
    for change, told in (
        ({"reason": ""}, "Say why it should be deleted."),
        ({"target_kind": "all"}, "Choose one of"),
    ):
        wrong = await prue.post("/proposer/delete", {**form, **change})
        assert wrong.status_code == 422 and told in html.unescape(wrong.text)
    unsure = await prue.post("/proposer/delete", {name: value for name, value in form.items() if name != "sure"})
    assert unsure.status_code == 422 and "No need." in unsure.text
    done = [await prue.post("/proposer/delete", form) for _ in range(2)]
    assert done[0].headers["Location"] == done[1].headers["Location"]
    assert [row["kind"] for row in await proposals(office)].count("deletion") == 1
    again = await prue.post("/proposer/delete", {**form, "key": "z" * 32})
    assert again.status_code == 409 and "Its deletion is being voted on already" in again.text
    assert done[0].headers["Location"] in again.text
    assert "Delete: A new fence" in (await prue.get("/proposer")).text


async def test_a_deletion_of_what_one_may_not_see_looks_like_nothing(office: Office, prue: Desk) -> None:
    proposal = str((await chamber.propose(office))["id"])
    lars = await desk(office, "lars")
    hidden = await lars.get(f"/proposer/delete?target={proposal}")
    assert "A new fence" not in hidden.text
    form = {"target_id": proposal, "target_kind": "workflow", "reason": "x", "sure": "yes"}
    assert (await lars.post("/proposer/delete", form)).status_code == 404
