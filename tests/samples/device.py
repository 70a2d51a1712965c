"""A device that makes and shows passkeys as WebAuthn says, with one key for each credential and an honest counter."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """`verified` is whether its owner has given finger or PIN."""

    origin: str = "http://placet"
    verified: bool = True
    count: int = 0
    id: str = field(default_factory=lambda: text(secrets.token_bytes(16)))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: str | None = None

    def make(self, options: dict[str, Any], **more: Any) -> str:
        """What it answers when it is asked for a new key."""
        self.handle = options["user"]["id"]
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        credential = raw(self.id)
        attested = bytes(16) + len(credential).to_bytes(2, "big") + credential + cbor2.dumps(public)
        said = self._said(options["rp"]["id"], ATTESTED) + attested
        response = {
            "clientDataJSON": text(self._client("webauthn.create", options["challenge"])),
            "attestationObject": text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})),
            "transports": ["internal"],
        }
        return self._answer(response | more)

    def show(self, options: dict[str, Any], **more: Any) -> str:
        """What it answers when it is asked to sign a challenge."""
        self.count += 1
        client = self._client("webauthn.get", options["challenge"])
        said = self._said(options["rpId"])
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(said),
            "signature": text(self.key.sign(said + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))),
            "userHandle": self.handle,
        }
        return self._answer(response | more)

    def _said(self, domain: str, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verified else 0)
        return hashlib.sha256(domain.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        told = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        return json.dumps({"id": self.id, "rawId": self.id, "type": "public-key", "response": response})
