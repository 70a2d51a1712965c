"""Credentials as JSON Web Tokens (VC-JWT, `vc+jwt`): signing through whatever holds the key, and checking."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from placet.domain.audit import canonical

TYPE = "vc+jwt"
ALGORITHMS = ("ES256", "Ed25519")
LONGEST = 4 * 1024 * 1024


class BadToken(Exception):
    """Not a credential that one of these keys has signed; the text says what is wrong."""


class SigningKey(Protocol):
    """A key that signs; where it lies is its own business: a file, a security module, a network of nodes.

    `algorithm` is one of `ALGORITHMS`, `kid` the thumbprint of the public key.
    """

    @property
    def kid(self) -> str: ...

    @property
    def algorithm(self) -> str: ...

    def public(self) -> dict[str, Any]:
        """The public half, a JSON Web Key with its `kid` and `alg`."""
        ...

    async def sign(self, message: bytes) -> bytes:
        """The signature as JSON Web Signatures have it: for ES256 the two numbers, 32 bytes each."""
        ...


async def signed(key: SigningKey, claims: Mapping[str, Any]) -> str:
    """The claims as a signed token. It is checked before it is given out, since some keys sign elsewhere."""
    header = {"alg": key.algorithm, "cty": "vc", "kid": key.kid, "typ": TYPE}
    message = b".".join(_base64url(canonical(part)) for part in (header, dict(claims)))
    token = b".".join((message, _base64url(await key.sign(message)))).decode()
    verified(token, [key.public()])
    return token


def verified(token: str, keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The claims of a token that one of these public keys has signed; raises BadToken.

    The key decides which algorithm counts, never the token: each key is for one, and it must be named.
    """
    try:
        if len(token) > LONGEST:
            raise BadToken("This is too long for a credential.")
        header = jws.extract_compact(token.encode()).headers()
        known = {str(key.get("kid")): key for key in keys}
        key = known.get(str(header.get("kid")))
        if key is None:
            raise BadToken("It was signed by a key that is not among the issuer's.")
        if header.get("typ") != TYPE:
            raise BadToken(f"It does not say that it is a credential ({TYPE}).")
        algorithm = key.get("alg")
        if algorithm not in ALGORITHMS or header.get("alg") != algorithm or header.get("crit"):
            raise BadToken("It was signed in another way than the issuer's key allows.")
        checked = jws.deserialize_compact(token, KeySet.import_key_set({"keys": [dict(key)]}), algorithms=[algorithm])
        claims = json.loads(checked.payload)
    except JoseError as error:
        raise BadToken("Its signature does not hold.") from error
    except (ValueError, RecursionError) as error:
        raise BadToken("This is not a signed credential.") from error
    if not isinstance(claims, dict):
        raise BadToken("This is not a signed credential.")
    return claims


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token that was checked already."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
