"""What a browser is asked when somebody makes or shows a passkey, and whether what it answers is true. No database."""

import base64
import hashlib
import hmac
import ipaddress
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from placet.domain.people import Person

LIFE = timedelta(minutes=5)
PORTS = {"http": 80, "https": 443}


class Purpose(StrEnum):
    """What a challenge is for; it is good for nothing else."""

    SIGN_IN = "sign-in"
    CONFIRM = "confirm"
    REGISTER = "register"


class Unproved(Exception):
    """The answer does not prove anything."""


@dataclass(frozen=True)
class Site:
    """What passkeys belong to: the domain, and the address at which browsers must have been."""

    domain: str
    origin: str


@dataclass(frozen=True)
class Answer:
    """What a browser sent, read but not believed."""

    credential: str
    challenge: str
    handle: str | None
    sent: dict[str, Any]


@dataclass(frozen=True)
class NewKey:
    """A key that a device has made."""

    credential: str
    public_key: bytes
    count: int
    transports: tuple[str, ...]


def site_of(base_url: str, host: str) -> Site | None:
    """The site of this installation; on one machine, whatever name of it the browser was given. None at an address
    made of numbers, for which browsers make no passkeys."""
    try:
        url = urlsplit(base_url)
        if _is_loopback(url.hostname):
            url = urlsplit(f"{url.scheme}://{host}")
            if not _is_loopback(url.hostname):
                return None
        name, port = url.hostname or "", url.port
    except ValueError:
        return None
    if not name or _is_number(name):
        return None
    return Site(name, f"{url.scheme}://{name}" + (f":{port}" if port not in (None, PORTS.get(url.scheme)) else ""))


def _is_loopback(name: str | None) -> bool:
    if not name or not _is_number(name):
        return name == "localhost" or (name or "").endswith(".localhost")
    return ipaddress.ip_address(name).is_loopback


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def challenge(secret: str, purpose: Purpose, bound: str, now: datetime) -> str:
    """A question that is good for a few minutes, for one purpose and one session; nothing of it is kept."""
    body = int((now + LIFE).timestamp()).to_bytes(8, "big") + secrets.token_bytes(16)
    return _text(body + _signature(secret, purpose, bound, body))


def expiry(secret: str, purpose: Purpose, bound: str, challenge: str, now: datetime) -> datetime | None:
    """Until when the challenge is good; None when it is not ours, for another purpose or session, or past its time."""
    try:
        raw = _raw(challenge)
    except ValueError:
        return None
    body, signature = raw[:24], raw[24:]
    if not hmac.compare_digest(signature, _signature(secret, purpose, bound, body)) or _text(raw) != challenge:
        return None
    expires = datetime.fromtimestamp(int.from_bytes(body[:8], "big"), UTC)
    return expires if now < expires else None


def handle(person_id: str) -> str:
    """Who a passkey is of, as its device knows it; it says nothing about the person."""
    return _text(hashlib.sha256(f"placet-passkey\x00{person_id}".encode()).digest())


def asking(site: Site, challenge: str, keys: Sequence[Any] = ()) -> str:
    """What `navigator.credentials.get` is given; without keys any passkey of the site will do."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    options = webauthn.generate_authentication_options(
        rp_id=site.domain,
        challenge=_raw(challenge),
        timeout=int(LIFE.total_seconds() * 1000),
        allow_credentials=_described(keys),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


def making(site: Site, challenge: str, person: Person, keys: Sequence[Any]) -> str:
    """What `navigator.credentials.create` is given; a device makes one key for each person."""
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=site.domain,
        rp_name="Placet",
        user_id=_raw(handle(person.id)),
        user_name=person.email or person.id,
        user_display_name=person.name,
        challenge=_raw(challenge),
        timeout=int(LIFE.total_seconds() * 1000),
        exclude_credentials=_described(keys),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
    )
    return webauthn.options_to_json(options)


def read(text: str) -> Answer:
    """Raises Unproved for what no browser sends."""
    try:
        sent = json.loads(text)
        response = sent["response"]
        client = json.loads(_raw(response["clientDataJSON"]))
        given = response.get("userHandle")
        found = Answer(sent["id"], client["challenge"], given, sent)
        # Both are looked for in the database, which takes no text that is none.
        if client.get("crossOrigin") or not _raw(found.credential) or not _raw(found.challenge):
            raise Unproved
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unproved from error
    return found


def shown(site: Site, answer: Answer, public_key: bytes) -> int:
    """How often the device says this key has been used, when it did sign the challenge; raises Unproved."""
    import webauthn

    # Whether the number has grown is asked of the row, under its lock.
    try:
        proof = webauthn.verify_authentication_response(
            credential=answer.sent,
            expected_challenge=_raw(answer.challenge),
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:
        # Beside its own errors the library lets those of what it reads with through, whatever they are.
        raise Unproved from error
    return proof.new_sign_count


def made(site: Site, answer: Answer) -> NewKey:
    """The key that a device has made for the challenge; raises Unproved."""
    import webauthn

    try:
        proof = webauthn.verify_registration_response(
            credential=answer.sent,
            expected_challenge=_raw(answer.challenge),
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            require_user_verification=True,
        )
        told = webauthn.helpers.parse_registration_credential_json(answer.sent).response.transports or []
    except Exception as error:
        raise Unproved from error
    transports = tuple(dict.fromkeys(one.value for one in told))
    return NewKey(_text(proof.credential_id), proof.credential_public_key, proof.sign_count, transports)


def _described(keys: Sequence[Any]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=_raw(key.credential), transports=[AuthenticatorTransport(one) for one in key.transports] or None
        )
        for key in keys
    ]


def _signature(secret: str, purpose: Purpose, bound: str, body: bytes) -> bytes:
    if len(secret) < 32:
        raise RuntimeError("passkeys need a secret of at least 32 characters")
    told = f"placet-passkey\x00{purpose}\x00{bound}\x00".encode()
    return hmac.new(secret.encode(), told + body, hashlib.sha256).digest()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
