"""Mail to people: what a message is, what delivering it answers, and the two ways it can fail."""

from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from pydantic import Field
from temporalio import activity

from placet.domain.model import Durable
from placet.domain.step import Step


class Mail(Durable):
    """One message to one person.

    `key` identifies the message for ever: delivering it again is recognisable as a repeat. `headers` are
    extra (name, value) pairs; those that the transport itself sets cannot be given. `leads`: it ends with a sentence of
    ours, so the last of our own addresses in it may become a link.
    """

    key: str
    to: str
    to_name: str = ""
    subject: str
    text: str
    html: str | None = None
    case_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    leads: bool = True


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
    """Hands messages on. Raises MailRefused or MailUnavailable.

    No delivery takes longer than `longest`: one of which nothing was heard by then was cut short, and is tried again.
    """

    @property
    def longest(self) -> timedelta: ...

    async def deliver(self, mail: Mail) -> DeliveryReceipt: ...


class Letter(Durable):
    """A mail that a case sends to somebody as one of its steps, and what to write if it has to be taken back."""

    to_name: str = Field(max_length=200)
    to_email: str = Field(max_length=320)
    subject: str = Field(max_length=200)
    text: str = Field(max_length=20_000)
    retraction: str = Field(max_length=20_000)


class Outbox(Protocol):
    """Where the mails of a case are put; they leave from there, each once by its key."""

    async def post(self, key: str, case_id: str, letter: Letter) -> None: ...

    async def retract(self, key: str, case_id: str, letter: Letter) -> None:
        """Take a letter back: unsent, it never leaves, now or later; sent, the retraction follows it."""
        ...


class MailActivities:
    """Mail as a step of a case."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @activity.defn(name="mail.send")
    async def send(self, step: Step, letter: Letter) -> None:
        await self._outbox.post(step.key, step.case_id, letter)

    @activity.defn(name="mail.retract")
    async def retract(self, step: Step, letter: Letter) -> None:
        await self._outbox.retract(step.undone_key, step.case_id, letter)
