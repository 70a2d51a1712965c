"""Families of cases in lists, counts and exports: each shows exactly what the caller may see."""

import csv
import io
from typing import Any

import pytest

from api import chamber
from api.office import Office
from api.test_access import populate
from placet.domain.course import Ask, ChildSpec, Report
from placet.store import cases, course
from placet.store import tables as t

EVERYBODY = ("external", "mo", "rita", "ben", "cora", "carl", "kofi", "root")


async def filled(office: Office) -> dict[str, str]:
    """Cases in two scopes, one of them with a child that only some may see; ids by name."""
    made = {
        "pens": await office.start(),
        "ink": await office.start(name="Ink"),
        "labs": await office.start(scope="labs", name="Flasks"),
    }
    parent = made["pens"]
    opening = {"case_id": f"{parent}-errand-1", "kind": "order", "parent": parent, "title": "Secret errand"}

    def child(tx: Any) -> None:
        row = tx.conn.execute(t.case.select().where(t.case.c.id == parent)).mappings().one()
        spec = ChildSpec(name="errand", title="Errand", opening={**row["opening"], **opening})
        told = {"case_id": parent, "run_id": "r", "seen": 0, "state": "waiting", "ask": Ask(spec=spec, ordinal=1)}
        course.report(tx, Report(**told))
        # Somebody who takes part in the parent only, and somebody who takes part in the child only.
        with cases.locked(tx, parent) as case:
            case.involve("mo", "decided")
        with cases.locked(tx, spec.opening.case_id) as case:
            case.involve("ben", "decided")

    await office.store.write(child)
    return made | {"child": f"{parent}-errand-1"}


SEES = {
    "external": set(),
    "mo": {"pens"},
    "rita": {"pens", "ink", "labs", "child"},
    "ben": {"child"},
    "cora": {"pens", "ink", "child"},
    "carl": {"labs"},
    "kofi": {"pens", "ink", "labs", "child"},
    "root": {"pens", "ink", "labs", "child"},
}


def caller(who: str) -> str:
    return "ext:rosa@acme.example" if who == "external" else who


@pytest.mark.parametrize("who", EVERYBODY)
async def test_list_counts_export_and_search_show_the_same_and_nothing_else(office: Office, who: str) -> None:
    await populate(office)
    made = await filled(office)
    mine = {made[name] for name in SEES[who]}
    me = caller(who)
    listed = {one["id"] for one in (await office.get(me, "/api/v1/cases"))["items"]}
    assert listed == mine
    counts = await office.get(me, "/api/v1/cases/counts")
    assert counts["total"] == sum(line["cases"] for line in counts["items"]) == len(mine)
    answer = await office.call(me, "GET", "/api/v1/cases/export.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["id"] for row in rows} == mine
    for name, case_id in made.items():
        for q in (case_id, "Secret" if name == "child" else "Order"):
            found = {one["id"] for one in (await office.get(me, f"/api/v1/cases?q={q}"))["items"]}
            assert found <= mine
            assert (await office.get(me, f"/api/v1/cases/counts?q={q}"))["total"] == len(found)
        seen = await office.call(me, "GET", f"/api/v1/cases/{case_id}")
        assert seen.status_code == (200 if case_id in mine else 404)
        for deeper in ("events", "comments", "documents"):
            status = (await office.call(me, "GET", f"/api/v1/cases/{case_id}/{deeper}")).status_code
            assert status == (200 if case_id in mine else 404)
        if seen.status_code == 200:
            told = seen.json()
            related = {one["id"] for one in told["children"]} | ({told["parent"]["id"]} if told["parent"] else set())
            assert related <= mine
            assert "Secret" not in seen.text or made["child"] in mine


async def test_parent_and_children_lead_to_each_other(office: Office) -> None:
    made = await filled(office)
    parent = await office.get("cora", f"/api/v1/cases/{made['pens']}")
    assert [one["id"] for one in parent["children"]] == [made["child"]]
    assert f"Waiting for the end of another case, {made['child']}" in parent["waiting_for"]
    assert (await office.get("cora", f"/api/v1/cases/{made['child']}"))["parent"]["id"] == made["pens"]
    assert [one["form"] for one in parent["decisions"]] == ["child"]


async def test_the_documents_of_a_case_with_a_vote_can_be_listed(office: Office) -> None:
    await chamber.sit(office)
    made = await chamber.propose(office)
    assert (await office.get("v0", f"/api/v1/cases/{made['id']}/documents"))["items"] == []
