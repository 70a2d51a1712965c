"""Who may use which page: every route of the pages times every kind of caller, against one table.

Whoever is not signed in is sent to do so (303); of what a page shows, `tests/api/test_access.py` has the other half.
"""

from typing import Any

import pytest

from api.office import HASH, Office
from api.test_access import opened, populate
from placet.store import people, sessions
from placet.store import tables as t
from web.desk import Desk, desk

SIGN_IN = 303
# An act leads on with 303 as well: where to, says whether it was done.
DONE = "done"

CALLERS = {
    "nobody": None,
    "forged": "forged",
    "signed out": "sig",
    "inactive": "ina",
    "uninvolved": "mo",
    "requester": "rita",
    "candidate": "ben",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "signed out", "inactive"), SIGN_IN)


def everybody(status: int | str) -> dict[str, int | str]:
    return dict.fromkeys(CALLERS, status)


def signed_in(status: int | str = 200, **other: int | str) -> dict[str, int | str]:
    return {**everybody(status), **UNKNOWN, **other}


def only(status: int | str, *callers: str, **other: int | str) -> dict[str, int | str]:
    return {**everybody(403), **UNKNOWN, **dict.fromkeys(callers, status), **other}


HIDDEN = {"uninvolved": 404, "other coordinator": 404}
SEEN = signed_in(**HIDDEN)
ASKED = only(DONE, "candidate", **HIDDEN)
MANAGED = only(DONE, "coordinator", "admin", **HIDDEN)

ACCESS: dict[tuple[str, str], dict[str, int | str]] = {
    # Who is signed in already is led on.
    ("GET", "/signin"): {**everybody(DONE), **dict.fromkeys(UNKNOWN, 200)},
    ("POST", "/signin"): everybody(401),
    ("GET", "/signin/provider"): everybody(404),
    ("GET", "/signin/provider/callback"): everybody(404),
    ("POST", "/signin/passkey"): everybody(403),
    # A script asks, which is told rather than led away.
    ("POST", "/passkeys/options/{purpose}"): signed_in(**dict.fromkeys(UNKNOWN, 401)),
    ("POST", "/signout"): everybody(SIGN_IN),
    ("GET", "/invitation/{token}"): everybody(404),
    ("POST", "/invitation/{token}"): everybody(404),
    ("GET", "/"): signed_in(),
    ("POST", "/answers"): signed_in(),
    ("GET", "/live"): signed_in(),
    ("GET", "/tasks/{task_id}"): SEEN,
    ("POST", "/tasks/{task_id}"): ASKED,
    ("POST", "/tasks/{task_id}/claim"): ASKED,
    # Giving back what one does not hold changes nothing.
    ("POST", "/tasks/{task_id}/release"): signed_in(DONE, **HIDDEN),
    ("POST", "/tasks/{task_id}/delegate"): ASKED,
    ("POST", "/tasks/{task_id}/reassign"): MANAGED,
    # The one who is asked for documents is outside; coordinators may add some.
    ("POST", "/tasks/{task_id}/documents"): MANAGED,
    ("GET", "/cases"): signed_in(),
    ("GET", "/cases/export.csv"): signed_in(),
    ("GET", "/cases/{case_id}"): SEEN,
    ("GET", "/cases/{case_id}/documents/{content_hash}"): SEEN,
    ("GET", "/cases/{case_id}/documents/{content_hash}/preview"): SEEN,
    # The document of this office is no picture.
    ("GET", "/cases/{case_id}/documents/{content_hash}/picture"): signed_in(404),
    ("POST", "/cases/{case_id}/pause"): MANAGED,
    ("POST", "/cases/{case_id}/resume"): MANAGED,
    ("POST", "/cases/{case_id}/cancel"): MANAGED,
    ("POST", "/cases/{case_id}/documents"): MANAGED,
    ("POST", "/cases/{case_id}/comments"): signed_in(DONE, **HIDDEN),
    ("GET", "/account"): signed_in(),
    # Nobody of them signs with the wallet.
    ("POST", "/account/wallet"): signed_in(422),
    ("POST", "/account/preferences"): signed_in(DONE),
    ("POST", "/account/password"): signed_in(403),
    ("POST", "/account/sessions/{session_id}/end"): signed_in(404),
    ("POST", "/account/sessions/end"): everybody(SIGN_IN),
    ("POST", "/account/passkeys"): signed_in(),
    ("POST", "/account/passkeys/{passkey_id}/rename"): signed_in(404),
    ("POST", "/account/passkeys/{passkey_id}/remove"): signed_in(404),
    ("POST", "/account/tokens"): signed_in(),
    ("POST", "/account/tokens/{token_id}/revoke"): signed_in(404),
}

FORMS: dict[str, dict[str, str]] = {
    "/signin": {"name": "", "password": "wrong"},
    "/tasks/{task_id}": {"outcome": "approve"},
    "/tasks/{task_id}/delegate": {"to": "bea"},
    "/tasks/{task_id}/reassign": {"to": "bea"},
    "/account/passkeys": {"name": "Telephone"},
    "/account/passkeys/{passkey_id}/rename": {"name": "Tablet"},
    "/cases/{case_id}/comments": {"text": "So it is."},
    "/account/preferences": {"zone": "Europe/Lisbon"},
    "/account/password": {"old": "x", "new": "three calm words", "again": "three calm words"},
}


async def desks(office: Office) -> dict[str, Desk]:
    """Everybody at their browser."""
    await office.hire("sig", "admin")
    found = {name: await desk(office, who) for name, who in CALLERS.items() if name not in ("nobody", "forged")}
    found |= {"nobody": Desk(office, None), "forged": Desk(office, "made-up")}

    def change(tx: Any) -> None:
        sessions.end(tx, "sig", "sig", t.session.c.person_id == "sig")
        root = people.find(tx, "root")
        assert root is not None

    await office.store.write(change)
    return found


async def tried(office: Office, caller: Desk, method: str, path: str, ids: tuple[str, str, str]) -> int | str:
    case_id, asked, task = ids
    # Documents are wanted from somebody outside, by a task of their own.
    task = asked if path == "/tasks/{task_id}/documents" else task
    numbers = dict.fromkeys(("session_id", "token_id", "passkey_id"), "0" * 16)
    filled = path.format(case_id=case_id, task_id=task, content_hash=HASH, token="a.b", purpose="register", **numbers)
    more: dict[str, Any] = {}
    if path.endswith("/documents") and method == "POST":
        more["files"] = {"file": ("deed.txt", b"A deed.")}
        answer = await caller.post(filled, {"name": "deed"}, **more)
    elif method == "POST":
        answer = await caller.post(filled, FORMS.get(path))
    else:
        answer = await caller.get(filled)
    leads = answer.headers.get("Location", "")
    return DONE if answer.status_code == 303 and not leads.startswith("/signin") else answer.status_code


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await populate(office)
    everyone = await desks(office)
    ids = await opened(office)
    got = {}
    for caller in CALLERS:
        got[caller] = await tried(office, everyone[caller], method, path, ids)
        if method == "POST" and got[caller] == DONE:
            # The act changed the case; the next caller gets another.
            ids = await opened(office)
    assert got == ACCESS[method, path]


async def test_what_is_hidden_looks_exactly_like_nothing(office: Office) -> None:
    mo = await desk(office, "mo")
    task = await office.task()
    case_id = task.partition(".")[0]
    for hidden, missing in (
        (f"/cases/{case_id}", "/cases/order-0000000000"),
        (f"/tasks/{task}", "/tasks/order-0000000000.review.1"),
        (f"/cases/{case_id}/documents/{HASH}", f"/cases/order-0000000000/documents/{HASH}"),
    ):
        one, other = await mo.get(hidden), await mo.get(missing)
        assert (one.status_code, _told(one.text)) == (404, _told(other.text))


def _told(page: str) -> str:
    return page[page.index("<main") :]


async def test_a_bearer_token_opens_no_page(office: Office) -> None:
    headers = {"Authorization": f"Bearer {office.tokens['root']}", "Accept": "text/html"}
    answer = await office.http.get("/", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signin")
