"""Who may use which address of a council and of wallets: every route times every kind of caller, against one table."""

from typing import Any

import pytest

from api.council import INTENT, PATH, act, key_of, put, sit
from api.office import PARTNER, Office
from api.test_access import populate

CALLERS = {
    "nobody": None,
    "forged": "forged",
    "revoked": "rex",
    "inactive": "ina",
    "external": PARTNER.person,
    "uninvolved": "mo",
    "requester": "rita",
    "member of the council": "tara",
    "member elsewhere": "tess",
    "coordinator": "cora",
    "other coordinator": "carl",
    "council": "kofi",
    "admin": "root",
}
UNKNOWN = dict.fromkeys(("nobody", "forged", "revoked", "inactive"), 401)
HIDDEN = dict.fromkeys(("external", "uninvolved", "member elsewhere", "other coordinator"), 404)


def everybody(status: int, **other: int) -> dict[str, int]:
    return {**dict.fromkeys(CALLERS, status), **UNKNOWN, **other}


def members(status: int) -> dict[str, int]:
    return everybody(403, **HIDDEN, **{"member of the council": status})


WALLET = "/api/v1/people/{person_id}/wallet"

ACCESS: dict[tuple[str, str], dict[str, int]] = {
    ("GET", PATH): everybody(200),
    ("GET", f"{PATH}/{{multisig_id}}"): everybody(200, **HIDDEN),
    ("POST", f"{PATH}/{{multisig_id}}/approve"): members(200),
    ("POST", f"{PATH}/{{multisig_id}}/refuse"): members(200),
    ("POST", f"{PATH}/{{multisig_id}}/withdraw"): members(200),
    ("POST", f"{PATH}/{{multisig_id}}/signal-token"): members(201),
    # Somebody's own needs a signature, which is another test's affair.
    ("GET", WALLET): everybody(403, **{"member of the council": 200, "admin": 200}),
    ("PUT", WALLET): everybody(403, **{"member of the council": 422, "admin": 200}),
}
BODIES: dict[str, Any] = {
    "approve": {"intent_hash": INTENT.hash},
    "refuse": {"comment": "too much"},
    "wallet": {"address": key_of("tara").address},
}


@pytest.mark.parametrize(("method", "path"), ACCESS)
async def test_each_caller_gets_what_the_table_says(office: Office, method: str, path: str) -> None:
    await populate(office)
    await sit(office)
    got = {}
    for caller, who in CALLERS.items():
        multisig = await put(office)
        if path.endswith("/withdraw"):
            assert (await act(office, "tara", multisig)).status_code == 200
        filled = path.format(multisig_id=multisig, person_id="tara")
        body = BODIES.get(path.rpartition("/")[2]) if method != "GET" else None
        got[caller] = (await office.call(who, method, filled, body)).status_code
    assert got == ACCESS[method, path]
