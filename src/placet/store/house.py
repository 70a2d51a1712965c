"""What every transaction knows of the installation: its address, and the secret that signs links."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from placet.domain.currency import Currencies
from placet.domain.intent import Intent
from placet.domain.said import later
from placet.domain.signature import CannotRecover

SignerOf = Callable[[Intent, str], str]
"""The wallet that signed this intent; raises BadSignature, or CannotRecover where signatures cannot be checked."""


def no_signer(intent: Intent, signature: str) -> str:
    raise CannotRecover(later("This installation cannot check the signatures of wallets."))


class BadLink(Exception):
    """The link is malformed or was not signed here."""


class LinkExpired(BadLink):
    """The link was real, and is past its time."""


class RefusalBudget:
    """How many refused acts a minute are audited for one actor; the rest is only counted."""

    def __init__(self, per_minute: int = 60) -> None:
        self.per_minute = per_minute
        self.dropped = 0
        self._lock = threading.Lock()
        self._minute = 0
        self._used: dict[str, int] = {}

    def allows(self, actor: str) -> bool:
        minute = int(time.monotonic() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._used = minute, {}
            used = self._used[actor] = self._used.get(actor, 0) + 1
            self.dropped += used > self.per_minute
            return used <= self.per_minute


LINK, OFFER = b"placet-link\x00", b"placet-offer\x00"
WALLET = b"placet-wallet\x00"


@dataclass(frozen=True)
class House:
    """`issuer_name` is who signs credentials, for people to read; `currencies` are what payments are told in."""

    base_url: str = "http://127.0.0.1:8400"
    secret: str = ""
    link_life: timedelta = timedelta(days=60)
    issuer_name: str = "Placet"
    currencies: Currencies = field(default_factory=Currencies)
    refusals: RefusalBudget = field(default_factory=RefusalBudget, compare=False)
    signer_of: SignerOf = field(default=no_signer, compare=False)

    def page(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}{path}"

    def link(self, decision_id: str, person: str, now: datetime) -> str:
        """The address at which somebody outside the organisation answers; opening it decides nothing."""
        return self.page(f"/l/{self.link_token(decision_id, person, now)}")

    def link_token(self, decision_id: str, person: str, now: datetime) -> str:
        return self._token(LINK, decision_id, person, now)

    def wallet_challenge(self, person: str, address: str) -> str:
        """What a wallet signs to prove itself here, and nowhere else."""
        return _encoded(self._signature(WALLET, f"{person}\x00{address}".encode()))

    def read_link(self, token: str, now: datetime) -> tuple[str, str]:
        """`(decision id, person)`; raises BadLink or LinkExpired."""
        return self._read(LINK, token, now)

    def offer(self, credential: str, holder: str, now: datetime) -> str:
        """The address at which a holder fetches a credential, once or often, until the link expires."""
        return self.page(f"/credentials/{self._token(OFFER, credential, holder, now)}")

    def read_offer(self, token: str, now: datetime) -> tuple[str, str]:
        """`(credential, holder)`; raises BadLink or LinkExpired."""
        return self._read(OFFER, token, now)

    def _token(self, purpose: bytes, thing: str, person: str, now: datetime) -> str:
        expires = int((now + self.link_life).timestamp())
        body = json.dumps([thing, person, expires], separators=(",", ":"), ensure_ascii=False).encode()
        return f"{_encoded(body)}.{_encoded(self._signature(purpose, body))}"

    def _read(self, purpose: bytes, token: str, now: datetime) -> tuple[str, str]:
        try:
            body, signature = (_decoded(part) for part in token.split(".", 1))
            genuine = hmac.compare_digest(signature, self._signature(purpose, body))
            thing, person, expires = json.loads(body) if genuine else ("", "", 0)
        except (ValueError, TypeError) as error:
            raise BadLink(later("This link is damaged; use the one in your mail.")) from error
        if not genuine:
            raise BadLink(later("This link is damaged; use the one in your mail."))
        if now.timestamp() >= expires:
            raise LinkExpired(later("This link has expired; ask the person who sent it for a new one."))
        return str(thing), str(person)

    def _signature(self, purpose: bytes, body: bytes) -> bytes:
        if len(self.secret) < 32:
            raise RuntimeError("links need a secret of at least 32 characters")
        return hmac.new(self.secret.encode(), purpose + body, hashlib.sha256).digest()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
