"""Keys: a local file that only its passphrase opens, and Lit behind a double that signs for real."""

import secrets
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.loopback import serving
from placet.executor.keys import PASSPHRASE, PLAIN, KeyRefused, KeyUnavailable, LocalKey, local_key, signer
from placet.executor.lit import LitKey, LitSettings
from ports import free_port

DIGEST = secrets.token_bytes(32)
LONG = "a passphrase of tests"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a passphrase is not what is tried here."""
    monkeypatch.setattr("placet.executor.keys.STRETCHED", PLAIN)


async def test_a_local_key_is_made_once_and_signs_as_its_address(tmp_path: Path) -> None:
    first = local_key(tmp_path / "executor", {})
    again = local_key(tmp_path / "executor", {})
    assert first.address == again.address
    assert signer(DIGEST, await again.sign(DIGEST)) == first.address
    for name in ("key.json", "passphrase"):
        assert stat.S_IMODE((tmp_path / "executor" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "executor").stat().st_mode) == 0o700


def test_the_key_file_is_an_ethereum_keystore(tmp_path: Path) -> None:
    import json

    made = local_key(tmp_path, {PASSPHRASE: LONG})
    opened = Account.from_key(Account.decrypt(json.loads((tmp_path / "key.json").read_text()), LONG))
    assert opened.address == made.address and not (tmp_path / "passphrase").exists()


@pytest.mark.parametrize(
    ("environment", "words"),
    [({PASSPHRASE: "another passphrase"}, "does not open"), ({}, "Set PLACET"), ({PASSPHRASE: "short"}, "too short")],
)
def test_a_key_is_not_opened_without_its_passphrase(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    local_key(tmp_path, {PASSPHRASE: LONG})
    with pytest.raises(KeyRefused, match=words):
        local_key(tmp_path, environment)


class LitDouble:
    """Answers as Lit's API does: it holds the key, and runs the action that signs a digest."""

    def __init__(self) -> None:
        self.key = PrivateKey(secrets.token_bytes(32))
        self.address = self.key.public_key.to_checksum_address()
        self.asked: list[dict[str, Any]] = []
        self.answer: Response | None = None
        self.app = Starlette(routes=[Route("/core/v1/lit_action", self._run, methods=["POST"])])

    async def _run(self, request: Request) -> Response:
        if request.headers.get("X-Api-Key") != "a key of tests":
            return JSONResponse({"error": "unknown key"}, 401)
        asked = await request.json()
        self.asked.append(asked)
        if self.answer is not None:
            return self.answer
        return self.signed(self.key, asked["js_params"]["digest"])

    def signed(self, key: PrivateKey, digest: str) -> Response:
        signature = key.sign_msg_hash(bytes.fromhex(digest[2:])).to_bytes()
        joined = signature[:64] + bytes([signature[64] + 27])
        return JSONResponse({"response": f"0x{joined.hex()}", "logs": "", "has_error": False})


def lit(url: str, double: LitDouble, api_key: str = "a key of tests") -> LitKey:
    return LitKey(LitSettings(url=url, api_key_env="LIT", pkp=double.address), {"LIT": api_key})


async def test_lit_signs_a_digest_and_the_signature_is_checked() -> None:
    double = LitDouble()
    with serving(double.app) as url:
        key = lit(url, double)
        assert signer(DIGEST, await key.sign(DIGEST)) == key.address == double.address
        (asked,) = double.asked
        assert asked["js_params"] == {"pkpId": double.address, "digest": f"0x{DIGEST.hex()}"}
        assert "getPrivateKey" in asked["code"]
        double.answer = double.signed(PrivateKey(secrets.token_bytes(32)), f"0x{DIGEST.hex()}")
        with pytest.raises(KeyRefused, match="another key"):
            await key.sign(DIGEST)
        double.answer = double.signed(double.key, f"0x{secrets.token_hex(32)}")
        with pytest.raises(KeyRefused, match="another key"):
            await key.sign(DIGEST)


@pytest.mark.parametrize(
    ("status", "error"),
    [(402, KeyRefused), (403, KeyRefused), (429, KeyUnavailable), (500, KeyUnavailable), (503, KeyUnavailable)],
)
async def test_what_lit_refuses_is_told_from_what_it_cannot_do_now(status: int, error: type[Exception]) -> None:
    double = LitDouble()
    with serving(double.app) as url:
        double.answer = JSONResponse({}, status)
        with pytest.raises(error):
            await lit(url, double).sign(DIGEST)
        if status == 402:
            with pytest.raises(KeyRefused, match="API key"):
                await lit(url, double, "wrong").sign(DIGEST)
    with pytest.raises(KeyUnavailable):
        await lit(f"http://127.0.0.1:{free_port()}", double).sign(DIGEST)


@pytest.mark.parametrize(
    "body", ["[]", '{"has_error": true, "response": ""}', '{"has_error": false, "response": "0x"}']
)
async def test_nonsense_from_lit_is_no_signature(body: str) -> None:
    double = LitDouble()
    with serving(double.app) as url:
        double.answer = Response(body, media_type="application/json")
        with pytest.raises((KeyUnavailable, KeyRefused)):
            await lit(url, double).sign(DIGEST)


def test_lit_needs_its_api_key() -> None:
    double = LitDouble()
    with pytest.raises(ValueError, match="LIT is empty"):
        lit("http://127.0.0.1:9", double, "")


async def test_a_local_key_signs_like_any_other_wallet() -> None:
    secret = secrets.token_bytes(32)
    signature = await LocalKey(secret).sign(DIGEST)
    assert Account.unsafe_sign_hash(DIGEST, secret).r == int.from_bytes(signature[:32], "big")
