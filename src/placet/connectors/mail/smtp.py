"""Mail through an SMTP server."""

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from placet.connectors.mail.message import address, compose, message_id, one_line
from placet.connectors.mail.port import DeliveryReceipt, DeliveryStatus, Mail, MailRefused, MailUnavailable
from placet.domain.model import Strict

if TYPE_CHECKING:
    from aiosmtplib import SMTP


class SmtpSettings(Strict):
    """Where and how to send; a password is never a setting, only the name of the variable that holds it."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    sender: str
    sender_name: str = "Placet"
    username_env: str | None = None
    password_env: str | None = None
    ca_file: str | None = None
    timeout_seconds: float = Field(default=30, gt=0)

    @model_validator(mode="after")
    def _login_is_safe(self) -> Self:
        if (self.username_env is None) != (self.password_env is None):
            raise ValueError("Set both username_env and password_env, or neither.")
        if self.username_env is not None and self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("A password must not cross the network unencrypted. Set tls to starttls or tls.")
        return self


class SmtpMail:
    """Sends each message over a connection of its own."""

    def __init__(self, settings: SmtpSettings, environment: Mapping[str, str]) -> None:
        """Read the login from `environment`; raises ValueError when a named variable is missing."""
        self._settings = settings
        try:
            self._sender = address(settings.sender)
        except MailRefused as refused:
            raise ValueError(f"mail.sender: {refused}") from refused
        self._domain = self._sender.rpartition("@")[2]
        self._username = _variable(environment, settings.username_env)
        self._password = _variable(environment, settings.password_env)
        # The timeout is for each of the half dozen exchanges of a delivery.
        self.longest = timedelta(seconds=10 * settings.timeout_seconds)
        self._tls = None if settings.tls == "none" else ssl.create_default_context(cafile=settings.ca_file)

    async def deliver(self, mail: Mail) -> DeliveryReceipt:
        import aiosmtplib

        message = compose(mail, self._sender, self._settings.sender_name, datetime.now(UTC))
        recipient = address(mail.to)
        try:
            async with asyncio.timeout(self.longest.total_seconds()), self._client() as client:
                _, answer = await client.sendmail(self._sender, [recipient], message)
        except aiosmtplib.SMTPException as error:
            raise _fault(error) from error
        except ssl.SSLError as error:
            raise MailRefused("server-unsuitable", f"No secure connection to {self._settings.host}: {error}") from error
        except OSError as error:
            raise MailUnavailable(f"The mail server {self._settings.host} cannot be reached: {error}") from error
        return DeliveryReceipt(
            status=DeliveryStatus.ACCEPTED, message_id=message_id(mail.key, self._domain), answer=one_line(answer)
        )

    def _client(self) -> "SMTP":
        from aiosmtplib import SMTP

        return SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            # Otherwise the library asks DNS for this machine's name, which blocks.
            local_hostname=self._domain,
            username=self._username,
            password=self._password,
            timeout=self._settings.timeout_seconds,
            use_tls=self._settings.tls == "tls",
            start_tls=self._settings.tls == "starttls",
            tls_context=self._tls,
        )


def _fault(error: Exception) -> MailRefused | MailUnavailable:
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        error = error.recipients[0]
    # The bare exception is the library's way to say that STARTTLS or a login is not offered.
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return MailRefused("server-unsuitable", f"The mail server cannot take this message: {error}")
    if isinstance(error.__cause__, ssl.SSLError):
        return MailRefused("server-unsuitable", f"No secure connection to the mail server: {error.__cause__}")
    if not isinstance(error, aiosmtplib.SMTPResponseException):
        return MailUnavailable(f"The mail server did not answer: {error}")
    said = f"{error.code} {one_line(error.message)}"
    if error.code < 500:
        return MailUnavailable(f"The mail server asks to try again later: {said}")
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return MailRefused("login-refused", f"The mail server refused the login: {said}")
        case aiosmtplib.SMTPRecipientRefused():
            return MailRefused("recipient-refused", f"The mail server refused {error.recipient}: {said}")
        case aiosmtplib.SMTPSenderRefused():
            return MailRefused("sender-refused", f"The mail server refused the sender {error.sender}: {said}")
        case aiosmtplib.SMTPDataError():
            return MailRefused("message-refused", f"The mail server refused the message: {said}")
        case _:
            return MailRefused("server-unsuitable", f"The mail server refused the connection: {said}")


def _variable(environment: Mapping[str, str], name: str | None) -> str | None:
    if name is None:
        return None
    value = environment.get(name)
    if not value:
        raise ValueError(f"The environment variable {name} is empty. Set it to the mail server's login.")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
