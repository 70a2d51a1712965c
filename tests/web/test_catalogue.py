"""The catalogue and its start forms: made from the schema of a request, plain about mistakes, once for each key."""

import html
import re
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from api.office import Office
from placet.catalogue.registry import CATALOGUE
from placet.control.strictness import closed
from placet.store import tables as t
from placet.web import forms
from web.desk import Desk, desk, key_in
from web.test_proposing import inputs

FORM = {
    "key": "k" * 32,
    "_scope": "deals",
    "name": "Pens",
    "amount": "12",
    "address.city": "Rome",
    "stops.0.city": "Oslo",
    "stops.0.code": "1",
    "stops.1.city": "Bergen",
}


async def cases(office: Office) -> list[Any]:
    return await office.store.read(lambda tx: list(tx.conn.execute(sa.select(t.case)).mappings()))


@pytest.fixture
async def rita(office: Office) -> Desk:
    return await desk(office, "rita")


async def test_the_catalogue_says_what_each_does_who_decides_and_what_silence_does(office: Office, rita: Desk) -> None:
    page = (await rita.get("/catalogue")).text
    for told in ("Buy something.", "A buyer approves.", "It is refused.", "3 days", "/catalogue/order/start"):
        assert told in page, told
    assert "/catalogue/audit/start" not in page and "You cannot start this with the roles you have." in page
    assert "proposal-work" not in page


async def test_a_case_is_started_once_and_leads_to_its_page(office: Office, rita: Desk) -> None:
    page = await rita.get("/catalogue/order/start")
    form = {**FORM, "key": key_in(page)}
    done = [await rita.post("/catalogue/order/start", form) for _ in range(2)]
    (case,) = await cases(office)
    assert [one.headers["Location"] for one in done] == [f"/cases/{case['id']}"] * 2
    assert case["opening"]["request"] == {
        "name": "Pens",
        "amount": 12,
        "address": {"city": "Rome", "code": ""},
        "stops": [{"city": "Oslo", "code": "1"}, {"city": "Bergen", "code": ""}],
    }
    assert (case["scope"], case["requester"]) == ("deals", "rita")


async def test_another_content_under_the_same_key_is_refused(office: Office, rita: Desk) -> None:
    assert (await rita.post("/catalogue/order/start", FORM)).status_code == 303
    other = await rita.post("/catalogue/order/start", {**FORM, "name": "Ink"})
    assert other.status_code == 422 and len(await cases(office)) == 1


@pytest.mark.parametrize(
    ("change", "told", "at"),
    [
        ({"amount": "a dozen"}, "Amount: Write a whole number.", "#amount"),
        ({"amount": "1001"}, "Amount: This must be at most 1000.", "#amount"),
        ({"name": ""}, "Name: This field is required.", "#name"),
        ({"stops.1.city": "", "stops.1.code": "2"}, "Stops, entry 2: City: This field is required.", "#stops-1-city"),
        ({"_scope": "No Such"}, "Use small letters", "#_scope"),
    ],
)
async def test_a_mistake_is_told_in_words_with_a_way_to_the_field_and_all_values_kept(
    office: Office, rita: Desk, change: dict[str, str], told: str, at: str
) -> None:
    page = await rita.post("/catalogue/order/start", {**FORM, **change})
    text = html.unescape(page.text)
    assert page.status_code == 422 and await cases(office) == []
    assert told in text and f'href="{at}"' in text
    kept = inputs(page)
    assert kept["address.city"] == "Rome" and kept["stops.0.city"] == "Oslo" and kept["key"] == FORM["key"]


async def test_rows_come_and_go_without_scripts(office: Office, rita: Desk) -> None:
    more = await rita.post("/catalogue/order/start", {**FORM, "_more": "stops"})
    assert 'name="stops.2.city"' in more.text
    less = await rita.post("/catalogue/order/start", {**FORM, "_less": "stops.0"})
    assert inputs(less)["stops.0.city"] == "Bergen" and 'name="stops.1.city"' not in less.text
    assert await cases(office) == []


async def test_one_starts_only_where_one_may(office: Office, rita: Desk) -> None:
    page = await rita.get("/catalogue/order/start")
    assert re.findall(r'<option value="(\w+)"', page.text) == ["deals", "labs"]
    other = await rita.post("/catalogue/order/start", {**FORM, "_scope": "general"})
    assert other.status_code == 403 and inputs(other)["name"] == "Pens"
    audit = await rita.post("/catalogue/audit/start", FORM)
    assert audit.status_code == 403 and "Only auditor in the scope deals may start this workflow." in audit.text
    assert (await rita.get("/catalogue/nothing/start")).status_code == 404
    assert (await rita.get("/catalogue/proposal-work/start")).status_code == 404
    assert await cases(office) == []
    root = await desk(office, "root")
    assert '<datalist id="scopes">' in (await root.get("/catalogue/order/start")).text
    assert (await root.post("/catalogue/order/start", {**FORM, "_scope": "brand-new"})).status_code == 303


async def test_kinds_with_a_form_of_their_own_lead_to_it(office: Office, rita: Desk) -> None:
    answer: httpx2.Response = await rita.get("/catalogue/proposal/start")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/proposer/new")


@pytest.mark.parametrize("kind", [entry.kind for entry in CATALOGUE if entry.by_people])
def test_every_request_of_the_catalogue_can_be_written_in_inputs(kind: str) -> None:
    """No part of a request is left to be typed as JSON."""
    entry = next(entry for entry in CATALOGUE if entry.kind == kind)

    def json_parts(fields: list[forms.Field]) -> list[str]:
        inner = [part for one in fields for part in (*one.parts, *(one.item.parts if one.item else ()))]
        return [one.name for one in fields if one.kind == "json"] + (json_parts(inner) if inner else [])

    assert json_parts(forms.fields(closed(entry.request.model_json_schema()))) == []


def test_money_stays_the_text_that_was_written() -> None:
    entry = next(entry for entry in CATALOGUE if entry.kind == "partner-approval")
    wanted = forms.fields(entry.request.model_json_schema())
    data, faults = forms.read({"terms.commission_percent": "12,10", "terms.term_months": "24"}, wanted)
    assert (data["terms"], faults) == ({"commission_percent": "12.10", "term_months": 24}, [])
    _, faults = forms.read({"terms.commission_percent": "a lot"}, wanted)
    assert [(one.pointer, one.detail) for one in faults] == [
        ("/data/terms/commission_percent", "Write a number like 12.5.")
    ]
