"""People, grants, tokens, and the CSV import."""

import sqlalchemy as sa

from api.office import Office
from placet.store import tables as t

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
