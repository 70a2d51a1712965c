"""Who signs with which wallet. Every change is a line of the `@registry` chain, and a mail to its person."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.domain.people import Person
from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.store import notices
from placet.store import tables as t
from placet.store.audit import append
from placet.store.engine import Tx

_w = t.wallet.c


class Wallet(NamedTuple):
    address: str
    registered_by: str
    at: datetime


def find(tx: Tx, person_id: str) -> Wallet | None:
    row = tx.conn.execute(sa.select(_w.address, _w.registered_by, _w.at).where(_w.person_id == person_id)).one_or_none()
    return Wallet(*row) if row else None


def holder(tx: Tx, address: str) -> str | None:
    """Who has registered this wallet."""
    return tx.conn.execute(sa.select(_w.person_id).where(_w.address == address)).scalar_one_or_none()


def register(tx: Tx, actor: str, person: Person, address: str) -> Refusal | None:
    """Make this the wallet of the person, in place of an earlier one, unless it is somebody else's.

    The caller has checked the address. Councils that are open already keep the wallets they were opened with.
    """
    # One at a time: else two could register the same wallet.
    tx.conn.execute(sa.select(t.chain_head.c.seq).where(t.chain_head.c.chain == REGISTRY).with_for_update())
    if holder(tx, address) not in (None, person.id):
        return Refusal(code="wallet-taken", detail=Said("This is the wallet of somebody else."), field="address")
    before = find(tx, person.id)
    if before is not None and before.address == address:
        return None
    row = {"address": address, "registered_by": actor, "at": tx.now}
    if before is None:
        tx.conn.execute(t.wallet.insert().values(person_id=person.id, **row))
    else:
        tx.conn.execute(t.wallet.update().where(_w.person_id == person.id).values(row))
    earlier = before.address if before else None
    line = append(
        tx, REGISTRY, actor, "wallet.registered", {"person": person.id, "wallet": address, "earlier": earlier}
    )
    text = Said(
        "%(actor)s has registered %(address)s as your wallet: councils that open from now on count your approval only "
        "with its signature.",
        actor=actor,
        address=address,
    )
    warning = Said("If that is not your wallet, tell an administrator at once.")
    leads = notices.leads(Said("Your account"), tx.house.page("/account"))
    to = (person.id, person.name, person.email)
    subject = Said("Your wallet was registered")
    notices.write(tx, f"wallet/{person.id}/{line.seq}", to, subject, text, warning, leads)
    return None
