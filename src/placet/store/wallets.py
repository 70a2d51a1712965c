"""Who signs with which wallet. Every change is a line of the `@registry` chain, and a mail to its person."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from placet.domain.audit import REGISTRY
from placet.domain.people import Person
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


def register(tx: Tx, actor: str, person: Person, address: str) -> bool:
    """Make this the wallet of the person, in place of an earlier one; whether that changed anything.

    The caller holds the registry, and has checked the address and that it is nobody else's. Councils that are open
    already keep the wallets they were opened with.
    """
    before = find(tx, person.id)
    if before is not None and before.address == address:
        return False
    row = {"address": address, "registered_by": actor, "at": tx.now}
    if before is None:
        tx.conn.execute(t.wallet.insert().values(person_id=person.id, **row))
    else:
        tx.conn.execute(t.wallet.update().where(_w.person_id == person.id).values(row))
    earlier = before.address if before else None
    detail = {"person": person.id, "wallet": address, "earlier": earlier}
    line = append(tx, REGISTRY, actor, "wallet.registered", detail)
    text = (
        f"Hello {person.name},\n\n{actor} has registered {address} as your wallet: councils that open from now on "
        f"count your approval only with its signature.\n\nIf that is not your wallet, tell an administrator at once.\n"
    )
    to = (person.id, person.name, person.email)
    notices.queue(tx, f"wallet/{person.id}/{line.seq}", to, "Your wallet was registered", text)
    return True
