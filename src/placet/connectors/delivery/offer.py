"""The embedded delivery: a mail with a signed, expiring link, behind which the holder fetches the credential."""

from placet.connectors.credentials.port import Parcel
from placet.connectors.delivery.port import Delivered
from placet.store import notices
from placet.store.engine import Store, Tx


class OfferByMail:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def deliver(self, key: str, parcel: Parcel) -> Delivered:
        await self._store.write(lambda tx: _offer(tx, key, parcel))
        return Delivered(way="offer", reference=parcel.email)


def _offer(tx: Tx, key: str, parcel: Parcel) -> None:
    link = tx.house.offer(parcel.credential, parcel.holder, tx.now)
    until = f" It is valid until {parcel.valid_until}." if parcel.valid_until else ""
    text = (
        f"Hello {parcel.name},\n\nyour credential “{parcel.badge}” has been issued.{until}\n\nFetch it here: {link}\n\n"
        "Put it into your wallet. Whoever has this link can fetch it, so keep it to yourself. It works for "
        f"{tx.house.link_life.days} days; afterwards sign in and fetch it.\n"
    )
    to = (parcel.holder, parcel.name, parcel.email)
    notices.queue(tx, key, to, f"Your credential: {parcel.badge}", text, parcel.case_id)
