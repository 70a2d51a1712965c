"""One's own account: preferences, password, sessions, tokens, and confirmation before what matters."""

from datetime import timedelta

import pytest

from api.office import Office
from web.desk import COOKIE, Desk, desk
from web.test_signin import WORD, credentials, has_password


async def test_language_and_zone_are_kept(office: Office) -> None:
    task = await office.task()
    ben = await desk(office, "ben")
    assert (await ben.post("/account/preferences", {"zone": "Europe/Lisbon", "language": "en"})).status_code == 303
    page = await ben.get(f"/tasks/{task}")
    assert "5 March 2026, 09:00 WET" in page.text and "data-fixed" in page.text
    for wrong in ({"zone": "Nowhere/None"}, {"language": "xx"}):
        assert (await ben.post("/account/preferences", wrong)).status_code == 422


async def test_without_a_setting_the_zone_is_the_browsers(office: Office) -> None:
    task = await office.task()
    ben = await desk(office, "ben")
    page = await ben.get(f"/tasks/{task}", cookies={"zone": "Asia/Tokyo"})
    assert "5 March 2026, 18:00" in page.text and "data-fixed" not in page.text
    odd = await ben.get(f"/tasks/{task}", cookies={"zone": "../../etc/passwd"})
    assert "5 March 2026, 09:00 UTC" in odd.text


async def test_changing_the_password_ends_all_other_sessions(office: Office) -> None:
    await has_password(office, "ben")
    here, there = await desk(office, "ben"), await desk(office, "ben")
    new = "four calm words more"
    for form, status in (
        ({"old": "wrong", "new": new, "again": new}, 403),
        ({"old": WORD, "new": new, "again": "other"}, 422),
        ({"old": WORD, "new": "short", "again": "short"}, 422),
        ({"old": WORD, "new": new, "again": new}, 303),
    ):
        assert (await here.post("/account/password", form)).status_code == status
    assert (await here.get("/")).status_code == 200
    assert (await there.get("/")).status_code == 303
    assert (await Desk(office, None).post("/signin", credentials(password=new))).status_code == 303
    assert (await Desk(office, None).post("/signin", credentials())).status_code == 401


async def test_sessions_are_listed_and_ended_one_by_one_or_all(office: Office) -> None:
    here, there, other = await desk(office, "ben"), await desk(office, "ben"), await desk(office, "bea")
    page = await here.get("/account")
    assert page.text.count("browser of ben") >= 2 and "browser of bea" not in page.text
    link = page.text.split('action="/account/sessions/')[1].split("/end")[0]
    assert (await other.post(f"/account/sessions/{link}/end")).status_code == 404
    assert (await here.post(f"/account/sessions/{link}/end")).status_code == 303
    assert (await there.get("/")).status_code == 303
    third = await desk(office, "ben")
    assert (await here.post("/account/sessions/end")).headers["Location"] == "/signin"
    assert [(await one.get("/")).status_code for one in (here, third, other)] == [303, 303, 200]


async def test_a_token_is_shown_once_works_and_can_be_revoked(office: Office) -> None:
    ben = await desk(office, "ben")
    made = await ben.post("/account/tokens", {"label": "My <script>"})
    token = made.text.split('<code dir="ltr">plc_')[1].split("<")[0]
    headers = {"Authorization": f"Bearer plc_{token}"}
    assert (await office.http.get("/api/v1/me", headers=headers)).json()["id"] == "ben"
    page = await ben.get("/account")
    assert token not in page.text and "My &lt;script&gt;" in page.text
    listed = (await office.http.get("/api/v1/people/ben/tokens", headers=headers)).json()["items"]
    name = next(one["id"] for one in listed if one["label"] == "My <script>")
    assert (await (await desk(office, "bea")).post(f"/account/tokens/{name}/revoke")).status_code == 404
    assert (await ben.post(f"/account/tokens/{name}/revoke")).status_code == 303
    assert (await office.http.get("/api/v1/me", headers=headers)).status_code == 401
    assert (await ben.post("/account/tokens", {"label": "x" * 101})).status_code == 422


async def test_what_matters_asks_for_the_password_again_and_then_goes_on(office: Office) -> None:
    await has_password(office, "ben")
    ben = await desk(office, "ben")
    office.clock.move(timedelta(minutes=10))
    form = {"label": "A <program>"}
    asked = await ben.post("/account/tokens", form)
    assert "Confirm that it is you" in asked.text and "plc_" not in asked.text
    assert 'name="label" value="A &lt;program&gt;"' in asked.text and 'action="/account/tokens"' in asked.text
    wrong = await ben.post("/account/tokens", form | {"confirmation": "wrong"})
    assert (wrong.status_code, "plc_" in wrong.text) == (403, False)
    assert "wrong" not in wrong.text.split("<form")[2]
    done = await ben.post("/account/tokens", form | {"confirmation": WORD})
    assert "plc_" in done.text
    # For a while that is good for more.
    assert "plc_" in (await ben.post("/account/tokens", form)).text


async def test_failed_confirmations_count_as_failed_attempts(office: Office) -> None:
    await has_password(office, "ben")
    ben = await desk(office, "ben")
    office.clock.move(timedelta(minutes=10))
    statuses = [(await ben.post("/account/tokens", {"confirmation": "wrong"})).status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 403, 429]


async def test_who_signed_in_elsewhere_confirms_there(office: Office) -> None:
    ben = await desk(office, "ben")
    office.clock.move(timedelta(minutes=10))
    asked = await ben.post("/account/tokens", {"label": "x"})
    assert "Sign in there once more" in asked.text and 'name="confirmation"' not in asked.text


@pytest.mark.parametrize("path", ["/account/sessions/end", "/signout"])
async def test_signing_out_forgets_the_cookie(office: Office, path: str) -> None:
    gone = await (await desk(office, "ben")).post(path)
    assert f'{COOKIE}=""' in gone.headers["Set-Cookie"] and "Max-Age=0" in gone.headers["Set-Cookie"]
