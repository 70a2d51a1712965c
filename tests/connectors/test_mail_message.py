"""Composed messages: whatever people write stays where it belongs."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from placet.connectors.mail.message import address, compose, message_id, one_line
from placet.connectors.mail.port import DeliveryStatus, Mail, MailRefused
from placet.connectors.mail.stored import StoredMail

SENDER = "placet@example.org"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def raw_headers(mail: Mail) -> Message:
    """The headers as they travel, still encoded."""
    return message_from_bytes(compose(mail, SENDER, "Placet", AT), policy=policy.compat32)


def decoded(words: str) -> str:
    return str(make_header(decode_header(words)))


def read_back(mail: Mail) -> EmailMessage:
    message = message_from_bytes(compose(mail, SENDER, "Placet", AT), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@given(name=st.text(max_size=200), subject=st.text(max_size=400))
@example(name="Zoë\r\nBcc: thief@example.com", subject="Hello\r\n\r\nbody")
@example(name='"Łukasz, the <boss>" \\', subject="\x00\x0b\u2028X-Evil: 1")
@example(name="é" * 150, subject="ж, " * 100)
@example(name="a" * 190 + ", b", subject="=?utf-8?q?Bcc:_x?=")
@example(name="=?utf-8?q?x=0d=0aBcc:_thief@example.com?=", subject="=?utf-8?q?=0d=0aBcc:_x@example.com?=")
def test_no_name_or_subject_can_add_a_header_or_change_the_recipient(name: str, subject: str) -> None:
    mail = Mail(key="k", to="zoe@example.com", to_name=name, subject=subject, text="Hello")
    message = raw_headers(mail)
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert [to for _, to in getaddresses([message["To"]])] == ["zoe@example.com"]
    assert all(len(line) <= 78 for line in message.as_string().splitlines())
    assert str(message.get_payload()).strip() == "Hello"


@pytest.mark.parametrize(
    "name", ["Zoë Müller", "Müller, Zoë (legal)", 'Ann "Ace" O\'Neil', "王小明", "a, b <c@d.e>", "Ж" * 60]
)
def test_names_and_subjects_arrive_as_written(name: str) -> None:
    message = raw_headers(Mail(key="k", to="zoe@example.com", to_name=name, subject=f"Für {name}: ☑", text="x"))
    ((phrase, _),) = getaddresses([message["To"]])
    assert decoded(phrase) == name
    assert decoded(message["Subject"]) == f"Für {name}: ☑"


@given(st.text())
def test_text_and_html_arrive_as_written(body: str) -> None:
    message = read_back(Mail(key="k", to="zoe@example.com", subject="s", text=body, html=f"<p>{body}</p>"))
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    lines = [line.decode() for line in body.encode().splitlines()] or [""]
    assert text.get_content() == "".join(f"{line}\r\n" for line in lines)
    assert html.get_content_type() == "text/html"


def test_the_message_id_depends_on_the_key_alone() -> None:
    first = read_back(Mail(key="case-1/task-3/due", to="zoe@example.com", subject="a", text="a"))
    again = read_back(Mail(key="case-1/task-3/due", to="zoe@example.com", subject="b", text="b"))
    other = read_back(Mail(key="case-1/task-4/due", to="zoe@example.com", subject="a", text="a"))
    assert first["Message-ID"] == again["Message-ID"] == message_id("case-1/task-3/due", "example.org")
    assert other["Message-ID"] != first["Message-ID"]


def test_case_and_extra_headers_are_carried_on_one_line() -> None:
    mail = Mail(
        key="k", to="zoe@example.com", subject="s", text="t", case_id="case\n1", headers=(("List-Id", "legal\r\nX: y"),)
    )
    message = read_back(mail)
    assert (message["X-Placet-Case"], message["List-Id"], message["X"]) == ("case 1", "legal X: y", None)
    assert message["Date"].datetime == AT


@pytest.mark.parametrize("name", ["To", "bcc", "Message-ID", "Content-Type", "X Y", "X:", "X\nBcc", "", "É"])
def test_a_header_the_transport_owns_or_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(MailRefused) as refused:
        compose(
            Mail(key="k", to="zoe@example.com", subject="s", text="t", headers=((name, "v"),)), SENDER, "Placet", AT
        )
    assert refused.value.code == "header-invalid"


@pytest.mark.parametrize(
    "wrong",
    [
        "", "zoe", "@example.com", "zoe@", "zoe@-x.org", "a b@example.com", "a@b@example.com", "zoe@example..com",
        "zoe@example.com, eve@example.com", "<zoe@example.com>", "zoe@example.com\r\nRCPT TO:<eve@example.com>",
        "zoe\x00@example.com", '"a b"@example.com', "zoe@[127.0.0.1]", ".zoe@example.com", "zoë@example.com",
        f"{'a' * 65}@example.com",
    ],
)  # fmt: skip
def test_anything_but_one_plain_address_is_refused(wrong: str) -> None:
    with pytest.raises(MailRefused) as refused:
        address(wrong)
    assert refused.value.code == "address-invalid"


def test_an_address_keeps_its_name_and_gets_an_ascii_domain() -> None:
    assert address(" Zoe+legal@bücher.example ") == "Zoe+legal@xn--bcher-kva.example"


def test_control_characters_and_line_breaks_become_one_space() -> None:
    assert one_line("a\r\n\tb\x00\u2028c\ud800 d ") == "a b c d"


async def test_the_embedded_transport_stores_and_still_refuses_a_wrong_address() -> None:
    receipt = await StoredMail().deliver(Mail(key="k", to="zoe@example.com", subject="s", text="t"))
    assert receipt.status is DeliveryStatus.STORED
    assert receipt.message_id == message_id("k", "placet.invalid")
    with pytest.raises(MailRefused):
        await StoredMail().deliver(Mail(key="k", to="nobody", subject="s", text="t"))
