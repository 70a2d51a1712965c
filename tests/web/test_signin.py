"""Signing in and out, invitations, and what a session is worth."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from api.office import Office
from placet.control.accounts import Accounts
from placet.runtime.first_admin import EVERYBODY
from placet.store import people, sessions
from placet.store import tables as t
from web.desk import COOKIE, Desk, desk

WORD = "three calm words"


async def has_password(office: Office, person: str, word: str = WORD) -> None:
    stored = await office.control.accounts._passwords.hashed(word)
    await office.store.write(lambda tx: sessions.set_password(tx, person, person, stored))


def credentials(name: str = "ben", password: str = WORD, **more: str) -> dict[str, str]:
    return {"name": name, "password": password, **more}


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(office: Office) -> None:
    await has_password(office, "ben")
    nobody = Desk(office, None)
    sent = await nobody.get("/cases?q=a%20b")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/signin?next=/cases%3Fq%3Da%2520b")
    form = await nobody.get(sent.headers["Location"])
    assert 'name="next" value="/cases?q=a%20b"' in form.text
    done = await nobody.post("/signin", credentials(next="/cases?q=a%20b"))
    assert (done.status_code, done.headers["Location"]) == (303, "/cases?q=a%20b")
    cookie = done.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    page = await Desk(office, done.cookies[COOKIE]).get("/")
    assert (page.status_code, "Ben" in page.text) == (200, True)


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "\n/x"])
async def test_signing_in_never_leads_away(office: Office, next: str) -> None:
    await has_password(office, "ben")
    done = await Desk(office, None).post("/signin", credentials(next=next))
    assert (done.status_code, done.headers["Location"]) == (303, "/")


async def test_the_address_names_the_person_as_well_as_the_id(office: Office) -> None:
    await has_password(office, "ben")
    assert (await Desk(office, None).post("/signin", credentials("Ben@Example.org"))).status_code == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [("ben", "wrong"), ("nobody", WORD), ("mo", WORD), ("", WORD), ("ben", ""), ("ben", "x" * 201)],
)
async def test_whoever_cannot_sign_in_learns_only_that(office: Office, name: str, password: str) -> None:
    await has_password(office, "ben")
    answer = await Desk(office, None).post("/signin", credentials(name, password))
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (401, False)
    assert "Wrong name or password" in answer.text and "alert" in answer.text


@pytest.mark.parametrize("name", ["ben", "nobody"])
async def test_too_many_failures_block_a_name_for_a_while_whether_or_not_it_is_known(office: Office, name: str) -> None:
    await has_password(office, "ben")
    nobody = Desk(office, None)
    statuses = [(await nobody.post("/signin", credentials(name, "wrong"))).status_code for _ in range(6)]
    assert statuses == [401, 401, 401, 401, 429, 429]
    right = await nobody.post("/signin", credentials(name))
    assert right.status_code == 429
    assert re.search("Try again <span data-away=[^>]*>in 1 minute</span>", right.text)
    mails = await office.get("root", "/api/v1/messages?all=true")
    told = [mail["person"] for mail in mails["items"] if mail["subject"] == "Failed attempts to sign in"]
    assert told == (["ben"] if name == "ben" else [])


async def test_a_block_ends_and_success_forgets_the_failures(office: Office) -> None:
    await has_password(office, "ben")
    nobody = Desk(office, None)
    for _ in range(5):
        await nobody.post("/signin", credentials(password="wrong"))
    office.clock.move(timedelta(minutes=1))
    assert (await nobody.post("/signin", credentials())).status_code == 303
    left = await office.store.read(lambda tx: tx.conn.execute(sa.select(t.sign_in_attempt)).all())
    assert left == []


async def test_failures_are_kept_in_the_log_of_refusals_without_the_password(office: Office) -> None:
    await has_password(office, "ben")
    await Desk(office, None).post("/signin", credentials(password="a secret that is wrong"))
    refused = await office.lines("@refused")
    assert refused == [("ben", "account.sign-in", {"code": "wrong-credentials"})]


async def test_people_of_a_sample_are_named_and_of_no_other_organisation(office: Office) -> None:
    nobody = Desk(office, None)
    assert "Ada Amari" not in (await nobody.get("/signin")).text
    office.app.state.sample = EVERYBODY
    try:
        page = (await nobody.get("/signin?next=/cases")).text
        chosen = (await nobody.get('/signin?name="><b>ada')).text
    finally:
        office.app.state.sample = ()
    assert all(f'href="/signin?name={one.id}&amp;next=/cases"' in page and one.name in page for one in EVERYBODY)
    assert 'value="&#34;&gt;&lt;b&gt;ada"' in chosen and "autofocus" in chosen


async def test_signing_in_gives_a_new_session_and_ends_the_one_before(office: Office) -> None:
    await has_password(office, "ben")
    before = await desk(office, "ben")
    done = await before.post("/signin", credentials())
    assert done.cookies[COOKIE] != before.cookie
    assert (await before.get("/")).status_code == 303
    assert (await Desk(office, done.cookies[COOKIE]).get("/")).status_code == 200


async def test_signing_out_ends_the_session_itself(office: Office) -> None:
    ben = await desk(office, "ben")
    gone = await ben.post("/signout")
    assert (gone.status_code, gone.headers["Location"]) == (303, "/signin")
    assert (await ben.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([timedelta(hours=23)] * 3, 200),
        ([timedelta(hours=24)], 303),
        ([timedelta(hours=23)] * 15, 303),
    ],
)
async def test_a_session_ends_when_it_is_not_used_and_at_last_in_any_case(
    office: Office, steps: list[timedelta], status: int
) -> None:
    ben = await desk(office, "ben")
    for step in steps:
        office.clock.move(step)
        answer = await ben.get("/")
    assert answer.status_code == status


async def test_rights_and_being_active_are_looked_up_at_every_request(office: Office) -> None:
    ben = await desk(office, "ben")
    assert (await ben.get("/")).status_code == 200
    await office.store.write(
        lambda tx: tx.conn.execute(t.person.update().where(t.person.c.id == "ben").values(active=False))
    )
    assert (await ben.get("/")).status_code == 303


async def test_only_the_hash_of_a_cookie_is_kept(office: Office) -> None:
    ben = await desk(office, "ben")
    rows = await office.store.read(lambda tx: tx.conn.execute(sa.select(t.session)).all())
    assert ben.cookie not in str(rows)
    assert (await Desk(office, rows[0].hash).get("/")).status_code == 303
    assert (await Desk(office, rows[0].id).get("/")).status_code == 303


async def test_a_cookie_is_no_token_and_a_token_no_cookie(office: Office) -> None:
    ben = await desk(office, "ben")
    assert (await ben.get("/api/v1/me")).status_code == 401
    assert (await Desk(office, office.tokens["ben"]).get("/")).status_code == 303
    headers = {"Authorization": f"Bearer {ben.cookie}"}
    assert (await office.http.get("/api/v1/me", headers=headers)).status_code == 401


async def invited(office: Office, person: str = "mo") -> str:
    root = await office.store.read(lambda tx: people.find(tx, "root"))
    assert root is not None
    return str((await office.control.accounts.invite(root, person)).value["link"]).removeprefix("http://placet")


async def test_an_invitation_lets_somebody_choose_a_password_once(office: Office) -> None:
    link = await invited(office)
    mails = await office.get("root", "/api/v1/messages?all=true")
    assert link in next(mail["text"] for mail in mails["items"] if mail["person"] == "mo")
    nobody = Desk(office, None)
    for _ in range(2):
        page = await nobody.get(link)
        assert (page.status_code, "Welcome, Mo" in page.text) == (200, True)
    done = await nobody.post(link, {"password": WORD, "again": WORD})
    assert done.status_code == 303
    assert (await Desk(office, done.cookies[COOKIE]).get("/")).status_code == 200
    assert (await nobody.post("/signin", credentials("mo"))).status_code == 303
    for again in (await nobody.get(link), await nobody.post(link, {"password": WORD, "again": WORD})):
        assert (again.status_code, "Link expired" in again.text) == (410, True)


@pytest.mark.parametrize(
    ("password", "again", "told"),
    [
        ("short", "short", "at least 10 characters"),
        (WORD, f"{WORD}!", "differ"),
        ("password123", "password123", "easy to guess"),
        ("x" * 201, "x" * 201, "at most 200"),
    ],
)
async def test_a_weak_password_is_refused_and_the_invitation_stays(
    office: Office, password: str, again: str, told: str
) -> None:
    link = await invited(office)
    answer = await Desk(office, None).post(link, {"password": password, "again": again})
    assert (answer.status_code, told in answer.text) == (422, True)
    assert (await Desk(office, None).get(link)).status_code == 200


async def test_a_newer_invitation_replaces_the_older_and_each_expires(office: Office) -> None:
    old, new = await invited(office), await invited(office)
    assert (await Desk(office, None).get(old)).status_code == 410
    office.clock.move(timedelta(days=7))
    assert (await Desk(office, None).get(new)).status_code == 410


@pytest.mark.parametrize("link", ["/invitation/x", "/invitation/a.b", "/invitation/%F0%9F%8D%8C.x"])
async def test_a_forged_invitation_opens_nothing(office: Office, link: str) -> None:
    await invited(office)
    assert (await Desk(office, None).get(link)).status_code == 404
    assert (await Desk(office, None).post(link, {"password": WORD, "again": WORD})).status_code == 404


async def test_guessing_passwords_takes_as_long_for_a_name_that_is_unknown(office: Office) -> None:
    """Not measured, but counted: each attempt verifies one hash."""
    accounts: Accounts = office.control.accounts
    verified = []
    real = accounts._passwords._hash.verify

    class Counting:
        hash = accounts._passwords._hash.hash

        @staticmethod
        def verify(password: str, stored: str) -> bool:
            verified.append(stored)
            return real(password, stored)

    accounts._passwords._hash = Counting
    await has_password(office, "ben")
    for name in ("ben", "nobody"):
        await Desk(office, None).post("/signin", credentials(name, "wrong"))
    assert len(verified) == 2
