"""“Propose, vote, pay”: every address and every code on the page is a real one."""

import re
from typing import Any

from api import chamber
from api.office import Office
from api.test_access_tables import routes
from docs.markdown import ROOT
from placet.api.errors import STATUS
from placet.control.errors import CODES

PAGE = (ROOT / "docs/howto/voting.md").read_text(encoding="utf-8")
CALLED = re.compile(r"\$PLACET(/[\w/$-]+)")
SENT = re.compile(r"curl -s \$PLACET(/[\w/$-]+)(?:(?!curl).)*? -d '(\{.*?\})'", re.DOTALL)
REFUSED = re.compile(r"^\| (`[a-z`, -]+`) \| (\d{3}) \|", re.MULTILINE)


def test_every_address_is_a_route(office: Office) -> None:
    known = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for _, path in routes(office)]
    called = CALLED.findall(PAGE)
    assert len(called) >= 12
    assert [path for path in called if not any(re.fullmatch(one, path) for one in known)] == []


def test_every_code_has_the_status_that_the_page_says() -> None:
    rows = REFUSED.findall(PAGE)
    assert len(rows) >= 8
    told = {code: int(status) for codes, status in rows for code in re.findall(r"`([a-z-]+)`", codes)}
    assert told == {code: STATUS[CODES[code][0]] for code in told}


async def test_what_the_page_sends_is_taken(office: Office) -> None:
    await chamber.sit(office)
    sent: dict[str, str] = {path: text for path, text in SENT.findall(PAGE)}
    ids: dict[str, Any] = {}

    async def send(who: str, path: str, **other: str) -> dict[str, Any]:
        text = sent[path]
        for old, new in other.items():
            text = text.replace(old, new)
        filled = path.replace("$ID", ids.get("$ID", "")).replace("$DELETION", ids.get("$DELETION", ""))
        headers = {"Content-Type": "application/json"}
        answer = await office.call(who, "POST", filled, content=text, headers=headers)
        assert answer.status_code in (200, 201), (path, answer.text)
        return dict(answer.json())

    ids["$ID"] = (await send("prue", "/proposer/workflows"))["id"]
    voted = await send("v0", "/voter/workflows/$ID/vote")
    assert (voted["my_decision"], bool(voted["receipt"])) == ("approve", True)
    assert (await send("root", "/admin/faucet/deposits"))["unallocated"] == 100_000
    assert (await send("root", "/admin/workflows/$ID/force-approve"))["status"] == "approved"
    series = await chamber.propose(office, recurrence="weekly")
    aim = {"series-proposal-...": series["series_id"]}
    ids["$DELETION"] = (await send("v1", "/voter/deletion-proposals", **aim))["id"]
    assert (await send("v0", "/voter/deletion-proposals/$DELETION/vote"))["votes"]["approve"] == 1
