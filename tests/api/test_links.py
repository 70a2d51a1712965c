"""The page behind a signed link: it works without scripts, and only a sent form decides."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from api.office import HASH, PARTNER, Office, negotiation
from placet.domain.people import Named
from placet.store import tables as t

FORM = {"outcome": "counter", "percent": "12,5", "months": "24", "comment": "Please."}


async def asked(office: Office, **more: object) -> str:
    """The address of the page for a new task."""
    return office.link(await office.task(negotiation(**more)))


async def acts(office: Office) -> list[tuple[str, str, dict, str, str]]:
    a = t.act.c
    query = sa.select(a.person_id, a.outcome, a.data, a.comment, a.door)
    return [tuple(row) for row in await office.store.read(lambda tx: tx.conn.execute(query).all())]


async def test_the_mailed_link_opens_the_task_and_opening_it_decides_nothing(office: Office) -> None:
    await office.task(negotiation(instructions="Read <b>carefully</b>.", shows={"term_months": 24, "who": "<i>x</i>"}))
    mails = await office.get("root", "/api/v1/messages?all=true")
    mail = next(mail for mail in mails["items"] if mail["person"] == PARTNER.person)
    link = re.search(r"http://placet(/l/\S+)", mail["text"])[1]
    for _ in range(3):
        page = await office.http.get(link)
        assert page.status_code == 200
    assert await acts(office) == []
    for text in (
        "<h1>Review the order</h1>",
        "Hello Rosa of Acme.",
        "Ask for other terms",
        'type="radio" name="outcome" value="approve"',
        'name="percent"',
        "Only with: Ask for other terms.",
        "(optional)",
        "Term months",
        "5 March 2026, 09:00 UTC</time>",
        "If nobody acts, it expires",
        "Read &lt;b&gt;carefully&lt;/b&gt;.",
        "&lt;i&gt;x&lt;/i&gt;",
        'href="/static/placet.css?v=',
    ):
        assert text in page.text, text
    assert page.text.count("<script") == 1
    head = await office.http.head(link)
    assert (head.status_code, await acts(office)) == (405, [])


async def test_a_sent_form_is_answered_with_a_receipt(office: Office) -> None:
    link = await asked(office)
    done = await office.http.post(link, data=FORM)
    assert done.status_code == 200
    assert await acts(office) == [
        (PARTNER.person, "counter", {"percent": 12.5, "months": 24}, "Please.", "link"),
    ]
    receipt = await office.store.read(lambda tx: tx.conn.execute(sa.select(t.act.c.receipt)).scalar_one())
    assert "your answer counts" in done.text and receipt in done.text
    again = await office.http.post(link, data=FORM)
    assert (again.status_code, len(await acts(office))) == (200, 1)
    later = await office.http.get(link)
    assert (later.status_code, receipt in later.text, "<form" in later.text) == (200, True, False)


async def test_the_form_of_another_outcome_is_left_out_of_a_refusal_and_asked_about_in_an_approval(
    office: Office,
) -> None:
    link = await asked(office)
    asked_about = await office.http.post(link, data={**FORM, "outcome": "approve"})
    assert (asked_about.status_code, "This goes with “" in asked_about.text) == (422, True)
    assert await acts(office) == []
    done = await office.http.post(link, data={**FORM, "outcome": "refuse", "comment": "No"})
    assert (done.status_code, (await acts(office))[0][2]) == (200, {})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"outcome": ""}, "Choose one of the answers."),
        ({"outcome": "steal"}, "Choose one of the answers."),
        ({"percent": "a lot"}, "Write a number like 12.5."),
        ({"percent": "200"}, "200"),
        ({"months": "1.5"}, "Write a whole number."),
        ({"months": ""}, "months"),
        ({"percent": "nan"}, "percent"),
        ({"comment": "x" * 8001}, "Use at most 8000 characters."),
        ({"outcome": "refuse", "comment": " "}, "Say why in a comment."),
        ({"comment": "a\x00b"}, "character that is no text"),
        ({"subject_hash": "0" * 64}, "has changed since"),
    ],
)
async def test_mistakes_come_back_on_the_same_page_with_what_was_written(
    office: Office, change: dict[str, str], told: str
) -> None:
    link = await asked(office)
    answer = await office.http.post(link, data=FORM | {"comment": "My <words>"} | change)
    assert answer.status_code in (409, 422), answer.text
    assert told in answer.text
    assert "<form" in answer.text
    if "comment" not in change:
        assert "My &lt;words&gt;" in answer.text
    assert await acts(office) == []


async def test_an_expired_link_is_gone_and_a_damaged_one_unknown(office: Office) -> None:
    task = await office.task(negotiation())
    expired = office.link(task, at=office.clock.time - timedelta(days=61))
    good = office.link(task)
    forged = good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB")
    foreign = office.link("order-0000000000.review.1")
    unknown = office.link(task, person="ext:nobody@acme.example")
    for link, status, title in (
        (expired, 410, "Link expired"),
        (unknown, 410, "Link expired"),
        (forged, 404, "Link damaged"),
        ("/l/x", 404, "Link damaged"),
        ("/l/a.b", 404, "Link damaged"),
        ("/l/%F0%9F%8D%8C.x", 404, "Link damaged"),
        (foreign, 404, "Not found"),
    ):
        for answer in (await office.http.get(link), await office.http.post(link, data=FORM)):
            assert (answer.status_code, title in answer.text) == (status, True), link
            assert answer.headers["Content-Type"].startswith("text/html")
    assert await acts(office) == []


async def test_a_closed_task_shows_its_verdict(office: Office) -> None:
    task = await office.task(negotiation(to=(PARTNER, Named(person="ben"))))
    await office.answer("ben", task)
    for answer in (await office.http.get(office.link(task)), await office.http.post(office.link(task), data=FORM)):
        assert (answer.status_code, "It was decided: Approve." in answer.text) == (409, True)
    late = await asked(office)
    office.clock.move(timedelta(days=4))
    answer = await office.http.post(late, data=FORM)
    assert (answer.status_code, "It ended as: expired." in answer.text) == (409, True)


async def test_a_paused_case_says_so_and_takes_nothing(office: Office) -> None:
    task = await office.task(negotiation())
    await office.call("cora", "POST", f"/api/v1/cases/{task.partition('.')[0]}/pause", {"reason": "x"})
    page = await office.http.get(office.link(task))
    assert ("The case is paused" in page.text, "<form" in page.text) == (True, False)
    assert "No clock runs until the case is resumed." in page.text and "Please answer by" not in page.text
    late = await office.http.post(office.link(task), data=FORM | {"comment": "In May, then."})
    assert (late.status_code, "The case is paused" in late.text, "In May, then.</textarea>" in late.text) == (
        409,
        True,
        True,
    )
    assert await acts(office) == []


async def test_somebody_inside_gets_no_more_by_a_link_than_they_may(office: Office) -> None:
    task = await office.task(negotiation())
    answer = await office.http.post(office.link(task, person="rita"), data=FORM)
    assert (answer.status_code, "You cannot decide this" in answer.text) == (403, True)
    assert (await office.http.get(office.link(task, person="mo"))).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://placet"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({}, 200),
    ],
)
async def test_only_our_own_page_may_send_the_form(office: Office, headers: dict[str, str], status: int) -> None:
    link = await asked(office)
    answer = await office.http.post(link, data=FORM, headers=headers)
    assert (answer.status_code, len(await acts(office))) == (status, int(status == 200))


async def test_the_page_lets_nothing_in_and_nothing_out(office: Office) -> None:
    page = await office.http.get(await asked(office))
    policy = page.headers["Content-Security-Policy"]
    nonce = re.search(r'nonce="([\w-]+)"', page.text)[1]
    assert policy.startswith(f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self';")
    assert "unsafe" not in policy and "require-trusted-types-for 'script'" in policy
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert "style=" not in page.text and "onclick" not in page.text
    sheet = await office.http.get("/static/placet.css")
    assert (sheet.status_code, sheet.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


async def test_the_page_hands_out_the_documents_it_shows_and_no_others(office: Office) -> None:
    other, elsewhere = "c" * 64, "e" * 64
    case_id = await office.start()
    await office.draft(case_id)
    await office.draft(await office.start(), other)
    await office.draft(await office.start(), elsewhere)
    shows = {"sheet": {"hash": HASH}, "none": "d" * 64, "note": elsewhere}
    link = office.link(await office.ask(case_id, negotiation(shows=shows)))
    page = await office.http.get(link)
    assert page.text.count("Download the document") == 1
    shown = await office.http.get(f"{link}/documents/{HASH}")
    assert (shown.content, shown.headers["Content-Disposition"]) == (b"%PDF", f'attachment; filename="{HASH[:16]}.pdf"')
    for not_its_own in (other, elsewhere):
        assert (await office.http.get(f"{link}/documents/{not_its_own}")).status_code == 404
    assert (await office.http.get(f"{link[:-3]}/documents/{HASH}")).status_code == 404


async def test_every_simple_field_of_a_form_can_be_filled_in(office: Office) -> None:
    form = {
        "type": "object",
        "properties": {
            "colour": {"$ref": "#/$defs/Colour", "title": "Colour"},
            "again": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            "sure": {"type": "boolean"},
            "comment": {"type": "string", "maxLength": 20},
            "parts": {"type": "array", "items": {"type": "string"}},
            "unused": {"type": "string"},
        },
        "required": ["colour"],
        "$defs": {"Colour": {"enum": ["red", "blue"], "type": "string"}},
    }
    link = await asked(office, form=form, form_on=())
    page = (await office.http.get(link)).text
    assert '<select id="colour"' in page and '<option value="blue">Blue</option>' in page
    assert 'type="checkbox" id="sure" name="sure"' in page and 'name="data.comment"' in page
    sent = {
        "outcome": "approve",
        "colour": "blue",
        "again": "2",
        "sure": "true",
        "data.comment": "inner",
        "parts": "a\nb\n",
        "comment": "outer",
    }
    assert (await office.http.post(link, data=sent)).status_code == 200
    assert (await acts(office))[0][2:4] == (
        {"colour": "blue", "again": 2, "sure": True, "comment": "inner", "parts": ["a", "b"]},
        "outer",
    )
