"""Discussion, wallets, policies, resources and credentials on their pages."""

import html
import json
import re

import pytest

from api import badge_room, council
from api.office import Office
from web.desk import desk, key_in


async def test_a_case_is_discussed_in_threads_and_nothing_of_it_runs(office: Office) -> None:
    case = await office.start()
    rita, cora = await desk(office, "rita"), await desk(office, "cora")
    page = await rita.get(f"/cases/{case}")
    assert "Nobody has said anything yet." in page.text
    form = {"key": "k" * 32, "text": "Is **blue** fine?\r\n\r\n# Big\n<script>alert(1)</script>"}
    for _ in range(2):
        done = await rita.post(f"/cases/{case}/comments", form)
        assert done.headers["Location"] == f"/cases/{case}#said-1"
    shown = (await rita.follow(done)).text
    assert "Is <strong>blue</strong> fine?" in shown and "<script>alert" not in shown and shown.count('id="said-') == 1
    assert "<h3>Big</h3>" in shown and "Rita commented" in shown
    reply = await cora.get(f"/cases/{case}?reply={case}.comment.1")
    assert f'name="reply_to" value="{case}.comment.1"' in reply.text and "In reply to no. 1 by Rita" in reply.text
    await cora.post(f"/cases/{case}/comments", {"text": "Green.", "reply_to": f"{case}.comment.1"})
    both = (await rita.get(f"/cases/{case}")).text
    assert 'id="said-2" class="reply deep-1"' in both and "in reply to no. 1" in both


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"text": " "}, 422, "at least 1"),
        ({"text": "x" * 8001}, 422, "at most 8000"),
        ({"text": "Yes", "reply_to": "order-0.comment.9"}, 422, "There is no such comment on this case."),
    ],
)
async def test_a_comment_that_does_not_fit_comes_back(
    office: Office, form: dict[str, str], status: int, told: str
) -> None:
    case = await office.start()
    answer = await (await desk(office, "rita")).post(f"/cases/{case}/comments", form)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert 'id="said-' not in answer.text and form["text"].strip() in answer.text


async def test_a_wallet_is_registered_by_what_it_signs(office: Office) -> None:
    ben, key = await desk(office, "ben"), council.key_of("ben")
    assert "None is registered." in (await ben.get("/account")).text
    page = await ben.get(f"/account?address={key.address}")
    shown = re.search(r'<textarea id="proof"[^>]*>\n(.*?)</textarea>', page.text, re.S)
    assert shown is not None
    typed = json.loads(html.unescape(shown[1]))
    form = {"key": key_in(page), "address": key.address}
    missing = await ben.post("/account/wallet", form)
    assert missing.status_code == 422 and "Sign the text above with this wallet" in missing.text
    wrong = await ben.post("/account/wallet", form | {"signature": council.sign("bea", typed)})
    assert wrong.status_code == 422 and "Another wallet signed" in wrong.text
    done = await ben.post("/account/wallet", form | {"signature": council.sign("ben", typed)})
    assert "The wallet is registered" in (await ben.follow(done)).text
    kept = await office.get("ben", "/api/v1/people/ben/wallet")
    assert (kept["address"], kept["registered_by"]) == (key.address, "ben")
    bad = await ben.get("/account?address=0x12")
    assert bad.status_code == 422 and "An address is 0x and 40 hex digits." in bad.text


async def test_a_policy_is_changed_from_the_version_that_was_looked_at(office: Office) -> None:
    root = await desk(office, "root")
    assert 'href="/admin/policies/order"' in (await root.get("/admin/policies")).text
    page = await root.get("/admin/policies/order")
    assert "The settings are in force" in page.text and 'name="review" value="3d"' in page.text
    form = {"key": key_in(page), "review": "9d", "base_version": "0"}
    done = await root.post("/admin/policies/order", form)
    assert "version 1" in (await root.follow(done)).text
    changed = (await root.get("/admin/policies/order")).text
    assert "Version 1 by root" in changed and 'name="review" value="9d"' in changed
    stale = await root.post("/admin/policies/order", {"review": "4d", "base_version": "0"})
    assert stale.status_code == 409 and "Version 1 is in force by now" in stale.text
    # The form begins anew with what is in force.
    assert 'name="review" value="9d"' in stale.text
    for wrong, told in (({"review": "soon"}, "review"), ({"review": "9d"}, "Nothing differs")):
        answer = await root.post("/admin/policies/order", {**wrong, "base_version": "1"})
        assert answer.status_code == 422 and told in answer.text
    council_member = (await (await desk(office, "kofi")).get("/admin/policies/order")).text
    assert "Bring it into force" not in council_member and "Version 1 by root" in council_member
    assert (await root.get("/admin/policies/nothing")).status_code == 404


async def test_a_project_is_registered_and_its_change_asked_for(office: Office) -> None:
    cora, rita = await desk(office, "cora"), await desk(office, "rita")
    assert "Nothing here" in (await cora.get("/resources")).text
    form = {"kind": "project", "id": "fence", "title": "The fence", "scope": "deals", "key": "k" * 32}
    done = [await cora.post("/resources", form) for _ in range(2)]
    assert [one.headers["Location"] for one in done] == ["/resources/project/fence"] * 2
    again = await cora.post("/resources", {**form, "key": "m" * 32})
    assert again.status_code == 409 and 'href="#new-id"' in again.text and 'value="The fence"' in again.text
    assert "The fence" in (await rita.get("/resources?kind=project&state=active")).text
    assert "Nothing here" in (await rita.get("/resources?state=archived")).text
    nothing = await cora.post("/resources/project/fence/change", {"reason": "Winter."})
    assert nothing.status_code == 422 and "Winter." in nothing.text and 'href="#becomes"' in nothing.text
    asked = await cora.post("/resources/project/fence/change", {"becomes": "hibernating", "reason": "Winter."})
    case = asked.headers["Location"]
    page = (await cora.get("/resources/project/fence")).text
    assert f'href="{case}"' in page and "Ask for a change" not in page
    more = await cora.post("/resources/project/fence/change", {"becomes": "hibernating"})
    assert more.status_code == 409 and "Another change of it is being decided" in more.text


async def test_a_credential_is_downloaded_and_its_revocation_asked_for(office: Office) -> None:
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    mo, cora = await desk(office, "mo"), await desk(office, "cora")
    path = f"/credentials-mine/{credential}"
    assert f'href="{path}"' in (await mo.get("/credentials-mine")).text
    assert f'href="{path}"' not in (await cora.get("/credentials-mine")).text
    assert f'href="{path}"' in (await cora.get("/credentials-mine?whose=all")).text
    file = await mo.get(f"{path}/credential.jwt")
    kept = await office.get("mo", f"/api/v1/credentials/{credential}")
    assert file.text == kept["jwt"] and file.headers["Content-Disposition"] == 'attachment; filename="first-aid.jwt"'
    empty = await mo.post(f"{path}/revoke", {"reason": " "})
    assert empty.status_code == 422 and 'href="#reason"' in empty.text
    asked = await mo.post(f"{path}/revoke", {"reason": "Lost it."})
    assert asked.headers["Location"].startswith("/cases/credential-revocation-")
