"""The embedded delivery: a mail with a signed, expiring link, behind which the holder fetches the credential."""

from placet.connectors.credentials.port import Parcel
from placet.connectors.delivery.port import Delivered
from placet.domain.said import Said, together
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
    until = Said("It is valid until %(day)s.", day=parcel.valid_until) if parcel.valid_until else ""
    text = (
        together(Said("your credential “%(badge)s” has been issued.", badge=parcel.badge), until),
        notices.leads(Said("Fetch it here"), link),
        Said(
            "Put it into your wallet. Whoever has this link can fetch it, so keep it to yourself. It works for "
            "%(days)s days; afterwards sign in and fetch it.",
            days=tx.house.link_life.days,
        ),
    )
    to = (parcel.holder, parcel.name, parcel.email)
    subject = Said("Your credential: %(badge)s", badge=parcel.badge)
    notices.write(tx, key, to, subject, *text, case_id=parcel.case_id)
