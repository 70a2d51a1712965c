"""A governance proposal on a real installation that is killed and started again: nothing is lost or done twice."""

from pathlib import Path
from typing import Any

import pytest

from proof.conftest import LONGEST_SECONDS
from proof.harness import installed, until
from proof.office import Office

pytestmark = [pytest.mark.server, pytest.mark.timeout(LONGEST_SECONDS)]

NEW = {"person_id": "nia", "name": "Nia Newcomer", "email": "nia@new.example"}
GRANT = {"kind": "role-change", "person": "max", "role": "coordinator", "scope": "garden", "change": "grant"}
# The second of two votes decides at once: the countdown only has to be longer than it takes to give it.
QUICK = {"values": {"discussion": "4s", "countdown": "1h"}, "base_version": 0}


async def begun(office: Office, who: str, kind: str, request: dict[str, Any]) -> str:
    answer = await office.call(who, "POST", f"/api/v1/workflows/{kind}/cases", {"scope": "garden", "request": request})
    assert answer.status == 201, answer.text
    return str(answer.body["id"])


async def test_a_decision_is_discussed_voted_on_and_carried_out_through_a_kill(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        await place.hire("prue", "proposer", "garden")
        await place.hire("max", "member", "garden")
        for voter in ("vera", "vito"):
            await place.hire(voter, "voter", "garden")
        async with Office(place) as office:
            set_ = await office.call("admin", "PUT", "/api/v1/policies/governance-proposal", QUICK)
            assert set_.status == 200, set_.text
            case_id = await begun(office, "prue", "governance-proposal", {"title": "Max", "action": GRANT})
            vote = f"/voter/governance-proposals/{case_id}/vote"
            shown = f"/voter/governance-proposals/{case_id}"
            await until(lambda: office.look("vera", shown), "the discussion")
            said = await office.call("vera", "POST", f"/api/v1/cases/{case_id}/comments", {"text": "Yes!"})
            assert said.status == 201, said.text
            place.kill_everything()
        await until(lambda: not place.left_over(), "the death of all children")
        await place.up()
        async with Office(place) as office:

            async def is_open() -> bool:
                return (await office.look("vera", shown))["votes"]["total_voters"] == 2

            await until(is_open, "the vote")
            for voter in ("vera", "vito"):
                voted = await office.call(voter, "POST", vote, {"decision": "approve"})
                assert voted.status == 200, voted.text
            ended = await office.closed(case_id)
            assert ended["outcome"] == {"status": "approved", "execution": "done", "reason": ""}
            (child,) = ended["children"]
            assert (child["kind"], child["state"]) == ("decision-execution", "completed")
        grants = place.rows("SELECT role FROM role_grant WHERE person_id = 'max' ORDER BY role")
        assert [one["role"] for one in grants] == ["coordinator", "member"]
        checked = place.placet("verify", str(place.export()))
        assert checked.returncode == 0, checked
