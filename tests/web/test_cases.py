"""The page of a case and the list of cases."""

import re
from datetime import timedelta

import pytest

from api import chamber
from api.office import HASH, Office, review
from placet.domain.people import Named, Role
from placet.domain.task import Seats, TaskSpec
from web.desk import desk


async def case_of(office: Office, spec: TaskSpec | None = None) -> tuple[str, str]:
    task = await office.task(spec)
    return task.partition(".")[0], task


async def test_the_page_tells_what_it_waits_for_and_what_happened(office: Office) -> None:
    case, task = await case_of(office)
    await office.answer("ben", task, "refuse", comment="Too dear <b>")
    await office.ask(case, review("second", title="Second look"))
    page = await (await desk(office, "cora")).get(f"/cases/{case}")
    for text in (
        "<bdi>Order of Pens</bdi>",
        "Waiting for somebody with the role buyer in deals: Second look.",
        "Rita opened the case",
        "Ben answered “Review the order”: refuse",
        "“Too dear &lt;b&gt;”",
        "“Review the order” is decided: refuse",
        'class="process"',
        f'href="/tasks/{case}.second.1"',
    ):
        assert text in page.text, text
    assert f'data-about="{case}"' in page.text


async def test_the_page_says_when_too_few_people_can_answer(office: Office) -> None:
    pair = Seats(total=2, needed=2)
    case, notaries = await case_of(office, review(to=(Role(name="notary"),), seats=pair, excluded={"noa": "kin"}))
    cora = await desk(office, "cora")

    async def told() -> bool:
        (line,) = (await office.get("cora", f"/api/v1/cases/{case}"))["tasks"]
        shown = "Too few people can answer this now." in (await cora.get(f"/cases/{case}")).text
        assert line["short"] is shown
        return shown

    assert await told()
    for person in ("nora", "noa"):
        await office.hire(person, "notary@deals")
    assert await told()
    await office.hire("nick", "notary@deals")
    assert not await told()
    assert (await office.answer("nick", notaries)).status_code == 200
    assert not await told()
    await office.call("root", "PUT", "/api/v1/people/nora/grants", {"grants": []})
    assert await told()
    await office.call("cora", "POST", f"/api/v1/cases/{case}/cancel", {"reason": "Nobody is left"})
    assert not await told()


async def test_large_numbers_are_told_with_their_thousands_apart(office: Office) -> None:
    shows = {"revenue": 2_400_000, "founded": 2017, "debt": -1_250_000.5, "code": "1234567", "paid": True}
    page = await (await desk(office, "ben")).get(f"/tasks/{await office.task(review(shows=shows))}")
    for told in ("2,400,000", "2017", "-1,250,000.5", "1234567"):
        assert re.search(rf"<dd>\s*(<span[^>]*>)?{told}(</span>)?\s*</dd>", page.text), told


async def test_people_are_called_by_their_names_and_programs_get_their_ids(office: Office) -> None:
    named, claimed = await office.task(review(to=(Named(person="ben"),))), await office.task()
    await office.call("bea", "POST", f"/api/v1/tasks/{claimed}/claim", {})
    for task, who, end in ((named, "ben", ": "), (claimed, "bea", ", who claimed it: ")):
        case = task.partition(".")[0]
        told = (await office.get("cora", f"/api/v1/cases/{case}"))["waiting_for"]
        assert told.startswith(f"Waiting for {who}{end}"), told
        for path in ("/cases", f"/cases/{case}", f"/tasks/{task}"):
            assert f"Waiting for {who.title()}{end}" in (await (await desk(office, "cora")).get(path)).text, path


async def test_only_what_one_may_do_is_offered(office: Office) -> None:
    case, _ = await case_of(office)
    for person, offered in (("cora", True), ("root", True), ("rita", False), ("ben", False), ("kofi", False)):
        page = await (await desk(office, person)).get(f"/cases/{case}")
        assert ("Pause the case" in page.text, "Cancel the case" in page.text) == (offered, offered), person


async def test_pausing_resuming_and_cancelling_with_a_reason(office: Office) -> None:
    case, _ = await case_of(office)
    cora = await desk(office, "cora")
    paused = await cora.follow(await cora.post(f"/cases/{case}/pause", {"reason": "Wait <i>"}))
    for text in ("The case is paused.", "“Wait &lt;i&gt;”", "Resume the case"):
        assert text in paused.text, text
    assert "Pause the case" not in paused.text
    again = await cora.post(f"/cases/{case}/pause", {"reason": "x" * 2001})
    assert (again.status_code, "at most 2000" in again.text) == (422, True)
    resumed = await cora.follow(await cora.post(f"/cases/{case}/resume"))
    assert "The case goes on." in resumed.text
    await cora.follow(await cora.post(f"/cases/{case}/cancel", {"reason": "No more"}))
    rita = await (await desk(office, "rita")).post(f"/cases/{case}/cancel")
    assert (rita.status_code, "Only coordinators of deals" in rita.text) == (403, True)


async def test_what_an_act_came_to_is_kept_for_the_page_that_is_on_its_way(office: Office) -> None:
    """A page that still looks for changes, here or in another tab, asks with the same cookies and may be faster."""
    case = await office.start()
    cora = await desk(office, "cora")
    sent = await cora.post(f"/cases/{case}/comments", {"text": "Dry by now."})
    flash, said = {"flash": sent.cookies["flash"]}, "Your comment is there."
    looked = await cora.get(f"/cases/{case}", cookies=flash, headers={"Placet-Look": "again"})
    assert (
        "Dry by now." in looked.text and said not in looked.text and "flash" not in looked.headers.get("Set-Cookie", "")
    )
    other = await cora.get("/cases", cookies=flash)
    assert said not in other.text and "flash" not in other.headers.get("Set-Cookie", "")
    shown = await cora.get(f"/cases/{case}", cookies=flash)
    assert said in shown.text and 'flash=""' in shown.headers["Set-Cookie"]


async def test_a_vote_is_shown_with_its_quorum(office: Office) -> None:
    await chamber.sit(office)
    proposal = (await chamber.propose(office))["id"]
    await chamber.vote(office, proposal, "approve", "deny")
    page = await (await desk(office, "v5")).get(f"/cases/{proposal}")
    assert 'aria-label="2 of 10 have voted; 5 are needed for quorum"' in page.text
    assert 'aria-label="1 for, 1 against"' in page.text
    assert f'href="/voter/proposals/{proposal}"' in page.text
    voted = await (await desk(office, "v0")).get(f"/cases/{proposal}")
    assert f'href="/voter/proposals/{proposal}"' not in voted.text
    # What the story of the workflow names next lies ahead.
    assert page.text.index(">Now<") < page.text.index(">Ahead")
    assert "<bdi>Begin the work</bdi>" in page.text


async def test_related_cases_lead_to_each_other_for_those_who_see_both(office: Office) -> None:
    await chamber.sit(office)
    target = (await chamber.propose(office))["id"]
    deletion = (await chamber.delete(office, target))["id"]
    kofi = await desk(office, "kofi")
    assert f'href="/cases/{deletion}"' in (await kofi.get(f"/cases/{target}")).text
    assert f'href="/cases/{target}"' in (await kofi.get(f"/cases/{deletion}")).text


async def test_documents_of_a_case_are_handed_out_as_files(office: Office) -> None:
    case = await office.start()
    await office.draft(case, HASH, b"<script>", "text/html")
    task = await office.ask(case, review(shows={"sheet": HASH}))
    ben = await desk(office, "ben")
    assert f"/cases/{case}/documents/{HASH}" in (await ben.get(f"/tasks/{task}")).text
    answer = await ben.get(f"/cases/{case}/documents/{HASH}")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_a_coordinator_adds_a_document(office: Office) -> None:
    case, _ = await case_of(office)
    cora = await desk(office, "cora")
    sent = await cora.post(f"/cases/{case}/documents", {"name": "deed"}, files={"file": ("deed.txt", b"A deed.")})
    page = await cora.follow(sent)
    assert "deed.txt" in page.text and "Cora sent a document" in page.text
    assert '<option value="deed">Deed</option>' in page.text and '<option value="other">' in page.text
    bad = await cora.post(f"/cases/{case}/documents", {"name": "Bad Name"}, files={"file": ("a.txt", b"x")})
    assert bad.status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Ink", "Pens", "Paper"]),
        ("q=pe", ["Pens", "Paper"]),
        ("q=%25", []),
        ("state=open", ["Ink", "Pens", "Paper"]),
        ("state=closed", []),
        ("kind=order&scope=labs", ["Ink"]),
        ("kind=other", []),
    ],
)
async def test_the_list_is_searched_and_narrowed_down(office: Office, query: str, found: list[str]) -> None:
    for name, scope in (("Ink", "labs"), ("Pens", "deals"), ("Paper", "deals")):
        await office.start(name=name, scope=scope)
    page = await (await desk(office, "kofi")).get(f"/cases?{query}")
    assert page.status_code == 200
    assert [name for name in ("Ink", "Pens", "Paper") if f"Order of {name}<" in page.text] == found
    assert ("No cases" in page.text) is (not found)


async def test_a_long_list_and_a_long_course_go_on_on_further_pages(office: Office) -> None:
    ids = []
    for number in range(27):
        ids.append(await office.start(name=f"Order {number}"))
        office.clock.move(timedelta(seconds=1))
    kofi = await desk(office, "kofi")
    first = await kofi.get("/cases?kind=order")
    more = first.text.split('class="button" href="?')[1].split('"')[0].replace("&amp;", "&")
    assert more.startswith("kind=order&cursor=")
    second = await kofi.get(f"/cases?{more}")
    assert [case for case in ids if f"/cases/{case}" in second.text] == ids[:2]
    assert (await kofi.get("/cases?cursor=odd")).status_code == 422
