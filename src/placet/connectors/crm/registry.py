"""The embedded partner registry, in the application database."""

from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from placet.connectors.crm.port import CrmRefused, Partner, PartnerStatus, Restoration, StatusChange
from placet.store.engine import Store, Tx
from placet.store.tables import crm_change, crm_partner


class PartnerRegistry:
    """Partners and every change of their status; two changes under one key at the same moment fail and are retried."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, partner_id: str) -> Partner | None:
        row = await self._store.read(
            lambda tx: tx.conn.execute(select(crm_partner).where(crm_partner.c.id == partner_id)).one_or_none()
        )
        if row is None:
            return None
        return Partner(id=row.id, name=row.name, email=row.email, status=PartnerStatus(row.status))

    async def set_status(self, key: str, change: StatusChange) -> PartnerStatus | None:
        return await self._store.write(lambda tx: _set_status(tx, key, change))

    async def restore(self, key: str, change: StatusChange) -> Restoration:
        return await self._store.write(lambda tx: _restore(tx, key, change))


def _set_status(tx: Tx, key: str, change: StatusChange) -> PartnerStatus | None:
    partner = _locked(tx, change.partner_id)
    if (done := _change(tx, key)) is not None:
        if done.undone_at is not None:
            raise CrmRefused("change-undone", f"{key} has been undone and cannot be made again.")
        if (done.partner_id, done.to_status) != (change.partner_id, change.status):
            raise CrmRefused("change-key-reused", f"{key} has already made another change.")
        return _status(done.from_status)

    now = {"status": change.status.value, "change_key": key, "updated_at": tx.now, "name": change.name}
    if partner is None:
        tx.conn.execute(insert(crm_partner).values(id=change.partner_id, email=change.email, **now))
    else:
        email = change.email or partner.email
        tx.conn.execute(update(crm_partner).where(crm_partner.c.id == partner.id).values(email=email, **now))
    before = None if partner is None else partner.status
    _record(tx, key, change, from_status=before, undone_at=None)
    return _status(before)


def _restore(tx: Tx, key: str, change: StatusChange) -> Restoration:
    partner = _locked(tx, change.partner_id)
    done = _change(tx, key)
    if done is None:
        # An attempt may still be on its way: this record refuses it.
        _record(tx, key, change, from_status=None, undone_at=tx.now)
        return Restoration.PREVENTED
    if done.undone_at is not None:
        return Restoration.ALREADY_UNDONE
    tx.conn.execute(update(crm_change).where(crm_change.c.key == key).values(undone_at=tx.now))
    if partner is None or partner.change_key != key:
        return Restoration.SUPERSEDED
    if done.from_status is None:
        tx.conn.execute(delete(crm_partner).where(crm_partner.c.id == partner.id))
    else:
        tx.conn.execute(
            update(crm_partner)
            .where(crm_partner.c.id == partner.id)
            .values(status=done.from_status, change_key=_key_before(tx, done), updated_at=tx.now)
        )
    return Restoration.RESTORED


def _locked(tx: Tx, partner_id: str) -> Row[Any] | None:
    return tx.conn.execute(select(crm_partner).where(crm_partner.c.id == partner_id).with_for_update()).one_or_none()


def _change(tx: Tx, key: str) -> Row[Any] | None:
    return tx.conn.execute(select(crm_change).where(crm_change.c.key == key)).one_or_none()


def _key_before(tx: Tx, done: Row[Any]) -> str | None:
    """The change that is in force again, so that it can be undone in its turn."""
    earlier = (
        select(crm_change.c.key)
        .where(crm_change.c.partner_id == done.partner_id, crm_change.c.key != done.key)
        .where(crm_change.c.undone_at.is_(None), crm_change.c.to_status == done.from_status)
        .order_by(crm_change.c.at.desc())
        .limit(1)
    )
    return tx.conn.execute(earlier).scalar_one_or_none()


def _record(tx: Tx, key: str, change: StatusChange, **outcome: Any) -> None:
    tx.conn.execute(
        insert(crm_change).values(
            key=key, partner_id=change.partner_id, to_status=change.status.value, at=tx.now, **outcome
        )
    )


def _status(text: str | None) -> PartnerStatus | None:
    return None if text is None else PartnerStatus(text)
