"""Wallet delivery: the offer, the file, and a webhook over real HTTP to a wallet that checks what it gets."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connectors.loopback import serving
from connectors.test_credentials import ORDER, badge
from placet.connectors.credentials.jwt import claims_of
from placet.connectors.credentials.port import Parcel
from placet.connectors.delivery.file import FileDelivery
from placet.connectors.delivery.offer import OfferByMail
from placet.connectors.delivery.port import DeliveryRefused, DeliveryUnavailable
from placet.connectors.delivery.webhook import WebhookDelivery, WebhookSettings
from placet.executor.badge_keys import LocalKey
from placet.runtime.datadir import DataDir
from placet.runtime.settings import Settings, SettingsError
from placet.runtime.wiring import ports_of
from placet.store import tables as t
from placet.store.engine import Store
from ports import free_port

RAW = b"a secret of a wallet, long enough"
SECRET = "whsec_" + base64.b64encode(RAW).decode()
KEY = "credential-issuance-1/delivery.deliver/1"


@pytest.fixture
async def parcel() -> Parcel:
    return Parcel(
        credential=ORDER.id,
        case_id="case-1",
        badge="First aid",
        holder="mia",
        name="Mia",
        email="mia@example.org",
        jwt=await badge(LocalKey.generated()),
        issued_at="2026-03-02T09:00:00Z",
        valid_until=ORDER.valid_until,
    )


class Wallet:
    """Takes each message once by its id, and only with a signature that holds (Standard Webhooks)."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}
        self.tries: list[tuple[str, bytes]] = []
        self.answers: list[Response] = []
        self.app = Starlette(routes=[Route("/in", self._take, methods=["POST"]), Route("/elsewhere", self._take)])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        message, sent = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        content = f"{message}.{sent}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(RAW, content, hashlib.sha256).digest()).decode()
        if "." in message or expected not in request.headers["webhook-signature"].split(" "):
            return Response(status_code=401)
        self.tries.append((message, body))
        if self.answers:
            return self.answers.pop(0)
        self.taken.setdefault(message, json.loads(body))
        return Response(status_code=202)


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
def url(wallet: Wallet) -> Iterator[str]:
    with serving(wallet.app) as address:
        yield f"{address}/in"


def webhook(url: str, secret: str = SECRET, **changes: Any) -> WebhookDelivery:
    settings = {"url": url, "secret_env": "WALLET", "reach": "loopback", "timeout_seconds": 60} | changes
    return WebhookDelivery(WebhookSettings.model_validate(settings), {"WALLET": secret})


async def test_a_wallet_gets_the_signed_credential_and_takes_it_once(wallet: Wallet, url: str, parcel: Parcel) -> None:
    first, again = [await webhook(url).deliver(KEY, parcel) for _ in range(2)]
    assert first == again and first.way == "webhook"
    assert len(wallet.tries) == 2 and wallet.tries[0] == wallet.tries[1]
    (event,) = wallet.taken.values()
    assert (event["type"], event["timestamp"]) == ("credential.issued", parcel.issued_at)
    assert event["data"]["jwt"] == parcel.jwt and event["data"]["credential"] == claims_of(parcel.jwt)
    assert event["data"]["email"] == "mia@example.org"
    other = await webhook(url).deliver("another-case/delivery.deliver/1", parcel)
    assert other.reference != first.reference


@pytest.mark.parametrize("status", [500, 503, 408, 409, 429])
async def test_what_may_pass_is_tried_again(wallet: Wallet, url: str, parcel: Parcel, status: int) -> None:
    wallet.answers = [Response(status_code=status)]
    with pytest.raises(DeliveryUnavailable):
        await webhook(url).deliver(KEY, parcel)
    assert (await webhook(url).deliver(KEY, parcel)).way == "webhook"


@pytest.mark.parametrize(("status", "code"), [(410, "wallet-gone"), (400, "wallet-refused"), (404, "wallet-refused")])
async def test_what_stays_wrong_is_not(wallet: Wallet, url: str, parcel: Parcel, status: int, code: str) -> None:
    wallet.answers = [Response(status_code=status)]
    with pytest.raises(DeliveryRefused) as refused:
        await webhook(url).deliver(KEY, parcel)
    assert refused.value.code == code


async def test_a_redirect_is_not_followed(wallet: Wallet, url: str, parcel: Parcel) -> None:
    wallet.answers = [RedirectResponse(url.replace("/in", "/elsewhere"), 307)]
    with pytest.raises(DeliveryRefused):
        await webhook(url).deliver(KEY, parcel)
    assert len(wallet.tries) == 1 and wallet.taken == {}


async def test_a_wrong_secret_is_refused_by_the_wallet(url: str, parcel: Parcel) -> None:
    other = "whsec_" + base64.b64encode(b"another secret, long enough too").decode()
    with pytest.raises(DeliveryRefused, match="401"):
        await webhook(url, other).deliver(KEY, parcel)


async def test_a_wallet_that_is_not_there_is_tried_again(parcel: Parcel) -> None:
    with pytest.raises(DeliveryUnavailable):
        await webhook(f"http://127.0.0.1:{free_port()}/in").deliver(KEY, parcel)


@pytest.mark.parametrize(
    ("url", "reach"),
    [
        ("https://127.0.0.1/in", "public"),
        ("https://localhost/in", "public"),
        ("https://[::1]/in", "public"),
        ("https://[::ffff:127.0.0.1]/in", "public"),
        ("https://10.0.0.1/in", "public"),
        ("https://192.168.1.1/in", "public"),
        ("https://169.254.169.254/in", "public"),
        ("https://100.64.0.1/in", "public"),
        ("https://0.0.0.0/in", "public"),
        ("https://224.0.0.1/in", "public"),
        ("https://[fd00::1]/in", "public"),
        ("https://127.0.0.1/in", "private"),
        ("https://169.254.169.254/in", "private"),
        ("https://[fe80::1]/in", "private"),
        ("https://0.0.0.0/in", "private"),
        ("http://10.0.0.1/in", "loopback"),
        ("http://93.184.215.14/in", "loopback"),
    ],
)
async def test_networks_that_are_not_allowed_are_not_reached(url: str, reach: str, parcel: Parcel) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        await webhook(url, reach=reach).deliver(KEY, parcel)
    assert refused.value.code == "address-forbidden"


@pytest.mark.parametrize(
    ("changes", "secret", "words"),
    [
        ({"url": "http://wallet.example/in", "reach": "public"}, SECRET, "https"),
        ({"url": "http://wallet.example/in", "reach": "private"}, SECRET, "https"),
        ({"url": "https://user:pass@wallet.example/in"}, SECRET, "password"),
        ({}, "", "empty"),
        ({}, "whsec_not base64", "base64"),
        ({}, "whsec_" + base64.b64encode(b"short").decode(), "too short"),
    ],
)
def test_settings_that_are_not_safe_are_refused(changes: dict[str, Any], secret: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        webhook(changes.pop("url", "https://wallet.example/in"), secret, **changes)


async def test_a_file_is_written_whole_and_for_its_owner_only(tmp_path: Path, parcel: Parcel) -> None:
    for _ in range(2):
        delivered = await FileDelivery(tmp_path / "out").deliver(KEY, parcel)
    (file,) = (tmp_path / "out").iterdir()
    assert delivered.reference == file.name == f"{ORDER.id}.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["jwt"] == parcel.jwt


async def test_a_folder_that_cannot_be_written_needs_people(tmp_path: Path, parcel: Parcel) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DeliveryRefused) as refused:
        await FileDelivery(tmp_path / "out").deliver(KEY, parcel)
    assert refused.value.code == "folder-unusable"


async def test_an_offer_is_one_mail_with_a_link_however_often_it_is_made(store: Store, parcel: Parcel) -> None:
    object.__setattr__(store.house, "secret", "a secret of tests, of more than thirty-two characters")
    for _ in range(2):
        assert (await OfferByMail(store).deliver(KEY, parcel)).way == "offer"
    (mail,) = await store.read(lambda tx: tx.conn.execute(sa.select(t.message)).mappings().all())
    token = mail["text"].partition("/credentials/")[2].split()[0]
    read = await store.read(lambda tx: (tx.house.read_offer(token, tx.now), mail["person_id"]))
    assert read == ((ORDER.id, "mia"), "mia")
    assert parcel.jwt not in mail["text"]


def test_the_settings_choose_the_delivery(store: Store, tmp_path: Path) -> None:
    def chosen(delivery: dict[str, Any]) -> object:
        settings = Settings.model_validate({"delivery": delivery})
        return ports_of(settings, store, DataDir(tmp_path / "data"), {"WALLET": SECRET}).wallet

    table = {"url": "https://wallet.example/in", "secret_env": "WALLET"}
    assert isinstance(chosen({}), OfferByMail)
    assert isinstance(chosen({"kind": "file"}), FileDelivery)
    assert isinstance(chosen({"kind": "webhook", "webhook": table}), WebhookDelivery)
    for wrong in ({"kind": "webhook"}, {"kind": "webhook", "webhook": table | {"secret_env": "UNSET"}}):
        with pytest.raises(SettingsError, match=r"delivery\.webhook|UNSET"):
            chosen(wrong)
