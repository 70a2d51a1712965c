"""The W3C Bitstring Status List: one bit a credential, compressed, in a credential of its own."""

import base64
import gzip
import zlib
from collections.abc import Iterable
from typing import Any

from placet.connectors.credentials.open_badge import CREDENTIALS_V2, seconds

MOST_BYTES = 16 * 1024 * 1024
"""A list that unpacks to more is not read."""

HOUR_MS = 60 * 60 * 1000


class BadList(Exception):
    """This is no status list that can be read, or the place is not in it."""


def encoded(bits: Iterable[int], size: int) -> str:
    """A list of `size` places with these bits set: the first is the left-most; multibase base64url of gzip."""
    raw = bytearray(-(-size // 8))
    for place in bits:
        if not 0 <= place < size:
            raise BadList(f"There is no place {place} in a list of {size}.")
        raw[place // 8] |= 0x80 >> place % 8
    packed = gzip.compress(bytes(raw), mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The bits, eight to a byte."""
    if not text.startswith("u"):
        raise BadList("The list is not in base64url.")
    try:
        packed = base64.b64decode(text[1:] + "=" * (-(len(text) - 1) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj(wbits=31)
        raw = unpacking.decompress(packed, MOST_BYTES)
    except (ValueError, zlib.error) as error:
        raise BadList("The list cannot be unpacked.") from error
    if not unpacking.eof or unpacking.unused_data:
        raise BadList("The list is cut off, too large, or followed by something else.")
    return raw


def is_set(text: str, place: int) -> bool:
    raw = decoded(text)
    if not 0 <= place < 8 * len(raw):
        raise BadList(f"There is no place {place} in this list.")
    return bool(raw[place // 8] & 0x80 >> place % 8)


def list_claims(address: str, issuer: str, bits: Iterable[int], size: int, since: str) -> dict[str, Any]:
    """The status list at this address as a credential, with the claims of a JSON Web Token."""
    return {
        "@context": [CREDENTIALS_V2],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": since,
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "ttl": HOUR_MS,
            "encodedList": encoded(bits, size),
        },
        "iss": issuer,
        "jti": address,
        "nbf": seconds(since),
    }
