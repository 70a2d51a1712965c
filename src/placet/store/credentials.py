"""Credentials in the database: badges, orders with their place in a status list, signatures, ends, and what is public.

A place is given out once and never again. Where several rows are locked, the case comes first, then the credential,
then its list.
"""

import hashlib
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import digest
from placet.domain.people import SYSTEM, Named
from placet.domain.said import Said
from placet.store import notices, people
from placet.store import tables as t
from placet.store.cases import LockedCase, locked
from placet.store.engine import Tx

PLACES = 131_072
"""Entries of one status list; the least that hides which of them somebody asks for."""

_b, _c, _s, _k = t.badge.c, t.credential.c, t.credential_status.c, t.credential_key.c


class CredentialState(StrEnum):
    """`drawn` up and put to approval, `signed`, `issued`; then `revoked`, or `withdrawn` before it was issued."""

    DRAWN = "drawn"
    SIGNED = "signed"
    ISSUED = "issued"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


ENDED = (CredentialState.REVOKED, CredentialState.WITHDRAWN)
"""States in which the bit of a credential is set."""

Row = Mapping[Any, Any]


def badge(tx: Tx, badge_id: str) -> Row | None:
    return tx.conn.execute(sa.select(t.badge).where(_b.id == badge_id)).mappings().one_or_none()


def find(tx: Tx, credential_id: str) -> Row | None:
    return tx.conn.execute(sa.select(t.credential).where(_c.id == credential_id)).mappings().one_or_none()


def by_key(tx: Tx, key: str) -> Row | None:
    return tx.conn.execute(sa.select(t.credential).where(_c.key == key)).mappings().one_or_none()


def held(tx: Tx, holder: str, badge_id: str) -> Row | None:
    """The credential for this badge that the holder has, in force."""
    mine = (_c.holder == holder) & (_c.badge_id == badge_id) & (_c.state == CredentialState.ISSUED)
    current = _c.valid_until.is_(None) | (_c.valid_until > tx.now)
    return tx.conn.execute(sa.select(t.credential).where(mine, current).limit(1)).mappings().one_or_none()


def issuer(tx: Tx) -> str:
    return tx.house.page("/credentials/issuer")


def list_address(tx: Tx, list_id: int) -> str:
    return tx.house.page(f"/credentials/status/{list_id}")


def draw_up(tx: Tx, key: str, case_id: str, badge: Row, holder: tuple[str, str], did: str | None) -> Row:
    """Write down what will be signed, once for each key. `holder` is (person id, e-mail)."""
    with locked(tx, case_id) as case:
        if (known := by_key(tx, key)) is not None:
            return known
        list_id, index = _place(tx)
        begins = tx.now.replace(microsecond=0)
        ends = begins + timedelta(days=badge["valid_days"]) if badge["valid_days"] else None
        salt = "" if did else secrets.token_hex(16)
        order = {
            "id": str(uuid.uuid4()),
            "case_id": case_id,
            "scope": case["scope"],
            "holder": holder[0],
            "did": did,
            "identity_hash": "" if did else hashlib.sha256(f"{holder[1].strip().lower()}{salt}".encode()).hexdigest(),
            "salt": salt,
            "badge": {name: badge[name] for name in ("id", "name", "description", "criteria", "cost", "valid_days")},
            "issuer": issuer(tx),
            "issuer_name": tx.house.issuer_name,
            "valid_from": moment(begins),
            "valid_until": moment(ends) if ends else None,
            "status_list": list_address(tx, list_id),
            "status_index": index,
        }
        row = {
            "id": order["id"],
            "key": key,
            "case_id": case_id,
            "scope": case["scope"],
            "badge_id": badge["id"],
            "holder": holder[0],
            "state": CredentialState.DRAWN,
            "order": order,
            "digest": digest(order),
            "list_id": list_id,
            "list_index": index,
            "drawn_at": tx.now,
            "valid_until": ends,
        }
        tx.conn.execute(t.credential.insert().values(row))
        case.involve(holder[0], "holder")
        case.audit(SYSTEM, "credential.drawn-up", {"credential": order["id"], "order": row["digest"]})
        return row


def _place(tx: Tx) -> tuple[int, int]:
    """The next free place, in the newest list that has one."""
    newest = sa.select(t.credential_status).order_by(_s.id.desc()).limit(1).with_for_update()
    found = tx.conn.execute(newest).mappings().one_or_none()
    if found is None or found["next_index"] >= found["size"]:
        number = found["id"] + 1 if found else 1
        first = {"size": PLACES, "next_index": 0, "version": 1, "published": 0, "changed_at": tx.now}
        tx.insert_ignoring(t.credential_status, {"id": number, **first})
        found = (
            tx.conn.execute(sa.select(t.credential_status).where(_s.id == number).with_for_update()).mappings().one()
        )
    index: int = found["next_index"]
    tx.conn.execute(t.credential_status.update().where(_s.id == found["id"]).values(next_index=index + 1))
    return found["id"], index


def keep_signature(tx: Tx, credential_id: str, jwt: str, kid: str) -> Row | None:
    """Keep the signed bytes; the first ones stay. The credential as it is then, None if there is none."""
    return _changed(tx, credential_id, lambda case, row: _signed(case, row, jwt, kid))


def _signed(case: LockedCase, row: Row, jwt: str, kid: str) -> dict[str, Any]:
    if row["state"] != CredentialState.DRAWN:
        return {}
    case.audit(SYSTEM, "credential.signed", {"credential": row["id"], "order": row["digest"], "kid": kid})
    return {"state": CredentialState.SIGNED, "jwt": jwt, "kid": kid}


def put_in_force(tx: Tx, credential_id: str) -> Row | None:
    """Signed becomes issued; any other state stays."""
    return _changed(tx, credential_id, _issued)


def _issued(case: LockedCase, row: Row) -> dict[str, Any]:
    if row["state"] != CredentialState.SIGNED:
        return {}
    case.audit(
        SYSTEM, "credential.issued", {"credential": row["id"], "holder": row["holder"], "badge": row["badge_id"]}
    )
    return {"state": CredentialState.ISSUED, "issued_at": case.tx.now}


def end(tx: Tx, credential_id: str, state: CredentialState, reason: str) -> Row | None:
    """Set its bit, for ever; the list has a new version from now on. What has ended stays as it ended."""
    return _changed(tx, credential_id, lambda case, row: _ended(case, row, state, reason))


def _ended(case: LockedCase, row: Row, state: CredentialState, reason: str) -> dict[str, Any]:
    if row["state"] in ENDED:
        return {}
    mine = _s.id == row["list_id"]
    case.tx.conn.execute(
        t.credential_status.update().where(mine).values(version=_s.version + 1, changed_at=case.tx.now)
    )
    place: dict[str, Any] = {"credential": row["id"], "list": row["list_id"], "index": row["list_index"]}
    case.audit(SYSTEM, f"credential.{state}", place, reason=reason)
    return {"state": state, "ended_at": case.tx.now}


def _changed(tx: Tx, credential_id: str, change: Callable[[LockedCase, Row], dict[str, Any]]) -> Row | None:
    case_id = tx.conn.execute(sa.select(_c.case_id).where(_c.id == credential_id)).scalar_one_or_none()
    if case_id is None:
        return None
    with locked(tx, case_id) as case:
        own = sa.select(t.credential).where(_c.id == credential_id).with_for_update()
        row = tx.conn.execute(own).mappings().one()
        values = change(case, row)
        if values:
            tx.conn.execute(t.credential.update().where(_c.id == credential_id).values(values))
        return {**row, **values}


def tell_holder(tx: Tx, row: Row, reason: str) -> None:
    """Tell whoever holds it that it no longer counts."""
    for person, name, email, _ in people.addressees(tx, (Named(person=row["holder"]),), row["scope"]):
        badge, case_id = row["order"]["badge"]["name"], row["case_id"]
        text = (
            Said("your credential “%(badge)s” has been revoked: %(reason)s", badge=badge, reason=reason),
            Said("Whoever checks it learns so from now on."),
            notices.leads(Said("How it came to be"), tx.house.page(f"/cases/{case_id}")),
        )
        key, subject = f"credential/{row['id']}/revoked", Said("Revoked: %(badge)s", badge=badge)
        notices.write(tx, key, (person, name, email), subject, *text, case_id=case_id)


def status_list(tx: Tx, list_id: int) -> Row | None:
    return tx.conn.execute(sa.select(t.credential_status).where(_s.id == list_id)).mappings().one_or_none()


def set_bits(tx: Tx, list_id: int) -> list[int]:
    """The places of a list whose credentials have ended."""
    query = sa.select(_c.list_index).where(_c.list_id == list_id, _c.state.in_(ENDED)).order_by(_c.list_index)
    return list(tx.conn.execute(query).scalars())


def publish(tx: Tx, list_id: int, version: int, jwt: str) -> None:
    """Make a signed list public, unless a newer one is."""
    older = (_s.id == list_id) & (_s.published < version)
    tx.conn.execute(t.credential_status.update().where(older).values(published=version, jwt=jwt))


def publish_keys(tx: Tx, keys: Mapping[str, Mapping[str, Any]]) -> None:
    """Make public keys known, by their id; they stay."""
    rows = [{"kid": kid, "jwk": dict(jwk), "published_at": tx.now} for kid, jwk in keys.items()]
    tx.insert_many_ignoring(t.credential_key, rows)


def public_keys(tx: Tx) -> dict[str, dict[str, Any]]:
    """By key id, oldest first."""
    query = sa.select(t.credential_key).order_by(_k.published_at, _k.kid)
    return {row.kid: row.jwk for row in tx.conn.execute(query)}


def moment(at: datetime) -> str:
    """As credentials write it: UTC, to the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
