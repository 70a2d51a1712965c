"""Badges and credentials behind the real application, as the steps of a case leave them."""

from pathlib import Path
from typing import Any

import httpx2

from api.office import Office
from placet.connectors.credentials.executor_client import ExecutorClient
from placet.connectors.credentials.jwt import signed
from placet.connectors.credentials.open_badge import claims
from placet.connectors.credentials.port import Order, Wish
from placet.connectors.credentials.stored import StoredCredentials
from placet.executor.badge_keys import LocalKey
from placet.store import credentials
from placet.store import tables as t
from placet.store.engine import Tx

FIRST_AID = {
    "id": "first-aid",
    "name": "First aid",
    "description": "Knows what to do until help comes.",
    "criteria": "Has taken the course.",
    "cost": 500,
    "valid_days": 730,
}
ISSUANCE = "/api/v1/workflows/credential-issuance/cases"
REVOCATION = "/api/v1/workflows/credential-revocation/cases"
KEY = LocalKey.generated()


async def define(office: Office, **other: Any) -> None:
    answer = await office.call("root", "POST", "/api/v1/badges", FIRST_AID | other)
    assert answer.status_code in (200, 201), answer.text


async def request(office: Office, who: str, scope: str = "deals", **other: Any) -> httpx2.Response:
    body = {"scope": scope, "request": {"badge": "first-aid", **other}}
    return await office.call(who, "POST", ISSUANCE, body)


async def revoke(office: Office, who: str, credential: str, scope: str = "deals", **other: Any) -> httpx2.Response:
    body = {"scope": scope, "request": {"credential": credential, "reason": "Lost.", **other}}
    return await office.call(who, "POST", REVOCATION, body)


async def drawn_up(office: Office, holder: str = "mo", badge: str = "first-aid") -> str:
    """A credential in a case of rita's in deals, that still has to be approved; its id."""
    case_id = await office.start("rita", "deals")
    books = StoredCredentials(office.store, ExecutorClient(Path("nowhere.sock")))
    order = await books.draw_up(f"{case_id}/credentials.draw-up/1", case_id, Wish(badge=badge, holder=holder))
    return order.id


async def issued(office: Office, holder: str = "mo", badge: str = "first-aid") -> str:
    """The same, signed and in force, with a published list."""
    credential = await drawn_up(office, holder, badge)
    row = await office.store.read(lambda tx: credentials.find(tx, credential))
    assert row is not None
    token = await signed(KEY, claims(Order.model_validate(row["order"])))

    def done(tx: Tx) -> None:
        credentials.keep_signature(tx, credential, token, KEY.kid)
        credentials.put_in_force(tx, credential)
        credentials.publish_keys(tx, {KEY.kid: KEY.public()})
        credentials.publish(tx, 1, 1, "a.signed.list")

    await office.store.write(done)
    return credential


async def close_cases(office: Office) -> None:
    """End every case, so that nothing is asked for already."""
    await office.store.write(lambda tx: tx.conn.execute(t.case.update().values(is_open=False)))


def offer(office: Office, credential: str, holder: str = "mo") -> str:
    return office.store.house.offer(credential, holder, office.clock.time).removeprefix(office.store.house.base_url)
