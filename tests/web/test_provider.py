"""Signing in with an OpenID provider, against one that really runs: code, PKCE, and who somebody is here."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import sqlalchemy as sa

from api.office import Office
from placet.store import tables as t
from placet.web.provider import Provider
from ports import free_port
from web.desk import COOKIE, Desk, desk

PATIENCE_SECONDS = 120
ANEW = httpx2.Limits(max_keepalive_connections=0)
"""Each request over a connection of its own: the provider closes one when it likes."""


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """A provider in a process of its own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                assert httpx2.get(f"{address}/.well-known/openid-configuration").is_success
                break
            except httpx2.TransportError:
                assert time.monotonic() < deadline and server.poll() is None
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def provided(office: Office, issuer: str) -> Iterator[Office]:
    office.app.state.provider = Provider(issuer, "placet", "a secret of tests", "Example Organisation")
    yield office
    office.app.state.provider = None


async def signed_in(
    office: Office, issuer: str, subject: str, next: str = "/", cookie: str | None = None, **claims: object
) -> httpx2.Response:
    """What comes of going to the provider, being this person there, and coming back; `cookie` if one was signed in."""
    async with httpx2.AsyncClient(timeout=PATIENCE_SECONDS, limits=ANEW) as outside:
        known = await outside.put(f"{issuer}/users/{subject}", json=claims)
        assert known.is_success, known.text
        browser = Desk(office, cookie)
        begun = await browser.get(f"/signin/provider?next={next}")
        assert begun.status_code == 303, begun.text
        there = begun.headers["Location"]
        asked = parse_qs(urlsplit(there).query)
        anew = (asked.get("prompt"), asked.get("max_age"))
        assert anew == ((["login"], ["0"]) if cookie else (None, None))
        assert asked["code_challenge_method"] == ["S256"] and asked["response_type"] == ["code"]
        assert asked["redirect_uri"] == ["http://placet/signin/provider/callback"]
        allowed = await outside.post(there, data={"sub": subject})
        back = allowed.headers["Location"]
    kept = begun.cookies["signing_in"]
    return await browser.get(back.removeprefix("http://placet"), cookies={"signing_in": kept})


async def test_the_page_offers_it_by_name(provided: Office) -> None:
    page = await Desk(provided, None).get("/signin?next=/cases")
    assert 'href="/signin/provider?next=/cases"' in page.text
    assert "Sign in with Example Organisation" in page.text


async def test_somebody_with_a_verified_address_is_known_and_later_by_their_subject(
    provided: Office, issuer: str
) -> None:
    first = await signed_in(provided, issuer, "sub-1", "/cases", email="Ben@example.org", email_verified=True)
    assert (first.status_code, first.headers["Location"]) == (303, "/cases")
    page = await Desk(provided, first.cookies[COOKIE]).get("/account")
    assert "ben@example.org" in page.text
    assert [who for who, what, _ in await provided.lines("@registry") if what == "identity.linked"] == ["ben"]
    # Whatever address they have there from now on.
    again = await signed_in(provided, issuer, "sub-1", email="other@example.org", email_verified=False)
    assert (await Desk(provided, again.cookies[COOKIE]).get("/")).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "ben@example.org", "email_verified": False},
        {"email": "ben@example.org"},
        {"email": "stranger@example.org", "email_verified": True},
        {},
    ],
)
async def test_nobody_else_comes_in(provided: Office, issuer: str, claims: dict[str, object]) -> None:
    answer = await signed_in(provided, issuer, f"sub-{len(claims)}-{claims.get('email_verified')}", **claims)
    assert (answer.status_code, "Not known here" in answer.text) == (403, True)
    assert COOKIE not in answer.cookies
    assert await provided.store.read(lambda tx: tx.conn.execute(sa.select(t.session)).all()) == []


async def test_only_what_was_proved_at_the_provider_lately_confirms(provided: Office, issuer: str) -> None:
    claims = {"email": "ben@example.org", "email_verified": True}
    now = (await provided.store.read(lambda tx: tx.now)).timestamp()

    async def asked_again(cookie: str) -> bool:
        page = await Desk(provided, cookie).post("/account/tokens", {"label": "mine"})
        assert page.status_code == 200, page.text
        asks = "Confirm that it is you" in page.text
        assert asks == ('href="/signin/provider"' in page.text)
        return asks

    # A silent repeat tells no time, or one of long ago; and `true` is none.
    for told in (None, now - 3600, True, -1):
        silent = await signed_in(provided, issuer, "sub-4", **claims, auth_time=told)
        before = silent.cookies[COOKIE]
        assert await asked_again(before), told
    proved = await signed_in(provided, issuer, "sub-4", cookie=before, **claims, auth_time=now)
    assert not await asked_again(proved.cookies[COOKIE])
    again = await signed_in(provided, issuer, "sub-4", cookie=proved.cookies[COOKIE], **claims, auth_time=None)
    assert await asked_again(again.cookies[COOKIE]), "without the time nothing is proved"


async def test_it_never_leads_away_and_needs_the_browser_that_began(provided: Office, issuer: str) -> None:
    claims = {"email": "ben@example.org", "email_verified": True}
    away = await signed_in(provided, issuer, "sub-2", "https://evil.example/", **claims)
    assert away.headers["Location"] == "/"
    begun = await Desk(provided, None).get("/signin/provider")
    state = parse_qs(urlsplit(begun.headers["Location"]).query)["state"][0]
    for kept in ({}, {"signing_in": "e30=.0"}, {"signing_in": begun.cookies["signing_in"][:-1] + "x"}):
        back = await Desk(provided, None).get(f"/signin/provider/callback?code=x&state={state}", cookies=kept)
        assert (back.status_code, COOKIE in back.cookies) == (403, False)


async def test_a_provider_that_is_down_is_told_as_such(office: Office) -> None:
    office.app.state.provider = Provider("http://127.0.0.1:9", "placet", None, "Gone")
    answer = await Desk(office, None).get("/signin/provider")
    office.app.state.provider = None
    assert (answer.status_code, "cannot be reached" in answer.text) == (503, True)
    assert re.search("Gone", answer.text) is None


async def test_a_new_session_replaces_the_one_before(provided: Office, issuer: str) -> None:
    before = await desk(provided, "ben")
    claims = {"email": "ben@example.org", "email_verified": True}
    done = await signed_in(provided, issuer, "sub-3", **claims)
    assert done.cookies[COOKIE] != before.cookie
