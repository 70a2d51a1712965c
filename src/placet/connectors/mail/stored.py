"""The embedded transport: the message stays readable in Placet and is sent nowhere."""

from datetime import timedelta

from placet.connectors.mail.message import address, message_id
from placet.connectors.mail.port import DeliveryReceipt, DeliveryStatus, Mail


class StoredMail:
    """Accepts every message with a valid address; the outbox that holds it is the mailbox."""

    longest = timedelta(0)

    def __init__(self, domain: str = "placet.invalid") -> None:
        self._domain = domain

    async def deliver(self, mail: Mail) -> DeliveryReceipt:
        address(mail.to)
        return DeliveryReceipt(status=DeliveryStatus.STORED, message_id=message_id(mail.key, self._domain))
