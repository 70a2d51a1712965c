"""Open Badges as signed tokens, status lists, and checking both: what holds, and everything that must not."""

import base64
import gzip
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws

from placet.connectors.credentials.checking import check
from placet.connectors.credentials.jwt import BadToken, signed, verified
from placet.connectors.credentials.open_badge import claims, open_badge
from placet.connectors.credentials.port import Badge, Order
from placet.connectors.credentials.status_list import BadList, decoded, encoded, is_set, list_claims
from placet.executor.badge_keys import LocalKey

BASE = "https://placet.example.org/credentials"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PLACES = 131_072
ORDER = Order(
    id="5f0c3a1e-8f4b-4d8e-9a51-0b2f6f1a7c11",
    case_id="case-1",
    scope="general",
    holder="mia",
    did=None,
    identity_hash="ab" * 32,
    salt="cd" * 16,
    badge=Badge(id="first-aid", name="First aid", description="Helps.", criteria="A course.", cost=5, valid_days=365),
    issuer=f"{BASE}/issuer",
    issuer_name="The cooperative",
    valid_from="2026-03-01T09:00:00Z",
    valid_until="2027-03-01T09:00:00Z",
    status_list=f"{BASE}/status/1",
    status_index=9,
)


@pytest.fixture(scope="module", params=["ES256", "Ed25519"])
def key(request: pytest.FixtureRequest) -> LocalKey:
    return LocalKey.generated(request.param)


async def badge(key: LocalKey, **changes: Any) -> str:
    return await signed(key, claims(ORDER.model_copy(update=changes)))


async def status(key: LocalKey, *bits: int, **changes: Any) -> str:
    return await signed(
        key, list_claims(ORDER.status_list, ORDER.issuer, bits, PLACES, "2026-03-01T09:00:00Z") | changes
    )


def test_the_same_order_always_gives_the_same_content() -> None:
    assert claims(ORDER) == claims(Order.model_validate_json(ORDER.model_dump_json()))


def test_a_holder_is_named_by_hash_or_by_did_and_never_by_name() -> None:
    hashed = open_badge(ORDER)["credentialSubject"]
    assert hashed["identifier"][0]["identityHash"] == f"sha256${'ab' * 32}" and "id" not in hashed
    named = claims(ORDER.model_copy(update={"did": "did:key:z6Mk"}))
    assert named["credentialSubject"]["id"] == named["sub"] == "did:key:z6Mk"
    assert "identifier" not in named["credentialSubject"]
    assert "mia" not in json.dumps(claims(ORDER))


def test_without_an_end_it_has_none() -> None:
    endless = claims(ORDER.model_copy(update={"valid_until": None}))
    assert "validUntil" not in endless and "exp" not in endless


async def test_a_credential_holds_and_says_where_it_stands(key: LocalKey) -> None:
    found = check(await badge(key), [key.public()], await status(key, 8, 10), NOW)
    assert found.ok and found.revoked is False and found.id == f"urn:uuid:{ORDER.id}"
    unlooked = check(await badge(key), [key.public()], None, NOW)
    assert unlooked.ok and unlooked.revoked is None


async def test_a_revoked_credential_does_not_hold(key: LocalKey) -> None:
    found = check(await badge(key), [key.public()], await status(key, 9), NOW)
    assert found.revoked and found.problems == ("It has been revoked.",)


@pytest.mark.parametrize("days", [-2, 400])
async def test_before_and_after_its_time_it_does_not_hold(key: LocalKey, days: int) -> None:
    assert not check(await badge(key), [key.public()], None, NOW + timedelta(days=days)).ok


async def test_a_list_of_somebody_else_or_for_something_else_is_not_believed(key: LocalKey) -> None:
    token, other = await badge(key), LocalKey.generated()
    purpose = {"credentialSubject": {"statusPurpose": "suspension", "encodedList": encoded((), PLACES)}}
    for listed in (
        await status(other),
        await status(key, id=f"{BASE}/status/2"),
        await status(key, issuer="https://elsewhere.example"),
        await status(key, **purpose),
        await badge(key),
        "x",
    ):
        found = check(token, [key.public()], listed, NOW)
        assert not found.ok and found.revoked is None


async def test_a_changed_letter_anywhere_breaks_it(key: LocalKey) -> None:
    token = await badge(key)
    head, body, signature = token.split(".")
    content = json.loads(_raw(body))
    content["credentialSubject"]["achievement"]["name"] = "Surgeon"
    flipped = bytearray(_raw(signature))
    flipped[5] ^= 1
    for changed in (
        f"{head}.{_text(json.dumps(content).encode())}.{signature}",
        f"{head}.{body}.{_text(bytes(flipped))}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{signature}.{body}",
        "",
        "ä.b.c",
    ):
        with pytest.raises(BadToken):
            verified(changed, [key.public()])


async def test_the_key_says_which_algorithm_counts_and_not_the_token(key: LocalKey) -> None:
    token = await badge(key)
    _, body, signature = token.split(".")
    public = key.public()
    # The library refuses to take a public key for a secret, so these are made by hand.
    head = _text(json.dumps({"alg": "HS256", "kid": key.kid, "typ": "vc+jwt"}).encode())
    secrets = [json.dumps(public).encode(), str(public["x"]).encode(), key._jwk.as_pem(False), _raw(str(public["x"]))]
    forged = []
    for secret in secrets:
        mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        forged.append(f"{head}.{body}.{_text(mac)}")
    for alg in ("none", "None", "HS256", "RS256", "EdDSA", "ES384"):
        header = _text(json.dumps({"alg": alg, "kid": key.kid, "typ": "vc+jwt"}).encode())
        forged += [f"{header}.{body}.{signature}", f"{header}.{body}."]
    for token in forged:
        with pytest.raises(BadToken):
            verified(token, [public])


async def test_a_key_that_is_not_the_issuers_or_not_named_does_not_count(key: LocalKey) -> None:
    other = LocalKey.generated(key.algorithm)
    token = await badge(other)
    with pytest.raises(BadToken, match="not among"):
        verified(token, [key.public()])
    # Another key under the name of the issuer's.
    with pytest.raises(BadToken, match="signature"):
        verified(token, [key.public() | {"kid": other.kid}])
    nameless = jws.serialize_compact({"alg": "ES256", "typ": "vc+jwt"}, b"{}", LocalKey.generated()._jwk)
    with pytest.raises(BadToken, match="not among"):
        verified(nameless, [key.public()])
    with pytest.raises(BadToken):
        verified(await badge(key), [])


class Elsewhere:
    """A key in another place, which gives back something else than a signature by it."""

    def __init__(self, key: LocalKey) -> None:
        self._key = key
        self.kid, self.algorithm, self.public = key.kid, key.algorithm, key.public

    async def sign(self, message: bytes) -> bytes:
        return await self._key.sign(message + b".")


async def test_what_a_key_elsewhere_gives_back_is_checked_before_it_is_used(key: LocalKey) -> None:
    with pytest.raises(BadToken, match="signature"):
        await signed(Elsewhere(key), claims(ORDER))


async def test_a_token_of_another_kind_is_no_credential() -> None:
    key = LocalKey.generated()
    for typ in ("JWT", "vc+sd-jwt", ""):
        token = jws.serialize_compact({"alg": "ES256", "kid": key.kid, "typ": typ}, b"{}", key._jwk)
        with pytest.raises(BadToken, match="vc\\+jwt"):
            verified(token, [key.public()])
    assert not check(await signed(key, {"hello": "world"}), [key.public()], None, NOW).ok


@given(st.sets(st.integers(0, PLACES - 1), max_size=50))
def test_what_is_set_is_set_and_nothing_else(bits: set[int]) -> None:
    text = encoded(bits, PLACES)
    assert encoded(sorted(bits, reverse=True), PLACES) == text
    raw = decoded(text)
    assert len(raw) == PLACES // 8 and int.from_bytes(raw, "big").bit_count() == len(bits)
    assert all(is_set(text, place) for place in bits)


def test_the_first_place_is_the_leftmost_bit() -> None:
    assert decoded(encoded([0, 15], 16)) == b"\x80\x01"


def test_places_outside_and_lists_that_are_none_are_refused() -> None:
    with pytest.raises(BadList):
        encoded([PLACES], PLACES)
    text = encoded([], PLACES)
    for place in (-1, PLACES):
        with pytest.raises(BadList):
            is_set(text, place)
    bomb = "u" + _text(gzip.compress(b"\x00" * (17 * 1024 * 1024)))
    for wrong in ("", "zAbc", "u###", text[:-4], f"u{_text(b'plain')}", bomb, text[1:]):
        with pytest.raises(BadList):
            decoded(wrong)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
