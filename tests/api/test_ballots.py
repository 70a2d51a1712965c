"""The evidence of a ballot over HTTP."""

import json
from datetime import timedelta
from typing import Any

from api import chamber
from api.office import Office
from placet.domain.recount import Recount, recount


async def evidence(office: Office, who: str, proposal: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    answer = await office.call(who, "GET", f"/api/v1/ballots/{proposal['ballot']}/export", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert "attachment" in answer.headers["content-disposition"]
    return [json.loads(line) for line in answer.text.split("\n") if line]


async def counted(office: Office, who: str, proposal: dict[str, Any]) -> Recount:
    return recount(await evidence(office, who, proposal), proposal["ballot"])


async def test_a_voter_counts_the_votes_again_with_their_own_receipt(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    body = {"decision": "deny", "comment": "Too “dear”"}
    answer = await office.call("v9", "POST", f"/voter/workflows/{made['id']}/vote", body)
    await chamber.vote(office, made["id"], *["deny"] * 5)
    found = recount(await evidence(office, "v9", made), made["ballot"], receipt=answer.json()["receipt"])
    assert found.problems == ()
    assert (found.state, found.deny, found.voters) == ("closed", 6, 10)
    assert found.vote is not None
    assert (found.vote.person, found.vote.decision) == ("v9", "deny")


async def test_comments_come_along_only_when_they_are_asked_for(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    await office.call("v0", "POST", f"/voter/workflows/{made['id']}/vote", {"decision": "deny", "comment": "Too dear"})
    bare, whole = await evidence(office, "v1", made), await evidence(office, "v1", made, texts="true")
    assert "Too dear" not in json.dumps(bare)
    assert [line["text"] for line in whole if line.get("field") == "comment"] == ["Too dear"]
    assert recount(bare).ok and recount(whole).ok


async def test_a_ballot_past_its_end_is_closed_before_it_is_exported(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    await chamber.vote(office, made["id"], *["deny"] * 5)
    assert (await counted(office, "v1", made)).state == "open"
    office.clock.move(timedelta(days=1))
    found = await counted(office, "v1", made)
    assert (found.state, found.problems) == ("closed", ())


async def test_what_is_no_ballot_is_not_found(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    for name in (made["id"], f"{made['id']}.vote.2", "x", "%00"):
        assert (await office.call("root", "GET", f"/api/v1/ballots/{name}/export")).status_code == 404
