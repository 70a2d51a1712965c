"""The pages around passkeys: adding one, signing in, confirming, and what they say when it fails."""

import json
from datetime import timedelta
from typing import Any

from api.office import Office
from samples.device import Device
from web.desk import COOKIE, Desk, desk


async def asked(caller: Desk, purpose: str) -> dict[str, Any]:
    answer = await caller.post(f"/passkeys/options/{purpose}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store"), answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


async def made(caller: Desk, device: Device, name: str = "Telephone") -> None:
    form = {"name": name, "passkey": device.make(await asked(caller, "register"))}
    done = await caller.post("/account/passkeys", form)
    assert (done.status_code, done.headers["Location"]) == (303, "/account#passkeys")


async def test_a_passkey_is_named_made_listed_and_signs_in(office: Office) -> None:
    device, ben = Device(), await desk(office, "ben")
    page = await ben.post("/account/passkeys", {"name": " <b>Phone</b> "})
    assert (page.status_code, 'data-passkey="register"' in page.text) == (200, True)
    assert '<input type="hidden" name="name" value="&lt;b&gt;Phone&lt;/b&gt;">' in page.text
    await made(ben, device, "<b>Phone</b>")
    account = await ben.get("/account")
    assert "&lt;b&gt;Phone&lt;/b&gt;" in account.text and "not used yet" in account.text
    nobody = Desk(office, None)
    form = {"passkey": device.show(await asked(nobody, "sign-in")), "next": "/cases?q=pens"}
    done = await nobody.post("/signin/passkey", form)
    assert (done.status_code, done.headers["Location"]) == (303, "/cases?q=pens")
    assert "HttpOnly" in done.headers["Set-Cookie"]
    again = await nobody.post("/signin/passkey", form)
    assert (again.status_code, "Begin again" in again.text, "Set-Cookie" in again.headers) == (409, True, False)
    assert "last used" in (await Desk(office, done.cookies[COOKIE]).get("/account")).text


async def test_signing_in_with_a_passkey_never_leads_away_and_ends_the_session_before(office: Office) -> None:
    device, ben = Device(), await desk(office, "ben")
    await made(ben, device)
    form = {"passkey": device.show(await asked(ben, "sign-in")), "next": "https://evil.example/"}
    done = await ben.post("/signin/passkey", form)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert (await ben.get("/account")).status_code == 303


async def test_what_matters_is_confirmed_by_a_passkey_and_then_goes_on(office: Office) -> None:
    device, ben = Device(), await desk(office, "ben")
    await made(ben, device)
    office.clock.move(timedelta(minutes=10))
    form = {"label": "A program"}
    page = await ben.post("/account/tokens", form)
    assert "show your passkey" in page.text and 'data-passkey="confirm"' in page.text
    assert '<input type="hidden" name="label" value="A program">' in page.text and "plc_" not in page.text
    other = Device()
    other.handle = device.handle
    wrong = await ben.post("/account/tokens", form | {"confirming_passkey": other.show(await asked(ben, "confirm"))})
    assert (wrong.status_code, "plc_" in wrong.text, "Passkey not accepted" in wrong.text) == (403, False, True)
    proof = device.show(await asked(ben, "confirm"))
    assert "plc_" in (await ben.post("/account/tokens", form | {"confirming_passkey": proof})).text
    office.clock.move(timedelta(minutes=10))
    replayed = await ben.post("/account/tokens", form | {"confirming_passkey": proof})
    assert (replayed.status_code, "plc_" in replayed.text) == (403, False)


async def test_adding_and_removing_one_takes_confirmation(office: Office) -> None:
    device, ben = Device(), await desk(office, "ben")
    await made(ben, device)
    number = (await ben.get("/account")).text.split('action="/account/passkeys/')[1].split("/remove")[0]
    office.clock.move(timedelta(minutes=10))
    refused = await ben.post("/passkeys/options/register")
    assert (refused.status_code, "confirm that it is you" in refused.json()["detail"]) == (403, True)
    for path in ("/account/passkeys", f"/account/passkeys/{number}/remove"):
        assert "Confirm that it is you" in (await ben.post(path, {"name": "x"})).text
    assert number in (await ben.get("/account")).text
    proof = device.show(await asked(ben, "confirm"))
    gone = await ben.post(f"/account/passkeys/{number}/remove", {"confirming_passkey": proof})
    assert gone.status_code == 303
    assert number not in (await ben.get("/account")).text


async def test_a_passkey_is_renamed_by_its_person_alone(office: Office) -> None:
    device, ben = Device(), await desk(office, "ben")
    await made(ben, device)
    number = (await ben.get("/account")).text.split('action="/account/passkeys/')[1].split("/remove")[0]
    rename = f"/account/passkeys/{number}/rename"
    done = await ben.post(rename, {"name": " Old <i>tablet</i> "})
    assert (done.status_code, done.headers["Location"]) == (303, "/account#passkeys")
    page = await ben.follow(done)
    assert "Old &lt;i&gt;tablet&lt;/i&gt;" in page.text and "Telephone" not in page.text
    assert (await ben.post(rename, {"name": "Old <i>tablet</i>"})).status_code == 303
    for name in ("", " ", "x" * 61, "two\nlines"):
        assert (await ben.post(rename, {"name": name})).status_code == 422
    assert (await (await desk(office, "bea")).post(rename, {"name": "Mine"})).status_code == 404
    renamed = [line for line in await office.lines("@registry") if line[1] == "passkey.renamed"]
    assert [(actor, detail["passkey"]) for actor, _, detail in renamed] == [("ben", number)]
    form = {"passkey": device.show(await asked(ben, "sign-in"))}
    assert (await Desk(office, None).post("/signin/passkey", form)).status_code == 303


async def test_a_name_that_will_not_do_is_told_on_the_account(office: Office) -> None:
    ben = await desk(office, "ben")
    for name in ("", "x" * 61, "two\nlines"):
        assert (await ben.post("/account/passkeys", {"name": name})).status_code == 422


async def test_another_site_and_an_unknown_purpose_get_no_challenge(office: Office) -> None:
    ben = await desk(office, "ben")
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for path in ("/passkeys/options/sign-in", "/signin/passkey", "/account/passkeys"):
        assert (await ben.post(path, {"name": "x"}, headers=headers)).status_code == 403
    assert (await ben.post("/passkeys/options/else")).status_code == 422


async def test_the_pages_say_that_passkeys_need_javascript(office: Office) -> None:
    ben = await desk(office, "ben")
    for page in (await Desk(office, None).get("/signin"), await ben.get("/account")):
        assert "Passkeys need JavaScript" in page.text
