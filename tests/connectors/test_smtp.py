"""The SMTP client against a real server on loopback."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from pydantic import ValidationError

from placet.connectors.mail.message import message_id
from placet.connectors.mail.port import DeliveryStatus, Mail, MailRefused, MailUnavailable
from placet.connectors.mail.smtp import SmtpMail, SmtpSettings

LOGIN = {"MAIL_USER": "placet", "MAIL_PASSWORD": "correct horse"}
MAIL = Mail(key="case-1/legal/due", to="zoe@example.com", to_name="Zoë Müller", subject="Bitte prüfen", text="Grüße\n")


class Mailbox:
    """Takes messages, or gives the answers it was told to give."""

    def __init__(self, **answers: str) -> None:
        self.received: list[Envelope] = []
        self._answers = answers

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        envelope.mail_from = address
        return self._answers.get("sender", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if answer := self._answers.get("recipient"):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if answer := self._answers.get("data"):
            return answer
        self.received.append(envelope)
        return "250 queued as 1"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, login: LoginPassword) -> AuthResult:
    # Not handled: otherwise the server leaves the client without an answer.
    return AuthResult(success=login == LoginPassword(b"placet", b"correct horse"), handled=False)


@asynccontextmanager
async def serving(new_protocol: Callable[[], asyncio.BaseProtocol], **options: Any) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(new_protocol, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def mail_server(mailbox: Mailbox, tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    options = {"hostname": "mail.test", **options}
    async with serving(lambda: SMTP(mailbox, **options), ssl=tls) as port:
        yield port


def smtp(port: int, environment: dict[str, str] | None = None, **changes: Any) -> SmtpMail:
    settings = {"host": "127.0.0.1", "port": port, "tls": "none", "sender": "placet@example.org", "timeout_seconds": 60}
    return SmtpMail(SmtpSettings.model_validate(settings | changes), environment or {})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of a server on loopback, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "server.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    pem.write_text(pem.read_text() + key.read_text())
    return pem


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_message_arrives_with_its_names_and_text_as_written() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        receipt = await smtp(port).deliver(MAIL.model_copy(update={"html": "<p>Grüße</p>", "case_id": "case-1"}))
    assert receipt.status is DeliveryStatus.ACCEPTED
    assert receipt.answer == "queued as 1"
    (envelope,) = mailbox.received
    assert (envelope.mail_from, envelope.rcpt_tos) == ("placet@example.org", ["zoe@example.com"])
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert message["To"].addresses[0].display_name == "Zoë Müller"
    assert (message["Subject"], message["X-Placet-Case"]) == ("Bitte prüfen", "case-1")
    assert message["Message-ID"] == receipt.message_id == message_id(MAIL.key, "example.org")
    assert b"Gr=C3=BC=C3=9Fe" in envelope.content
    assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]


async def test_a_repeat_carries_the_same_message_id() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        receipts = [await smtp(port).deliver(MAIL) for _ in range(2)]
    assert len(mailbox.received) == 2
    assert receipts[0].message_id == receipts[1].message_id


async def test_a_line_with_a_single_dot_does_not_end_the_message() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        await smtp(port).deliver(MAIL.model_copy(update={"text": "one\n.\nRCPT TO:<eve@example.com>\n"}))
    (envelope,) = mailbox.received
    assert envelope.rcpt_tos == ["zoe@example.com"]
    assert isinstance(envelope.content, bytes)
    assert envelope.content.endswith(b"one\r\n.\r\nRCPT TO:<eve@example.com>\r\n")


async def test_starttls_encrypts_before_login_and_message(certificate: Path, server_tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    options: dict[str, Any] = {
        "tls_context": server_tls,
        "require_starttls": True,
        "authenticator": authenticate,
        "auth_required": True,
    }
    async with mail_server(mailbox, **options) as port:
        login = {"username_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}
        await smtp(port, LOGIN, tls="starttls", ca_file=str(certificate), **login).deliver(MAIL)
    assert len(mailbox.received) == 1


async def test_implicit_tls_works(certificate: Path, server_tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox, tls=server_tls) as port:
        await smtp(port, tls="tls", ca_file=str(certificate)).deliver(MAIL)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_nobody_vouches_for_is_refused(tls: str, server_tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    options: dict[str, Any] = {"tls": server_tls} if tls == "tls" else {"tls_context": server_tls}
    async with mail_server(mailbox, **options) as port:
        with pytest.raises(MailRefused) as refused:
            await smtp(port, tls=tls).deliver(MAIL)
    assert refused.value.code == "server-unsuitable"
    assert refused.value.concerns_settings
    assert mailbox.received == []


async def test_a_server_without_starttls_gets_no_message_in_the_clear() -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as port:
        with pytest.raises(MailRefused) as refused:
            await smtp(port, tls="starttls").deliver(MAIL)
    assert refused.value.code == "server-unsuitable"
    assert mailbox.received == []


@pytest.mark.parametrize(
    ("at", "answer", "code"),
    [
        ("recipient", "550 5.1.1 No such user", "recipient-refused"),
        ("sender", "553 5.1.8 Sender rejected", "sender-refused"),
        ("data", "554 5.7.1 Looks like spam", "message-refused"),
    ],
)
async def test_a_lasting_refusal_says_what_was_refused(at: str, answer: str, code: str) -> None:
    async with mail_server(Mailbox(**{at: answer})) as port:
        with pytest.raises(MailRefused) as refused:
            await smtp(port).deliver(MAIL)
    assert refused.value.code == code
    assert answer in str(refused.value)
    assert not refused.value.concerns_settings


@pytest.mark.parametrize("at", ["recipient", "sender", "data"])
async def test_a_passing_refusal_may_be_tried_again(at: str) -> None:
    async with mail_server(Mailbox(**{at: "451 4.3.0 Try again later"})) as port:
        with pytest.raises(MailUnavailable, match=r"451 4\.3\.0 Try again later"):
            await smtp(port).deliver(MAIL)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_wrong_password_is_a_matter_of_the_settings() -> None:
    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    login = {"username_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}
    async with mail_server(Mailbox(), **options) as port:
        with pytest.raises(MailRefused) as refused:
            await smtp(port, LOGIN | {"MAIL_PASSWORD": "wrong"}, **login).deliver(MAIL)
    assert refused.value.code == "login-refused"
    assert refused.value.concerns_settings
    assert "wrong" not in str(refused.value)


async def test_no_server_at_the_port_may_be_tried_again() -> None:
    with socket.socket() as reserved:
        # Bound but not listening: connections are refused and nobody else can take the port.
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(MailUnavailable):
            await smtp(reserved.getsockname()[1]).deliver(MAIL)


async def test_a_silent_server_is_given_up_after_the_timeout() -> None:
    async with serving(asyncio.Protocol) as port:
        with pytest.raises(MailUnavailable):
            await smtp(port, timeout_seconds=0.2).deliver(MAIL)


async def test_a_server_that_hangs_up_may_be_tried_again() -> None:
    class HangUp(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transport.close()

    async with serving(HangUp) as port:
        with pytest.raises(MailUnavailable):
            await smtp(port).deliver(MAIL)


async def test_a_wrong_address_is_refused_before_any_connection() -> None:
    with pytest.raises(MailRefused) as refused:
        await smtp(1).deliver(MAIL.model_copy(update={"to": "zoe@example.com\r\nDATA"}))
    assert refused.value.code == "address-invalid"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ValueError, match="MAIL_PASSWORD"):
        smtp(25, {"MAIL_USER": "placet"}, username_env="MAIL_USER", password_env="MAIL_PASSWORD")


def test_a_wrong_sender_is_told_at_start() -> None:
    with pytest.raises(ValueError, match="sender"):
        smtp(25, sender="nobody")


def test_a_password_in_the_clear_over_the_network_is_refused() -> None:
    with pytest.raises(ValidationError, match="unencrypted"):
        smtp(25, LOGIN, host="mail.example.com", username_env="MAIL_USER", password_env="MAIL_PASSWORD")
