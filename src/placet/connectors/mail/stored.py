"""The embedded transport: the message stays readable in Placet and is sent nowhere."""

from datetime import timedelta

from placet.connectors.mail.message import address, message_id
from placet.connectors.mail.port import DeliveryReceipt, DeliveryStatus, Mail


class StoredMail:
    """Accepts every message with a valid address; the outbox that holds it is the mailbox."""

    longest = timedelta(0)

    def __init__(self, domain: str = "placet.invalid") -> None:
        self._domain = domain

    def accept(self, mail: Mail) -> DeliveryReceipt:
        """Raises MailRefused for an address that is none. It waits for nothing, so many go in one transaction."""
        address(mail.to)
        return DeliveryReceipt(status=DeliveryStatus.STORED, message_id=message_id(mail.key, self._domain))

    async def deliver(self, mail: Mail) -> DeliveryReceipt:
        return self.accept(mail)
