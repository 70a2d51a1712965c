"""The executor's own key for credentials: a file that only a passphrase opens."""

import asyncio
import base64
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from joserfc.jwk import ECKey, OKPKey

PASSPHRASE = "PLACET_EXECUTOR_PASSPHRASE"
KEY_FILE, PASSPHRASE_FILE = "badge-key.json", "passphrase"
COST = {"n": 2**15, "r": 8, "p": 1}
CURVE_BYTES = 32


class KeyLocked(Exception):
    """The key cannot be opened; the text says what to do."""


class LocalKey:
    """An elliptic-curve key in this process; the same message always gets the same signature."""

    def __init__(self, jwk: ECKey | OKPKey) -> None:
        self._jwk = jwk
        self._private: Any = jwk.private_key
        self.algorithm = "ES256" if isinstance(jwk, ECKey) else "Ed25519"
        self.kid = jwk.thumbprint()

    @classmethod
    def generated(cls, algorithm: str = "ES256") -> "LocalKey":
        return cls(ECKey.generate_key("P-256") if algorithm == "ES256" else OKPKey.generate_key("Ed25519"))

    def public(self) -> dict[str, Any]:
        return {**self._jwk.as_dict(private=False), "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    async def sign(self, message: bytes) -> bytes:
        return await asyncio.to_thread(self._signature, message)

    def _signature(self, message: bytes) -> bytes:
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        one, other = decode_dss_signature(
            self._private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        )
        return one.to_bytes(CURVE_BYTES, "big") + other.to_bytes(CURVE_BYTES, "big")

    def locked(self, passphrase: str) -> dict[str, Any]:
        """The key as it is kept."""
        salt, nonce = os.urandom(16), os.urandom(12)
        plain = json.dumps(self._jwk.as_dict(private=True)).encode()
        sealed = AESGCM(_derived(passphrase, salt, COST)).encrypt(nonce, plain, self.kid.encode())
        return {
            "version": 1,
            "kid": self.kid,
            "kdf": {"name": "scrypt", "salt": _text(salt), **COST},
            "cipher": {"name": "AES-256-GCM", "nonce": _text(nonce)},
            "sealed": _text(sealed),
        }

    @classmethod
    def unlocked(cls, kept: Mapping[str, Any], passphrase: str) -> "LocalKey":
        """Raises KeyLocked for the wrong passphrase or a changed file."""
        try:
            derived = _derived(passphrase, _raw(kept["kdf"]["salt"]), kept["kdf"])
            cipher = AESGCM(derived)
            plain = cipher.decrypt(_raw(kept["cipher"]["nonce"]), _raw(kept["sealed"]), str(kept["kid"]).encode())
            jwk = json.loads(plain)
            return cls(ECKey.import_key(jwk) if jwk["kty"] == "EC" else OKPKey.import_key(jwk))
        except InvalidTag as error:
            raise KeyLocked(f"The passphrase does not open the key; check {PASSPHRASE}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise KeyLocked("The file of the key is damaged; put back a copy of it.") from error


def opened(folder: Path, environment: Mapping[str, str], algorithm: str = "ES256") -> LocalKey:
    """The key in this folder, made on first use; `algorithm` is for that only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / KEY_FILE
    phrase = environment.get(PASSPHRASE) or _once(folder / PASSPHRASE_FILE, lambda: secrets.token_urlsafe(32)).strip()
    kept = _once(file, lambda: json.dumps(LocalKey.generated(algorithm).locked(phrase), indent=2) + "\n")
    try:
        return LocalKey.unlocked(json.loads(kept), phrase)
    except ValueError as error:
        raise KeyLocked(f"{file} is damaged; put back a copy of it.") from error


def _once(file: Path, content: Any) -> str:
    """What the file holds; made whole, for its owner only, if it is not there: of two who make it, one wins."""
    if not file.exists():
        descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(content())
            target.flush()
            os.fsync(target.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        Path(draft).unlink()
        parent = os.open(file.parent, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)
    if file.stat().st_mode & 0o077 or file.stat().st_uid != os.geteuid():
        raise KeyLocked(f"{file} can be read by others, or is not yours; make it private (mode 0600).")
    return file.read_text(encoding="utf-8")


def _derived(passphrase: str, salt: bytes, cost: Mapping[str, Any]) -> bytes:
    return Scrypt(salt=salt, length=32, n=int(cost["n"]), r=int(cost["r"]), p=int(cost["p"])).derive(
        passphrase.encode()
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
