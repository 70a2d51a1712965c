"""The overview, its counts and its tables: right figures, within what each person sees, and nothing beside."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import sqlalchemy as sa

from api import chamber
from api.office import Office, review
from placet.control.csv_export import COLUMNS, cell
from placet.control.faucet import GivenDeposit
from placet.control.listing import AnyState
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.step import Step, StepState
from placet.domain.task import RungAction, RungSpec
from placet.store import journal, people
from placet.store import tables as t
from placet.store.cases import CaseState

EVERYBODY = "rita", "ben", "mo", "cora", "carl", "kofi", "root"
SEES_DEALS = {"rita", "ben", "cora", "kofi", "root"}
OVERVIEW = "/api/v1/overview"


async def sheet(office: Office, who: str, path: str) -> list[list[str]]:
    answer = await office.call(who, "GET", path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.text)))


async def fail_step(office: Office, case_id: str, error: str = "The server said no.") -> str:
    """A step that has failed for good, and the task that asks what to do."""
    step = Step(case_id=case_id, name="crm.set-status")

    def fail(tx: Any) -> None:
        journal.plan(tx, step, {})
        journal.finish(tx, step, StepState.FAILED, error=error)

    await office.store.write(fail)
    return await office.ask(
        case_id,
        review("attention-crm-set-status", to=(Role(name="coordinator"), Role(name="admin")), within=None).model_copy(
            update={"attention": True, "instructions": error, "comment_on": ()}
        ),
    )


async def test_counts_are_of_what_each_person_sees(office: Office) -> None:
    await office.task()
    await office.start(who="rita", scope="labs")
    counted = {who: (await office.get(who, "/api/v1/cases/counts"))["total"] for who in EVERYBODY}
    assert counted == {"rita": 2, "ben": 1, "mo": 0, "cora": 1, "carl": 1, "kofi": 2, "root": 2}
    of_root = await office.get("root", "/api/v1/cases/counts")
    assert of_root == {
        "items": [
            {"kind": "order", "state": "starting", "cases": 1},
            {"kind": "order", "state": "waiting", "cases": 1},
        ],
        "total": 2,
        "complete": True,
    }


@pytest.mark.parametrize(
    ("query", "cases"),
    [
        ("state=waiting", 1),
        ("state=open", 2),
        ("state=closed", 0),
        ("kind=order", 2),
        ("kind=nothing", 0),
        ("scope=labs", 1),
        ("q=pens", 1),
        ("q=order-", 2),
        ("q=%25", 0),
        ("scope=labs&state=waiting", 0),
        ("opened_from=2020-01-01T00:00:00Z", 2),
        ("opened_before=2020-01-01T00:00:00Z", 0),
    ],
)
async def test_counts_list_and_export_are_narrowed_alike(office: Office, query: str, cases: int) -> None:
    await office.task()
    await office.start(who="rita", scope="labs", name="Ink")
    for who in ("root", "rita"):
        counted = await office.get(who, f"/api/v1/cases/counts?{query}")
        listed = await office.get(who, f"/api/v1/cases?{query}")
        exported = await sheet(office, who, f"/api/v1/cases/export.csv?{query}")
        assert counted["total"] == len(listed["items"]) == len(exported) - 1 == cases


@pytest.mark.parametrize("query", ["state=nonsense", "opened_from=yesterday", "opened_from=2026-01-01T00:00:00", "x=1"])
@pytest.mark.parametrize("path", ["/api/v1/cases", "/api/v1/cases/counts", "/api/v1/cases/export.csv"])
async def test_a_wrong_filter_is_refused_with_its_field(office: Office, path: str, query: str) -> None:
    answer = await office.call("root", "GET", f"{path}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")
    assert answer.json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["", "?q=Pens", "?state=open", "?kind=order&scope=deals", "?q=order-"])
async def test_searches_counts_and_exports_never_show_what_is_hidden(office: Office, query: str) -> None:
    case_id = (await office.task()).partition(".")[0]
    for who in EVERYBODY:
        listed = [line["id"] for line in (await office.get(who, f"/api/v1/cases{query}"))["items"]]
        counted = (await office.get(who, f"/api/v1/cases/counts{query}"))["total"]
        exported = [row[0] for row in (await sheet(office, who, f"/api/v1/cases/export.csv{query}"))[1:]]
        assert (listed, counted, exported) == (([case_id], 1, [case_id]) if who in SEES_DEALS else ([], 0, []))


async def test_every_table_of_the_overview_is_of_what_each_person_sees(office: Office) -> None:
    case_id = (await office.task()).partition(".")[0]
    await office.answer("ben", f"{case_id}.review.1")
    await office.ask(case_id, review("second", ladder=(escalation(),)))
    office.clock.move(timedelta(days=1, hours=1))
    await office.get("ben", "/api/v1/tasks")
    await fail_step(office, case_id)
    shown = {who: await office.get(who, OVERVIEW) for who in EVERYBODY}
    assert {who: view["sees"] for who, view in shown.items()} == {
        **dict.fromkeys(("rita", "ben", "mo"), "own"),
        **dict.fromkeys(("cora", "carl"), "scopes"),
        **dict.fromkeys(("kofi", "root"), "everything"),
    }
    for who, view in shown.items():
        found = {name: view[name] for name in ("counts", "throughput", "waiting", "overdue", "attention")}
        assert {name: len(lines) for name, lines in found.items()} == dict.fromkeys(found, int(who in SEES_DEALS)), who
        assert (case_id in str(view)) is (who in SEES_DEALS)
        assert (view["budget"] is None) is (who in ("rita", "ben", "mo"))
    view = shown["cora"]
    assert view["throughput"][0] | {"begins": ""} == {"begins": "", "kind": "order", "opened": 1, "closed": 0}
    assert view["waiting"][0]["name"] == "review"
    assert view["overdue"][0]["task"] == f"{case_id}.second.1" and view["overdue"][0]["escalated"]
    needing = view["attention"][0]
    assert (needing["step"], needing["error"]) == ("crm.set-status", "The server said no.")
    assert needing["task"] == f"{case_id}.attention-crm-set-status.1"


def escalation() -> RungSpec:
    return RungSpec(action=RungAction.ESCALATE, after=Span("1d"), to=(Role(name="chief"),))


async def test_waiting_is_told_by_median_and_ninth_of_ten_without_pauses(office: Office) -> None:
    for hours in (1, 2, 3, 4, 40):
        task = await office.task()
        office.clock.move(timedelta(hours=hours))
        assert (await office.answer("ben", task)).status_code == 200
    task = await office.task()
    case_id = task.partition(".")[0]
    await office.call("cora", "POST", f"/api/v1/cases/{case_id}/pause", {"reason": "later"})
    office.clock.move(timedelta(days=9))
    await office.call("cora", "POST", f"/api/v1/cases/{case_id}/resume", {"reason": "now"})
    office.clock.move(timedelta(hours=5))
    assert (await office.answer("ben", task)).status_code == 200
    for who in ("root", "cora", "rita"):
        (line,) = (await office.get(who, OVERVIEW))["waiting"]
        assert (line["kind"], line["name"], line["decided"]) == ("order", "review", 6)
        assert (round(line["median"] / 360), round(line["p90"] / 360)) == (35, 400)


async def test_throughput_is_told_by_day_and_by_week(office: Office) -> None:
    office.clock.move(datetime(2027, 3, 3, 12, tzinfo=UTC) - office.clock.time)
    await office.start()
    await office.start()
    office.clock.move(timedelta(days=2))
    await office.start()
    by_day = (await office.get("root", f"{OVERVIEW}?days=7"))["throughput"]
    assert [(line["begins"], line["opened"]) for line in by_day] == [("2027-03-03", 2), ("2027-03-05", 1)]
    by_week = await office.get("root", f"{OVERVIEW}?days=7&by=week")
    assert [(line["begins"], line["opened"]) for line in by_week["throughput"]] == [("2027-03-01", 3)]
    assert by_week["since"] == "2027-02-22"
    assert (await office.get("root", f"{OVERVIEW}?days=2"))["throughput"] == by_day[1:]


async def test_a_closed_case_is_counted_on_its_day(office: Office) -> None:
    case_id = await office.start()
    row = {"state": "completed", "is_open": False, "closed_at": office.clock.time}
    await office.store.write(lambda tx: tx.conn.execute(t.case.update().where(t.case.c.id == case_id).values(row)))
    for who in ("root", "cora", "rita"):
        (line,) = (await office.get(who, OVERVIEW))["throughput"]
        assert (line["opened"], line["closed"]) == (1, 1)


async def test_turnout_is_told_of_ballots_that_closed(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    for number in range(made["votes"]["total_voters"] // 2 + 1):
        voter = f"v{number}"
        answer = await office.call(voter, "POST", f"/voter/workflows/{made['id']}/vote", {"decision": "deny"})
        assert answer.status_code == 200, answer.text
    (line,) = (await office.get("root", OVERVIEW))["turnout"]
    assert (line["case_id"], line["outcome"], line["deny"], line["approve"]) == (made["id"], "deny", line["cast"], 0)
    assert line["voters"] == made["votes"]["total_voters"] >= line["cast"] > 0


async def test_the_budget_is_told_day_by_day_and_ends_at_what_there_is(office: Office) -> None:
    root = await office.store.read(lambda tx: people.find(tx, "root"))
    assert root is not None
    await office.control.faucet.deposit(root, GivenDeposit(amount=100))
    office.clock.move(timedelta(days=2))
    await office.control.faucet.deposit(root, GivenDeposit(amount=30))
    told = (await office.get("cora", f"{OVERVIEW}?days=4"))["budget"]
    assert [line["balance"] for line in told] == [0, 100, 100, 130]
    assert {line["allocated"] for line in told} == {0}


@pytest.mark.parametrize("query", ["days=0", "days=367", "by=year", "days=x"])
async def test_a_period_that_is_none_is_refused(office: Office, query: str) -> None:
    answer = await office.call("root", "GET", f"{OVERVIEW}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


@pytest.mark.parametrize("table", ["counts", "throughput", "waiting", "turnout", "overdue", "attention", "budget"])
async def test_each_table_can_be_saved_and_says_what_the_overview_says(office: Office, table: str) -> None:
    case_id = (await office.task()).partition(".")[0]
    await office.answer("ben", f"{case_id}.review.1")
    await fail_step(office, case_id)
    header, *rows = await sheet(office, "cora", f"{OVERVIEW}/export.csv?table={table}")
    lines = (await office.get("cora", OVERVIEW))[table]
    assert len(rows) == len(lines)
    assert all(set(header) == set(line) for line in lines) and header
    assert await sheet(office, "mo", f"{OVERVIEW}/export.csv?table={table}") == [header]
    assert (await office.call("root", "GET", f"{OVERVIEW}/export.csv?table=people")).status_code == 422


HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "  =1", "\u3000=1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "text"), [(-5, "-5"), (None, ""), (True, "true"), ("a=b", "a=b"), ("", "")])
def test_what_is_no_formula_stays_as_it_is(value: Any, text: str) -> None:
    assert cell(value) == text


async def test_hostile_titles_come_out_as_text_in_one_cell_each(office: Office) -> None:
    for name in ('=HYPERLINK("http://x","y")', 'a "quoted", name', "@x"):
        await office.start(name=name)
    titles = [
        "=cmd|' /C calc'!A0",
        'one "quoted", and\r\ntwo lines',
        "＠full width",
    ]
    ids = [row.id for row in await office.store.read(lambda tx: tx.conn.execute(sa.select(t.case.c.id)).all())]

    def rename(tx: Any) -> None:
        for own, title in zip(ids, titles, strict=True):
            tx.conn.execute(t.case.update().where(t.case.c.id == own).values(title=title))

    await office.store.write(rename)
    header, *rows = await sheet(office, "root", "/api/v1/cases/export.csv")
    assert tuple(header) == COLUMNS
    assert {row[0]: row[2] for row in rows} == dict(
        zip(ids, ["'" + titles[0], titles[1], "'" + titles[2]], strict=True)
    )
    assert all(len(row) == len(COLUMNS) for row in rows)


async def test_an_export_of_many_cases_is_whole_and_may_begin_with_a_mark_of_utf_8(office: Office) -> None:
    made = {await office.start() for _ in range(203)}
    rows = await sheet(office, "rita", "/api/v1/cases/export.csv")
    assert len(rows) == 204 and {row[0] for row in rows[1:]} == made
    answer = await office.call("rita", "GET", "/api/v1/cases/export.csv?bom=true")
    assert answer.content.startswith(b"\xef\xbb\xbfid,kind,")
    assert answer.headers["content-disposition"] == 'attachment; filename="cases.csv"'


def test_every_state_can_be_asked_for() -> None:
    assert set(get_args(AnyState)) == {"open", "closed", *CaseState}
