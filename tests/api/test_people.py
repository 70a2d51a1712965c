"""People, grants, tokens, shutting somebody out, and the CSV import."""

from typing import Any

import sqlalchemy as sa

from api.office import PARTNER, Office, negotiation, review
from placet.domain.people import Named
from placet.domain.task import all_of
from placet.store import sessions
from placet.store import tables as t
from placet.store.engine import Tx

ANN = {"id": "ann", "name": "Ann Ö", "email": "ann@example.org", "grants": [{"role": "legal", "scope": "deals"}]}


async def test_an_added_person_signs_in_with_an_issued_token(office: Office) -> None:
    added = await office.call("root", "POST", "/api/v1/people", ANN)
    assert (added.status_code, added.json()) == (201, {**ANN, "external": False, "active": True})
    issued = await office.call("root", "POST", "/api/v1/people/ann/tokens", {"label": "laptop"})
    assert issued.status_code == 201
    office.tokens["ann"] = issued.json()["token"]
    me = await office.get("ann", "/api/v1/me")
    assert (me["id"], me["grants"], me["rights"]) == ("ann", [{"role": "legal", "scope": "deals"}], [])
    assert "manage-people" in (await office.get("root", "/api/v1/me"))["rights"]


async def test_the_same_person_again_is_fine_and_another_under_the_same_id_is_not(office: Office) -> None:
    await office.call("root", "POST", "/api/v1/people", ANN)
    again = await office.call("root", "POST", "/api/v1/people", ANN)
    assert (again.status_code, again.json()["name"]) == (200, "Ann Ö")
    other = await office.call("root", "POST", "/api/v1/people", ANN | {"name": "Anna"})
    assert (other.status_code, other.json()["code"], other.json()["field"]) == (409, "person-exists", "id")
    assert len([line for line in await office.lines("@registry") if line[2].get("person") == "ann"]) == 1


async def test_grants_are_replaced_and_audited(office: Office) -> None:
    path = "/api/v1/people/mo/grants"
    set_to = await office.call(
        "root", "PUT", path, {"grants": [{"role": "council"}, {"role": "buyer", "scope": "labs"}]}
    )
    assert set_to.json()["grants"] == [{"role": "buyer", "scope": "labs"}, {"role": "council", "scope": "*"}]
    assert (await office.call("mo", "GET", "/api/v1/cases")).status_code == 200
    line = (await office.lines("@registry"))[-1]
    assert line == ("root", "person.grants-set", {"person": "mo", "grants": [["buyer", "labs"], ["council", "*"]]})
    assert (await office.call("root", "PUT", "/api/v1/people/zoe/grants", {"grants": []})).status_code == 404


async def test_the_last_administrator_stays_one(office: Office) -> None:
    refused = await office.call(
        "root", "PUT", "/api/v1/people/root/grants", {"grants": [{"role": "admin", "scope": "a"}]}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "last-admin")
    await office.call("root", "PUT", "/api/v1/people/mo/grants", {"grants": [{"role": "admin"}]})
    assert (await office.call("root", "PUT", "/api/v1/people/root/grants", {"grants": []})).status_code == 200
    assert (await office.call("root", "GET", "/api/v1/messages?all=true")).status_code == 403
    assert (await office.call("mo", "PUT", "/api/v1/people/mo/grants", {"grants": []})).status_code == 409


async def deactivate(office: Office, who: str, by: str = "root", reason: str = "Has left.", **more: Any) -> Any:
    return await office.call(by, "POST", f"/api/v1/people/{who}/deactivate", {"reason": reason}, **more)


async def test_nobody_gets_in_as_somebody_deactivated_until_they_are_active_again(office: Office) -> None:
    task = await office.task()
    secret = await office.store.write(lambda tx: sessions.open_session(tx, "ben", "password", "browser"))
    done = await deactivate(office, "ben")
    assert (done.status_code, done.json()["active"], done.json()["stranded"]) == (200, False, [])
    assert done.json()["grants"] == [{"role": "buyer", "scope": "deals"}]
    for method, path, body in (
        ("GET", "/api/v1/me", None),
        ("POST", f"/api/v1/tasks/{task}/answer", {"outcome": "approve"}),
        ("POST", "/api/v1/workflows/order/cases", {"scope": "deals", "request": {"name": "Ink", "amount": 1}}),
    ):
        assert (await office.call("ben", method, path, body)).status_code == 401
    page = await office.http.get("/", headers={"Cookie": f"placet={secret}"})
    assert (page.status_code, page.headers["Location"]) == (303, "/signin")
    file = await office.get("root", "/api/v1/people/ben")
    assert (file["shut_out"]["by"], file["shut_out"]["reason"], file["tokens"]) == ("root", "Has left.", [])
    refused = [
        await office.call("root", "POST", f"/api/v1/people/ben/{what}", {}) for what in ("tokens", "invitations")
    ]
    assert [one.status_code for one in refused] == [404, 404]
    back = await office.call("root", "POST", "/api/v1/people/ben/reactivate")
    assert (back.status_code, back.json()["active"]) == (200, True)
    # What ended stays ended; the rights are those of before.
    assert (await office.call("ben", "GET", "/api/v1/me")).status_code == 401
    issued = await office.call("root", "POST", "/api/v1/people/ben/tokens", {})
    office.tokens["ben"] = issued.json()["token"]
    assert (await office.answer("ben", task)).status_code == 200
    assert (await office.get("root", "/api/v1/people/ben"))["shut_out"] is None
    told = [
        (actor, detail["active"]) for actor, action, detail in await office.lines("@registry") if "active" in detail
    ]
    assert told == [("root", False), ("root", True)]


async def test_whoever_is_deactivated_twice_is_so_once(office: Office) -> None:
    key = {"headers": {"Idempotency-Key": "one-of-mine"}}
    first, again = [await deactivate(office, "ben", **key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.headers.get("Idempotent-Replay"), again.json()) == ("true", first.json())
    assert (await deactivate(office, "ben", reason="Again.")).status_code == 200
    for _ in range(2):
        assert (await office.call("root", "POST", "/api/v1/people/ben/reactivate", {})).status_code == 200
    assert len([1 for _, action, _ in await office.lines("@registry") if action == "person.active-set"]) == 2


async def test_two_people_never_share_an_address(office: Office) -> None:
    shared = ANN | {"id": "ann2", "email": "BEN@Example.org"}
    refused = await office.call("root", "POST", "/api/v1/people", shared)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (409, "address-taken", "email")
    status, problem = await load(
        office, "id,name,email,grants\nann,A,a@b.cd,\nann3,A,A@b.cd,\nann2,A,ben@example.org,\n"
    )
    assert (status, [fault["pointer"] for fault in problem["errors"]]) == (422, ["/ann3", "/ann2"])
    await deactivate(office, "ben")
    assert (await office.call("root", "POST", "/api/v1/people", shared)).status_code == 201
    back = await office.call("root", "POST", "/api/v1/people/ben/reactivate")
    assert (back.status_code, back.json()["code"], back.json()["field"]) == (409, "address-taken", "email")
    assert not (await office.get("root", "/api/v1/people/ben"))["person"]["active"]
    await deactivate(office, "ann2")
    assert (await office.call("root", "POST", "/api/v1/people/ben/reactivate")).status_code == 200


async def test_nobody_deactivates_themselves_or_without_a_reason_or_without_the_right(office: Office) -> None:
    for who, by, reason, expected in (
        ("root", "root", "Enough.", (409, "own-account", None)),
        ("ben", "root", " ", (422, "comment-required", "reason")),
        ("zoe", "root", "Gone.", (404, "not-found", None)),
        ("ben", "cora", "Mine.", (403, "forbidden", None)),
    ):
        refused = await deactivate(office, who, by, reason)
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem.get("field")) == expected
    assert (await office.call("root", "POST", "/api/v1/people/ben/deactivate", {})).status_code == 422
    assert (await office.call("cora", "POST", "/api/v1/people/ben/reactivate", {})).status_code == 403
    attempts = [(actor, action) for actor, action, _ in await office.lines("@refused")]
    assert attempts == [("cora", "person.deactivate"), ("cora", "person.reactivate")]
    assert (await office.get("ben", "/api/v1/me"))["active"]


async def test_the_tasks_that_too_few_can_answer_now_are_named(office: Office) -> None:
    shared = await office.task()
    alone = await office.task(review(to=(Named(person="ben"),)))
    both = await office.task(review(to=(Named(person="ben"), Named(person="bea")), seats=all_of(2)))
    # Bea may not answer this one, so that it hangs on ben.
    barred = await office.task(review(excluded={"bea": "it is yours"}))
    closed = await office.task(review(to=(Named(person="ben"),)))
    assert (await office.answer("ben", closed)).status_code == 200
    stranded = (await deactivate(office, "ben")).json()["stranded"]
    assert {one["id"]: one["able"] for one in stranded} == {alone: 0, both: 1, barred: 0}
    assert (await office.get("root", "/api/v1/people/ben"))["stranded"] == stranded
    moved = await office.call("cora", "POST", f"/api/v1/tasks/{alone}/reassign", {"to": "bea"})
    assert moved.status_code == 200, moved.text
    left = (await office.get("root", "/api/v1/people/ben"))["stranded"]
    assert {one["id"] for one in left} == {both, barred} and shared not in left


async def test_of_many_who_are_asked_those_with_the_required_role_are_counted(office: Office) -> None:
    crowd = [f"buyer-{number:04}" for number in range(1500)]
    given = [(who, "buyer") for who in crowd] + [(who, "certified") for who in [*crowd[-300:], "ben"]]

    def hire(tx: Tx) -> None:
        row = {"external": False, "active": True, "created_at": tx.now}
        tx.conn.execute(
            t.person.insert(), [row | {"id": who, "name": who, "email": f"{who}@example.org"} for who in crowd]
        )
        by = {"scope": "deals", "granted_by": "root", "granted_at": tx.now}
        tx.conn.execute(t.role_grant.insert(), [by | {"person_id": who, "role": role} for who, role in given])

    await office.store.write(hire)
    wanted = await office.task(review(requires=("certified",), seats=all_of(301)))
    enough = await office.task(review(requires=("certified",), seats=all_of(300)))
    stranded = (await office.get("root", "/api/v1/people/ben"))["stranded"]
    assert {one["id"]: one["able"] for one in stranded} == {wanted: 300} and enough != wanted


async def test_the_links_of_somebody_outside_open_nothing_while_they_are_deactivated(office: Office) -> None:
    link = office.link(await office.task(negotiation()))
    assert (await office.http.get(link)).status_code == 200
    assert (await deactivate(office, PARTNER.person)).status_code == 200
    for answer in (await office.http.get(link), await office.http.post(link, data={"outcome": "approve"})):
        assert answer.status_code == 410
    await office.call("root", "POST", f"/api/v1/people/{PARTNER.person}/reactivate", {})
    assert (await office.http.get(link)).status_code == 200


async def load(office: Office, text: str, who: str = "root") -> tuple[int, dict]:
    answer = await office.call(who, "POST", "/api/v1/people/import", content=text.encode())
    return answer.status_code, answer.json()


async def test_an_import_adds_everybody_and_can_be_repeated(office: Office) -> None:
    text = (
        '\ufeffid,name,email,grants\r\nann,Ann,ann@example.org,legal@deals;member\r\nbob,"B, ob",bob@example.org,\r\n'
    )
    status, loaded = await load(office, text)
    assert (status, loaded["added"], [person["id"] for person in loaded["items"]]) == (200, 2, ["ann", "bob"])
    assert loaded["items"][0]["grants"] == [{"role": "legal", "scope": "deals"}, {"role": "member", "scope": "*"}]
    assert loaded["items"][1]["name"] == "B, ob"
    status, again = await load(office, text)
    assert (status, again["added"], len(again["items"])) == (200, 0, 2)


async def test_one_wrong_line_keeps_everybody_out_and_every_fault_has_its_line(office: Office) -> None:
    status, problem = await load(
        office,
        "id,name,email,grants\nann,Ann,ann@example.org,\nB!,Bob,bob@example.org,\n"
        "cy,Cy,nowhere,Bad Role\nann,A,a@b.cd,\n",
    )
    assert (status, problem["code"]) == (422, "bad-import")
    pointers = {fault["pointer"] for fault in problem["errors"]}
    assert pointers == {"/lines/3/id", "/lines/4/email", "/lines/4/grants/0/role", "/lines/5/id"}
    count = sa.select(sa.func.count()).select_from(t.person).where(t.person.c.id == "ann")
    assert await office.store.read(lambda tx: tx.conn.execute(count).scalar_one()) == 0


async def test_an_import_that_meets_another_person_under_an_id_adds_nobody(office: Office) -> None:
    status, problem = await load(office, "id,name,email,grants\nann,Ann,ann@example.org,\nmo,Other,o@example.org,\n")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/mo")
    assert (await office.call("root", "PUT", "/api/v1/people/ann/grants", {"grants": []})).status_code == 404


async def test_files_that_are_no_roster_are_refused(office: Office) -> None:
    for text in ("", "name,id\n", "id,name,email,grants\nann,Ann\n", "id,name,email,grants\nann,Ann,a@b.cd,,x\n"):
        assert (await load(office, text))[0] == 422
    broken = await office.call("root", "POST", "/api/v1/people/import", content=b"id,name,email,grants\n\xff\xfe")
    assert (broken.status_code, broken.json()["code"]) == (422, "bad-import")
