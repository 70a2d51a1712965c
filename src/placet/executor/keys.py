"""Keys: they sign a digest, and give nothing else away."""

import asyncio
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from placet.connectors.chain.extra import importing

PASSPHRASE = "PLACET_EXECUTOR_PASSPHRASE"
SHORTEST = 16
# What scrypt costs. A passphrase that we made has 256 random bits, and needs no stretching.
STRETCHED, PLAIN = 2**17, 2**10


class KeyUnavailable(Exception):
    """The key cannot sign now; it may later."""


class KeyRefused(Exception):
    """The key will not sign, however often it is asked; the text says what to do."""


class SigningKey(Protocol):
    """A key of secp256k1, whoever holds it."""

    address: str

    async def sign(self, digest: bytes) -> bytes:
        """65 bytes: r, s, and the recovery id (0 or 1). Raises KeyUnavailable or KeyRefused."""
        ...


class LocalKey:
    """A key in this process."""

    def __init__(self, secret: bytes) -> None:
        from eth_keys.datatypes import PrivateKey

        self._key = PrivateKey(secret)
        self.address = str(self._key.public_key.to_checksum_address())

    async def sign(self, digest: bytes) -> bytes:
        return await asyncio.to_thread(lambda: self._key.sign_msg_hash(digest).to_bytes())


def signer(digest: bytes, signature: bytes) -> str | None:
    """The address whose key made this signature; None when it is none."""
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    try:
        return str(Signature(signature).recover_public_key_from_msg_hash(digest).to_checksum_address())
    except (BadSignature, ValidationError, ValueError):
        return None


def local_key(folder: Path, environment: Mapping[str, str]) -> LocalKey:
    """The key of the encrypted file (an Ethereum keystore), which is made at the first start.

    Its passphrase comes from the environment; without one it is made, and kept beside the key for its owner only.
    """
    with importing():
        from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

    file, made = folder / "key.json", folder / "passphrase"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = environment.get(PASSPHRASE)
    if given is not None and len(given) < SHORTEST:
        raise KeyRefused(f"{PASSPHRASE} is too short: use at least {SHORTEST} characters.")
    if given is None and file.exists() and not made.exists():
        raise KeyRefused(f"The key in {file} has a passphrase. Set {PASSPHRASE}.")
    if given is None:
        given = _created(made, secrets.token_hex(32))
        cost = PLAIN
    else:
        cost = STRETCHED
    if not file.exists():
        fresh = create_keyfile_json(secrets.token_bytes(32), given.encode(), kdf="scrypt", iterations=cost)
        _created(file, json.dumps(fresh))
    for path in (file, made):
        with contextlib.suppress(FileNotFoundError):
            path.chmod(0o600)
    try:
        return LocalKey(decode_keyfile_json(json.loads(file.read_text()), given.encode()))
    except ValueError as error:
        raise KeyRefused(f"The passphrase does not open {file}. Set {PASSPHRASE} to the right one.") from error


def _created(path: Path, content: str) -> str:
    """The content of the file, which is made when it is not there: whole, or not at all."""
    if not path.exists():
        descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(descriptor, "w") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    return path.read_text()
