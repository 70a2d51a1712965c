"""Mail to people: what a message is, what delivering it answers, and the two ways it can fail."""

from enum import StrEnum
from typing import Protocol

from placet.domain.model import Durable


class Mail(Durable):
    """One message to one person.

    `key` identifies the message for ever: delivering it again is recognisable as a repeat. `headers` are
    extra (name, value) pairs; those that the transport itself sets cannot be given.
    """

    key: str
    to: str
    to_name: str = ""
    subject: str
    text: str
    html: str | None = None
    case_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class DeliveryStatus(StrEnum):
    """`accepted`: a mail server has taken it; `stored`: it can be read in Placet and was sent nowhere."""

    ACCEPTED = "accepted"
    STORED = "stored"


class DeliveryReceipt(Durable):
    """Proof of one delivery; `answer` is what the mail server said."""

    status: DeliveryStatus
    message_id: str
    answer: str = ""


class MailRefused(Exception):
    """Sending the same message again cannot help; `code` is stable and says what has to change.

    Codes: `address-invalid`, `header-invalid`, `recipient-refused`, `sender-refused`, `message-refused`,
    `login-refused`, `server-unsuitable`. The last two concern the settings and not this message.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def concerns_settings(self) -> bool:
        return self.code in {"login-refused", "server-unsuitable"}


class MailUnavailable(Exception):
    """The message may be sent again later; it may even have arrived, so its Message-ID stays the same."""


class MailTransport(Protocol):
    """Hands messages on. Raises MailRefused or MailUnavailable."""

    async def deliver(self, mail: Mail) -> DeliveryReceipt: ...
