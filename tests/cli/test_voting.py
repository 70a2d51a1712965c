"""Proposing, voting and paying in, from the command line, against an installation that runs."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.test_cli import USAGE, Terminal
from proof.harness import Installation

pytestmark = pytest.mark.server

PROPOSAL = {
    "title": "A new fence",
    "description": "Of *wood*.",
    "steps": [{"title": "Paint it", "bounty": 40, "credentials": ["carpenter"]}],
    "recurrence": "weekly",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("cli"))
    try:
        asyncio.run(running.up())
        yield running
    finally:
        running.clean_up()


@pytest.fixture(scope="module")
def admin(place: Installation) -> Terminal:
    return Terminal(place.data)


@pytest.fixture(scope="module")
def people(place: Installation, admin: Terminal, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Terminal]:
    """Four voters of the scope fences, the last of whom also proposes."""
    file = tmp_path_factory.mktemp("people") / "people.csv"
    grants = dict.fromkeys(("vera", "viktor", "volker"), "voter@fences") | {"prue": "voter@fences;proposer@fences"}
    rows = [f"{who},{who.capitalize()},{who}@example.org,{held}" for who, held in grants.items()]
    file.write_text("\n".join(["id,name,email,grants", *rows]) + "\n")
    admin.says(f"person import {file}")
    return {who: Terminal(place.data, admin.says(f"person token {who}").strip()) for who in grants}


@pytest.fixture
def proposal_file(tmp_path: Path) -> Path:
    file = tmp_path / "proposal.json"
    file.write_text(json.dumps(PROPOSAL))
    return file


def test_a_proposal_is_made_voted_on_funded_and_proposed_for_deletion(
    admin: Terminal, people: dict[str, Terminal], proposal_file: Path
) -> None:
    prue, vera, viktor = people["prue"], people["vera"], people["viktor"]
    propose = f"propose {proposal_file} --scope fences --key p1"
    made = prue.says(propose).strip()
    assert prue.says(propose).strip() == made
    listed = vera.says("proposals")
    assert made in listed and "0 of 3 (0 for, 0 against)" in listed and "MY VOTE" in listed
    shown = vera.says(f"proposals {made}")
    assert "2 more votes are needed for quorum" in shown and "carpenter" in shown
    assert "weekly; 40 a week is reserved" in shown

    told = vera.says(f"vote {made} approve -m Good")
    assert told.startswith("counted, receipt ") and "1 of 3 has voted" in told
    assert vera.says(f"vote {made} approve").splitlines()[0] == told.splitlines()[0]
    assert "[already-voted]" in vera.refuses(f"vote {made} deny")
    assert "[own-proposal]" in prue.refuses(f"vote {made} approve")
    assert "[not-a-voter]" in admin.refuses(f"vote {made} approve")
    assert "approve" in vera.refuses(f"vote {made} maybe", code=USAGE)

    assert "[insufficient-funds]" in admin.refuses(f"force-approve {made} --reason now")
    assert "[forbidden]" in vera.refuses("deposit 10")
    viktor.says(f"vote {made} approve")
    assert "pending, no funds" in prue.says("proposals --mine")
    assert admin.says("deposit 100 -m Grant --key d1") == "deposited: 100, the faucet holds 100\n"
    assert admin.says("deposit 100 -m Grant --key d1") == "deposited: 100, the faucet holds 100\n"
    assert "approved" in prue.says("proposals --mine")
    assert "[ballot-closed]" in admin.refuses(f"force-approve {made} --reason now")
    assert admin.says("faucet").split() == ["balance", "100", "allocated", "40", "unallocated", "60"]
    assert "Grant" in admin.says("faucet --ledger")
    assert "More: --cursor" in admin.says("faucet --ledger --limit 1")

    series: dict[str, Any] = prue.json(f"proposals {made}")
    deletion = vera.says(f"propose-deletion {series['series_id']} --series --reason Rotten").strip()
    assert "[deletion-pending]" in prue.refuses(f"propose-deletion {made}")
    assert deletion in viktor.says("proposals --deletions")
    assert deletion not in viktor.says("proposals")
    viktor.says(f"vote {deletion} deny")
    assert "You voted: deny" in viktor.says(f"proposals {deletion}")
    assert admin.says(f"force-approve {deletion} --reason Danger") == f"approved: {deletion}\n"
    assert "all hold" in admin.says("verify")


def test_a_file_that_is_no_proposal_is_refused_where_it_is_wrong(people: dict[str, Terminal], tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    file.write_text("{")
    assert "is not valid JSON" in people["prue"].refuses(f"propose {file}", code=1)
    file.write_text(json.dumps(PROPOSAL | {"steps": [{"title": "x", "bounty": 1.5}]}))
    told = people["prue"].refuses(f"propose {file} --scope fences")
    assert "(steps.0.bounty) [invalid-request]" in told
    file.write_text("[]")
    assert "[invalid-request]" in people["prue"].refuses(f"propose {file} --scope fences")
    assert "[not-found]" in people["vera"].refuses("proposals proposal-0000000000")
    assert "[not-found]" in people["vera"].refuses("vote ../../../x approve")
    assert "[not-found]" in people["vera"].refuses("propose-deletion nothing")


def test_amounts_are_whole_and_positive(admin: Terminal) -> None:
    for amount in ("0", "-5", "1.5", "many"):
        admin.refuses("deposit", "--", amount, code=USAGE)
    assert "[deposit-overflow]" in admin.refuses(f"deposit {2**53}")


def test_what_you_proposed_is_listed_without_further_filters(people: dict[str, Terminal]) -> None:
    assert "leave out" in people["prue"].refuses("proposals --mine --deletions", code=USAGE)
    assert people["vera"].says("proposals --mine") == "You have proposed nothing.\n"
    assert people["vera"].says("proposals --scope elsewhere") == "Nothing is pending.\n"
