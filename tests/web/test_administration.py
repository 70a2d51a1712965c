"""Administration on pages: people and what they may do, money, policies, mails, health; nobody else gets in."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import chamber, council
from api.office import PARTNER, Office, negotiation, review
from placet.domain.audit import REFUSED
from placet.domain.people import Named
from placet.store import people, sessions
from placet.store import tables as t
from web.desk import Desk, desk, key_in
from web.test_proposing import inputs

NORA = {
    "key": "k" * 32,
    "id": "nora",
    "name": "Nora <b>Berg</b>",
    "email": "nora@example.org",
    "grants.0.role": "member",
    "grants.0.scope": "deals",
}


async def grants(office: Office, who: str) -> set[tuple[str, str]]:
    found = await office.store.read(lambda tx: people.find(tx, who))
    return {(grant.role, grant.scope) for grant in found.grants} if found else set()


def hidden(page: Any, name: str) -> str:
    return html.unescape(re.search(rf'name="{name}" value="([^"]*)"', page.text)[1])


@pytest.fixture
async def root(office: Office) -> Desk:
    return await desk(office, "root")


async def test_somebody_is_added_once_and_shown_safely(office: Office, root: Desk) -> None:
    done = [await root.post("/admin/people/new", NORA) for _ in range(2)]
    assert [one.headers["Location"] for one in done] == ["/admin/people/nora"] * 2
    page = await root.follow(done[0])
    assert "Nora &lt;b&gt;Berg&lt;/b&gt;" in page.text and "member in deals" in page.text
    assert "Nora &lt;b&gt;Berg&lt;/b&gt;" in (await root.get("/admin/people?q=NORA")).text
    assert "nora@example.org" not in (await root.get("/admin/people?q=nobody")).text
    lines = [action for _, action, detail in await office.lines("@registry") if detail.get("person") == "nora"]
    assert lines == ["person.added"]


@pytest.mark.parametrize(
    ("change", "told", "at"),
    [
        ({"id": "No Name"}, "Id: Use small letters", "#id"),
        ({"email": "nowhere"}, "Email: Write an e-mail address", "#email"),
        ({"grants.0.scope": ""}, "Name the scope; * means everywhere.", "#grants-0-scope"),
        ({"grants.0.role": ""}, "This field is required.", "#grants-0-role"),
    ],
)
async def test_a_mistake_adds_nobody_and_keeps_what_was_typed(
    office: Office, root: Desk, change: dict[str, str], told: str, at: str
) -> None:
    page = await root.post("/admin/people/new", {**NORA, **change})
    text = html.unescape(page.text)
    assert page.status_code == 422 and told in text and f'href="{at}"' in text
    assert inputs(page)["name"] == NORA["name"] and await grants(office, "nora") == set()


async def test_an_id_that_is_taken_is_a_conflict(office: Office, root: Desk) -> None:
    page = await root.post("/admin/people/new", {**NORA, "id": "ben"})
    assert page.status_code == 409 and "belongs to somebody else" in page.text


async def test_grants_are_edited_row_by_row(office: Office, root: Desk) -> None:
    page = await root.get("/admin/people/rita")
    form = inputs(page)
    assert (form["grants.0.role"], form["grants.0.scope"], form["grants.1.scope"]) == ("member", "deals", "labs")
    more = await root.post("/admin/people/rita/grants", {**form, "_more": "grants"})
    assert 'name="grants.2.role"' in more.text
    changed = {**form, "grants.2.role": "legal", "grants.2.scope": "*"}
    less = await root.post("/admin/people/rita/grants", {**changed, "_less": "grants.0"})
    assert await grants(office, "rita") == {("member", "deals"), ("member", "labs")}
    kept = inputs(less)
    assert (kept["grants.0.scope"], kept["grants.1.role"]) == ("labs", "legal")
    done = await root.post("/admin/people/rita/grants", kept)
    assert done.status_code == 303 and await grants(office, "rita") == {("member", "labs"), ("legal", "*")}


async def test_an_empty_scope_never_means_everywhere(office: Office, root: Desk) -> None:
    form = inputs(await root.get("/admin/people/rita"))
    page = await root.post("/admin/people/rita/grants", {**form, "grants.0.scope": ""})
    assert page.status_code == 422 and "Name the scope" in page.text
    assert await grants(office, "rita") == {("member", "deals"), ("member", "labs")}


async def test_grants_that_somebody_else_changed_meanwhile_are_not_overwritten(office: Office, root: Desk) -> None:
    seen = inputs(await root.get("/admin/people/rita"))
    await office.call("root", "PUT", "/api/v1/people/rita/grants", {"grants": [{"role": "legal", "scope": "labs"}]})
    page = await root.post("/admin/people/rita/grants", seen)
    assert page.status_code == 409 and "Somebody else has changed these grants meanwhile" in page.text
    assert await grants(office, "rita") == {("legal", "labs")}


async def test_the_last_administrator_stays_one(office: Office, root: Desk) -> None:
    form = inputs(await root.get("/admin/people/root"))
    page = await root.post("/admin/people/root/grants", {**form, "grants.0.role": "member"})
    assert page.status_code == 409 and "Somebody must remain administrator" in page.text
    assert await grants(office, "root") == {("admin", "*")}


async def test_voting_is_a_switch_for_each_scope_that_leaves_other_grants_alone(office: Office, root: Desk) -> None:
    await chamber.sit(office)
    page = await root.get("/admin/people/prue")
    assert 'name="in.deals" value="yes" checked' in page.text and 'name="in.labs" value="yes">' in page.text
    form = {"key": key_in(page), "seen": hidden(page, "seen"), "in.labs": "yes"}
    assert (await root.post("/admin/people/prue/voter", form)).status_code == 303
    assert await grants(office, "prue") == {("proposer", "deals"), ("voter", "labs")}
    stale = await root.post("/admin/people/prue/voter", {**form, "key": "z" * 32})
    assert stale.status_code == 409 and await grants(office, "prue") == {("proposer", "deals"), ("voter", "labs")}


async def test_somebody_is_deactivated_and_let_in_again(office: Office, root: Desk) -> None:
    task = await office.task(review(to=(Named(person="ben"),), title="Read <b>it</b>"))
    ben = await desk(office, "ben")
    page = await root.get("/admin/people/ben")
    assert "These open tasks hang on them" in page.text and f'href="/tasks/{task}"' in page.text
    form = {"key": "k" * 32, "reason": "Has <b>left</b>."}
    unsaid = await root.post("/admin/people/ben/deactivate", {**form, "reason": " "})
    assert (unsaid.status_code, 'id="reason-wrong"' in unsaid.text) == (422, True)
    assert (await ben.get("/")).status_code == 200
    for _ in range(2):
        done = await root.post("/admin/people/ben/deactivate", form)
    page = await root.follow(done)
    assert "Nobody gets in as this person any more." in page.text and "Has &lt;b&gt;left&lt;/b&gt;." in page.text
    assert re.search(r'id="stranded">.*nobody left', page.text, re.S) and "Read &lt;b&gt;it" in page.text
    assert 'action="/admin/people/ben/invite"' not in page.text and 'action="/admin/people/ben/tokens"' not in page.text
    assert (await ben.get("/")).status_code == 303 and "Inactive" in (await root.get("/admin/people")).text
    page = await root.follow(await root.post("/admin/people/ben/reactivate", {"key": "r" * 32}))
    assert "They can sign in again" in page.text and 'id="shut-out"' not in page.text
    assert (await ben.get("/")).status_code == 303 and (await (await desk(office, "ben")).get("/")).status_code == 200


async def test_the_payments_that_hang_on_somebody_of_a_council_are_named(office: Office, root: Desk) -> None:
    await council.sit(office)
    pay = await council.put(office, title="Pay <b>it</b>", threshold=3)
    page = await root.get("/admin/people/theo")
    assert "These payments hang on them" in page.text and f'href="/multisigs/{pay}"' in page.text
    page = await root.follow(await root.post("/admin/people/theo/deactivate", {"key": "k" * 32, "reason": "Has left."}))
    shown = page.text[page.text.index('id="stranded-multisigs"') :]
    assert "Pay &lt;b&gt;it" in shown and "2 of 3 approvals can come about" in shown
    assert "These payments hang on them" not in (await root.get("/admin/people/ben")).text


async def test_nobody_is_offered_to_deactivate_themselves(office: Office, root: Desk) -> None:
    assert 'action="/admin/people/root/deactivate"' not in (await root.get("/admin/people/root")).text
    page = await root.post("/admin/people/root/deactivate", {"key": "k" * 32, "reason": "Enough."})
    assert page.status_code == 409 and "You cannot deactivate yourself" in page.text


async def test_people_outside_have_a_page_of_their_own(office: Office, root: Desk) -> None:
    await office.task(negotiation())
    assert "Rosa of Acme" not in (await root.get("/admin/people")).text
    assert "Rosa of Acme" in (await root.get("/admin/people?outside=true&q=rosa")).text
    page = await root.get(f"/admin/people/{PARTNER.person}")
    assert page.status_code == 200 and "outside the organisation" in page.text and "grants.0.role" not in page.text
    done = await root.post(f"/admin/people/{PARTNER.person}/deactivate", {"key": "k" * 32, "reason": "Spam."})
    assert "The links in their mails work again" in (await root.follow(done)).text


async def test_an_invitation_is_a_link_to_hand_on_that_works(office: Office, root: Desk) -> None:
    page = await root.post("/admin/people/ben/invite", {"key": "k" * 32})
    link = re.search(r"http://placet(/invitation/[^<]+)</code>", page.text)
    assert page.status_code == 200 and link is not None
    guest = await desk(office, None)
    assert "Welcome, Ben" in (await guest.get(link[1])).text
    assert link[1] not in (await root.get("/admin/people/ben")).text


async def test_a_token_is_shown_once_works_and_can_be_revoked(office: Office, root: Desk) -> None:
    form = {"key": "k" * 32, "label": "A <i>program</i>"}
    page = await root.post("/admin/people/ben/tokens", form)
    token = re.search(r"plc_[\w-]+", page.text)
    assert token is not None and "A &lt;i&gt;program&lt;/i&gt;" in page.text
    again = await root.post("/admin/people/ben/tokens", form)
    assert token[0] in again.text and again.text.count("/revoke") == page.text.count("/revoke")
    assert token[0] not in (await root.get("/admin/people/ben")).text
    office.tokens["made"] = token[0]
    assert (await office.get("made", "/api/v1/me"))["id"] == "ben"
    (token_id,) = {people.token_id(people.token_hash(token[0]))}
    for _ in range(2):
        assert (await root.post(f"/admin/people/ben/tokens/{token_id}/revoke")).status_code == 303
    assert (await office.call("made", "GET", "/api/v1/me")).status_code == 401
    assert (await root.post(f"/admin/people/cora/tokens/{token_id}/revoke")).status_code == 404


async def test_what_gives_power_asks_for_the_password_again(office: Office, root: Desk) -> None:
    office.clock.move(timedelta(minutes=11))
    seen = inputs(await root.get("/admin/people/ben"))
    before = await grants(office, "ben")
    for path, form in (
        ("/admin/people/ben/invite", {}),
        ("/admin/people/ben/tokens", {"label": "x"}),
        ("/admin/people/ben/deactivate", {"reason": "x"}),
        ("/admin/people/ben/grants", {**seen, "grants.0.role": "admin"}),
        ("/admin/money", {"amount": "5"}),
        ("/admin/people/new", {**NORA, "grants.0.role": "admin"}),
        ("/admin/import", {"text": 'id,name,email,grants\nnora,Nora,nora@x.example,"admin@*"\n'}),
    ):
        answer = await root.post(path, form)
        assert "Confirm that it is you" in answer.text, path
    assert await grants(office, "nora") == set()
    hashed = await office.control.accounts._passwords.hashed("three calm words")
    await office.store.write(lambda tx: sessions.set_password(tx, "root", "root", hashed))
    asked = inputs(await root.post("/admin/import", {"text": "id,name,email,grants\nnora,Nora,nora@x.example,\n"}))
    assert (await root.post("/admin/import", {**asked, "confirmation": "three calm words"})).status_code == 200
    assert await office.store.read(lambda tx: people.find(tx, "nora")) is not None
    assert await grants(office, "ben") == before
    assert (await office.get("root", "/admin/faucet"))["balance"] == 0


async def test_a_confirmed_deposit_goes_on_with_what_was_filled_in(office: Office, root: Desk) -> None:
    hashed = await office.control.accounts._passwords.hashed("three calm words")
    await office.store.write(lambda tx: sessions.set_password(tx, "root", "root", hashed))
    office.clock.move(timedelta(minutes=11))
    asked = await root.post("/admin/money", {"key": "k" * 32, "amount": "5 000", "memo": "From the fair"})
    form = inputs(asked)
    wrong = await root.post("/admin/money", {**form, "confirmation": "no idea"})
    assert wrong.status_code == 403 and inputs(wrong)["memo"] == "From the fair"
    for _ in range(2):
        done = await root.post("/admin/money", {**form, "confirmation": "three calm words"})
        assert done.status_code == 303
    page = await root.get("/admin/money")
    assert (await office.get("root", "/admin/faucet"))["balance"] == 5000
    assert "From the fair" in page.text and "+5,000" in page.text


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.5", "many", "9" * 19, "²"])
async def test_no_other_amount_is_taken(office: Office, root: Desk, amount: str) -> None:
    page = await root.post("/admin/money", {"key": "k" * 32, "amount": amount, "memo": "kept"})
    assert page.status_code == 422 and inputs(page)["memo"] == "kept"
    assert (await office.get("root", "/admin/faucet"))["balance"] == 0


async def test_a_file_is_imported_with_a_result_for_each_line(office: Office, root: Desk) -> None:
    lines = ("nora,Nora Berg,nora@example.org,legal@deals;member", "ben,Ben,ben@example.org,buyer@deals")
    text = "\n".join(("id,name,email,grants", *lines, ""))
    form = {"key": "k" * 32, "text": ""}
    done = await root.post("/admin/import", form, files={"file": ("people.csv", text.encode())})
    assert done.status_code == 200, done.text
    assert "1 person was added." in done.text
    assert re.findall(r"<bdi>(\w+)</bdi></span></span><span class=\"badge \w+\">([\w ]+)</span>", done.text) == [
        ("nora", "added"),
        ("ben", "there already"),
    ]
    assert await grants(office, "nora") == {("legal", "deals"), ("member", "*")}


async def test_a_file_with_mistakes_adds_nobody_and_names_each_line(office: Office, root: Desk) -> None:
    text = "id,name,email,grants\nnora,Nora,nora@example.org,\nNO,,x,\n"
    page = await root.post("/admin/import", {"text": text})
    told = html.unescape(page.text)
    assert page.status_code == 422 and "Line 3, id: Use small letters" in told and "Line 3, email: Write an" in told
    assert "nora,Nora,nora@example.org" in page.text and await grants(office, "nora") == set()
    latin = await root.post("/admin/import", {"text": ""}, files={"file": ("people.csv", "é".encode("latin-1"))})
    assert latin.status_code == 422 and "not UTF-8" in latin.text
    assert "Choose a file, or paste its lines." in (await root.post("/admin/import", {"text": " "})).text


async def test_policies_mails_and_health_tell_how_things_are(office: Office, root: Desk) -> None:
    await office.task()
    assert "3 days" in (await root.get("/admin/policies")).text
    assert "Read it" in (await root.get("/admin/mails")).text
    page = (await root.get("/admin/health")).text
    assert "Are taken" in page and "Up" in page and "temporal workflow show" in page
    office.engine = {"engine": "down", "engine_detail": "RPCError"}
    office.app.state.engine_page = "https://temporal.example.org"
    page = (await root.get("/admin/health")).text
    office.app.state.engine_page = None
    assert "Down" in page and "RPCError" in page and 'href="https://temporal.example.org"' in page


async def test_the_council_reads_the_money_and_may_not_move_it(office: Office) -> None:
    kofi = await desk(office, "kofi")
    page = await kofi.get("/admin/money")
    assert page.status_code == 200 and 'name="amount"' not in page.text
    assert (await kofi.post("/admin/money", {"amount": "5"})).status_code == 403
    assert (await office.get("root", "/admin/faucet"))["balance"] == 0


async def test_a_refused_attempt_leaves_a_trace(office: Office) -> None:
    mo = await desk(office, "mo")
    assert (await mo.get("/admin/people")).status_code == 403
    query = sa.select(t.audit.c.actor, t.audit.c.detail).where(t.audit.c.chain == REFUSED)
    refused = await office.store.read(lambda tx: list(tx.conn.execute(query)))
    assert any(row.actor == "mo" for row in refused)
