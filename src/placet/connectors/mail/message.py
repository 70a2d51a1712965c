"""Turn a Mail into an RFC 5322 message in which no text of a user can become a header."""

import hashlib
import re
import unicodedata
from base64 import b64encode
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from placet.connectors.mail.port import Mail, MailRefused

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}")
_PLAIN = re.compile(r"[\x20-\x7e]{1,60}")
_FOLD = "\r\n "
_OWN_HEADERS = {
    "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "auto-submitted",
    "x-placet-case", "mime-version", "return-path", "received",
}  # fmt: skip


def message_id(key: str, domain: str) -> str:
    """The same key gives the same Message-ID, so a receiver can recognise a repeat."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def address(text: str) -> str:
    """One plain address with its domain in ASCII form; anything else raises MailRefused."""
    local, at, domain = text.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_domain = ""
    labels_fit = all(_DOMAIN_LABEL.fullmatch(label) for label in ascii_domain.split("."))
    if not (at and labels_fit and _LOCAL.fullmatch(local)) or len(local) > 64 or len(ascii_domain) > 253:
        raise MailRefused("address-invalid", f"{one_line(text)!r} is not a mail address. Correct it and send again.")
    return f"{local}@{ascii_domain}"


def compose(mail: Mail, sender: str, sender_name: str, at: datetime) -> bytes:
    """The message as sent at `at` by the checked address `sender`; raises MailRefused for what cannot be sent.

    Headers are written here and not by the standard library, whose folding drops the quotes of long names and
    unpacks encoded words that a user has typed.
    """
    headers = [
        ("From", _mailbox(sender_name, sender)),
        ("To", _mailbox(mail.to_name, address(mail.to))),
        ("Subject", _words(mail.subject)),
        ("Date", format_datetime(at)),
        ("Message-ID", message_id(mail.key, sender.rpartition("@")[2])),
        # Keeps out-of-office answers from coming back (RFC 3834).
        ("Auto-Submitted", "auto-generated"),
    ]
    if mail.case_id is not None:
        headers.append(("X-Placet-Case", _words(mail.case_id)))
    for name, value in mail.headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS or name.lower().startswith("content-"):
            raise MailRefused("header-invalid", f"The header {one_line(name)!r} cannot be set on a message.")
        headers.append((name, _words(value)))
    head = "".join(f"{name}:{_FOLD if len(name) + len(value) > 74 else ' '}{value}\r\n" for name, value in headers)
    return head.encode("ascii") + _body(mail).as_bytes()


def one_line(text: str) -> str:
    """Runs of white space, line breaks and control characters become one space."""
    visible = "".join(" " if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} else char for char in text)
    return " ".join(visible.split())


def _mailbox(name: str, checked_address: str) -> str:
    phrase = _encoded(name) if one_line(name) else ""
    return f"{phrase}{_FOLD}<{checked_address}>" if phrase else f"<{checked_address}>"


def _words(text: str) -> str:
    """Short plain text as it is, everything else as encoded words."""
    line = one_line(text)
    return line if _PLAIN.fullmatch(line) and "=?" not in line else _encoded(line)


def _encoded(text: str) -> str:
    """RFC 2047 encoded words of at most 75 characters, one to a line."""
    chunks = [b""]
    for character in one_line(text):
        encoded = character.encode()
        # 45 bytes are 60 in base64; a character never straddles two words.
        if len(chunks[-1]) + len(encoded) > 45:
            chunks.append(b"")
        chunks[-1] += encoded
    return _FOLD.join(f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in chunks if chunk)


def _body(mail: Mail) -> EmailMessage:
    body = EmailMessage(policy=SMTP)
    body.set_content(_encodable(mail.text), cte="quoted-printable")
    if mail.html is not None:
        body.add_alternative(_encodable(mail.html), subtype="html", cte="quoted-printable")
    return body


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
