"""The overview as a page and as files: right figures, nothing of other cases, no cell that is a formula."""

import csv
import html
import io
import re
from datetime import timedelta

import pytest

from api import chamber
from api.office import Office, review
from api.test_overview import EVERYBODY, SEES_DEALS, escalation, fail_step
from web.desk import desk

EVIL = '=cmd|"/c calc"!A1'


async def busy(office: Office) -> str:
    """A case with a decision behind it, one that is escalated, and a step that failed."""
    case_id = await office.start(name="Pens")
    await office.ask(case_id, review())
    await office.answer("ben", f"{case_id}.review.1")
    await office.ask(case_id, review("second", title="Second look", ladder=(escalation(),)))
    office.clock.move(timedelta(days=1, hours=1))
    await office.get("ben", "/api/v1/tasks")
    await fail_step(office, case_id, "No <b>way</b>.")
    return case_id


def tile(page: str, name: str) -> str:
    found = re.search(rf">{name}</a></h2><p class=\"big\">([^<]*)<", page)
    assert found is not None
    return found[1]


async def test_everybody_sees_the_figures_of_their_own_cases_and_no_other(office: Office) -> None:
    case_id = await busy(office)
    for who in EVERYBODY:
        page = (await (await desk(office, who)).get("/overview")).text
        seen = who in SEES_DEALS
        assert [tile(page, name) for name in ("Open", "Overdue", "Needs attention")] == [str(int(seen))] * 3, who
        assert (case_id in page, "Order of Pens" in page) == (seen, seen), who
        assert ('<h2 class="grow" id="figure-1">Cases opened</h2>' in page) is seen


async def test_the_page_leads_to_what_is_late_and_to_what_needs_people(office: Office) -> None:
    case_id = await busy(office)
    page = (await (await desk(office, "cora")).get("/overview")).text
    for text in (
        f'href="/tasks/{case_id}.second.1"',
        "Escalated",
        f'href="/tasks/{case_id}.attention-crm-set-status.1"',
        "Failed: Set status",
        "No &lt;b&gt;way&lt;/b&gt;.",
        "Time waiting for people",
        "Of the cases in deals",
    ):
        assert text in page, text
    # Every chart is there as a table too.
    assert page.count("<svg xmlns") == page.count('<table class="figures">') == 4


async def test_an_empty_overview_says_so(office: Office) -> None:
    page = (await (await desk(office, "mo")).get("/overview")).text
    for text in ("Every case goes its way.", "Nothing is late.", "Nothing to draw yet"):
        assert text in page, text
    assert "<svg xmlns" not in page


async def test_turnout_is_drawn_of_ballots_that_closed(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    for number in range(made["votes"]["total_voters"] // 2 + 1):
        await office.call(f"v{number}", "POST", f"/voter/workflows/{made['id']}/vote", {"decision": "deny"})
    page = (await (await desk(office, "root")).get("/overview")).text
    assert "6 of 10 have voted" in page and "0 for, 6 against, of 10 voters" in page


async def test_the_budget_is_for_those_who_may_read_it(office: Office) -> None:
    for who, seen in (("root", True), ("kofi", True), ("cora", True), ("rita", False), ("mo", False)):
        assert ("Budget" in (await (await desk(office, who)).get("/overview")).text) is seen, who


async def test_a_period_has_a_bar_for_each_day_or_week_also_without_cases(office: Office) -> None:
    await office.start()
    root = await desk(office, "root")
    for query, rows in (("days=7&by=day", 7), ("days=30&by=day", 30), ("days=90&by=week", (13, 14))):
        page = (await root.get(f"/overview?{query}")).text
        table = page.split("Cases opened</caption>")[1].split("</table>")[0]
        assert table.count('<th scope="row">') in (rows if isinstance(rows, tuple) else (rows,)), query
        assert (
            f'href="/overview?{html.escape(query)}" aria-current="page"' in page or query.replace("&", "&amp;") in page
        )


@pytest.mark.parametrize("query", ["days=0", "days=367", "by=year", "days=x", "more=1"])
async def test_a_period_that_is_none_is_refused(office: Office, query: str) -> None:
    root = await desk(office, "root")
    for path in ("/overview", "/overview/export.csv"):
        assert (await root.get(f"{path}?{query}")).status_code == 422
    assert (await root.get("/overview/export.csv?table=nothing")).status_code == 422


@pytest.mark.parametrize("table", ["counts", "throughput", "waiting", "turnout", "overdue", "attention", "budget"])
async def test_every_table_comes_as_a_file_that_spreadsheets_read(office: Office, table: str) -> None:
    case_id = await office.start(name=EVIL)
    await fail_step(office, case_id, EVIL)
    answer = await (await desk(office, "root")).get(f"/overview/export.csv?table={table}&days=7")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-disposition"] == f'attachment; filename="{table}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]
    if table == "attention":
        assert f"'{EVIL}" in rows[1]


async def test_the_list_of_cases_is_a_file_within_what_one_sees_and_searched(office: Office) -> None:
    await office.start(name="Pens")
    await office.start(name="Ink", scope="labs")
    for who, query, found in (
        ("root", "", ["Order of Ink", "Order of Pens"]),
        ("root", "?scope=labs", ["Order of Ink"]),
        ("cora", "", ["Order of Pens"]),
        ("mo", "", []),
    ):
        answer = await (await desk(office, who)).get(f"/cases/export.csv{query}")
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert [row["title"] for row in rows] == found
    page = (await (await desk(office, "root")).get("/cases?scope=labs")).text
    assert 'href="/cases/export.csv?scope=labs"' in page
    assert (await (await desk(office, "root")).get("/cases/export.csv?state=odd")).status_code == 422
