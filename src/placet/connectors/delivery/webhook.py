"""Delivery to a wallet service by webhook, signed as Standard Webhooks say."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Mapping
from typing import Literal

import httpx2
from pydantic import Field, HttpUrl

from placet.connectors.credentials.port import Parcel
from placet.connectors.delivery.envelope import announcement
from placet.connectors.delivery.port import Delivered, DeliveryRefused, DeliveryUnavailable
from placet.domain.audit import canonical
from placet.domain.model import Strict

AGAIN = (408, 409, 425, 429)
SHORTEST_SECRET = 24
PREFIX = "whsec_"


class WebhookSettings(Strict):
    """Where credentials are posted; `secret_env` names the environment variable with the secret (`whsec_…`).

    `reach`: `public` addresses only, by https; `private` ones too, by https; or `loopback` only, for a wallet on this
    machine.
    """

    url: HttpUrl
    secret_env: str
    reach: Literal["public", "private", "loopback"] = "public"
    timeout_seconds: float = Field(default=20, gt=0, le=300)


class WebhookDelivery:
    """One POST a try. The id of the message is the same for every try, so that the wallet takes it once."""

    def __init__(self, settings: WebhookSettings, environment: Mapping[str, str]) -> None:
        """Read the secret from `environment`; raises ValueError when it is missing or unfit, or the address is."""
        self._settings = settings
        self._secret = _secret(settings.secret_env, environment.get(settings.secret_env, ""))
        url = settings.url
        if url.username or url.password:
            raise ValueError("The address of a webhook holds no name and no password; it has its secret.")
        if settings.reach != "loopback" and url.scheme != "https":
            raise ValueError('A webhook needs https; http is only for reach = "loopback".')

    async def deliver(self, key: str, parcel: Parcel) -> Delivered:
        await self._check_address()
        body = canonical(announcement(parcel))
        message = message_id(key)
        sent = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message,
            "webhook-timestamp": sent,
            "webhook-signature": signature(self._secret, message, sent, body),
        }
        try:
            async with (
                httpx2.AsyncClient(
                    timeout=self._settings.timeout_seconds, follow_redirects=False, trust_env=False
                ) as client,
                client.stream("POST", str(self._settings.url), content=body, headers=headers) as answer,
            ):
                status = answer.status_code
        except httpx2.HTTPError as error:
            raise DeliveryUnavailable(f"The wallet cannot be reached: {error or type(error).__name__}") from error
        if 200 <= status < 300:
            return Delivered(way="webhook", reference=message)
        if status == 410:
            raise DeliveryRefused("wallet-gone", "The wallet takes no more credentials at this address (410).")
        if status < 500 and status not in AGAIN:
            raise DeliveryRefused("wallet-refused", f"The wallet answered {status}; check its address and the secret.")
        raise DeliveryUnavailable(f"The wallet answered {status}.")

    async def _check_address(self) -> None:
        """Refuse to post into networks that the settings do not allow, whatever the name resolves to."""
        url = self._settings.url
        host = (url.host or "").strip("[]")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, url.port or 443, type=socket.SOCK_STREAM)
        except OSError as error:
            raise DeliveryUnavailable(f"The name {host} cannot be resolved.") from error
        for *_, address in found:
            if not self._allowed(str(address[0])):
                raise DeliveryRefused(
                    "address-forbidden",
                    f"{host} is {address[0]}, which [delivery.webhook] reach = “{self._settings.reach}” forbids.",
                )

    def _allowed(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if self._settings.reach == "loopback":
            return address.is_loopback
        if self._settings.reach == "public":
            return address.is_global and not address.is_multicast
        apart = address.is_loopback or address.is_link_local or address.is_multicast
        return not (apart or address.is_unspecified or address.is_reserved)


def message_id(key: str) -> str:
    """The id of a delivery: the same for the same key, and without the dots that separate what is signed."""
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def signature(secret: bytes, message: str, sent: str, body: bytes) -> str:
    """`v1,` and the HMAC of id, time and body."""
    content = b".".join((message.encode(), sent.encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()


def _secret(name: str, text: str) -> bytes:
    if not text:
        raise ValueError(f"The environment variable {name} is empty. Set it to the secret of the webhook.")
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"The secret in {name} is not base64, with or without {PREFIX} before it.") from error
    if len(raw) < SHORTEST_SECRET:
        raise ValueError(f"The secret in {name} is too short; the least is {SHORTEST_SECRET} bytes.")
    return raw
