"""Which wallet signed what (EIP-712, EIP-55). Needs the extra `chain`, which is loaded when it is first used."""

import json
import re
from functools import lru_cache
from importlib import import_module
from typing import Any

from placet.connectors.chain.extra import importing
from placet.domain.intent import ADDRESS, Intent, typed_data
from placet.domain.signature import BadSignature, CannotRecover, normal

MISSING = "Wallets need the extra `chain`: pip install 'placet[chain]'."


class BadAddress(ValueError):
    """This is no address, or its checksum is wrong."""


def signable(intent: Intent) -> dict[str, Any]:
    """What a member's wallet signs to approve the intent: our own message, or the Safe's transaction."""
    if intent.safe_nonce is None:
        return typed_data(intent)
    try:
        with importing():
            safe = import_module("placet.connectors.chain.safe")
    except ImportError as error:
        raise CannotRecover(MISSING) from error
    with importing():
        # It may import more only now.
        typed: dict[str, Any] = safe.safe_typed_data(intent)
    return typed


def recover(typed: dict[str, Any], signature: str) -> str:
    """The checksum address of the wallet that signed this. Raises BadSignature, or CannotRecover without the extra."""
    spelled = normal(signature)
    try:
        with importing():
            from eth_account import Account
            from eth_account.messages import encode_typed_data
            from eth_keys.exceptions import BadSignature as NotOnCurve
    except ImportError as error:
        raise CannotRecover(MISSING) from error
    message = encode_typed_data(full_message=typed)
    try:
        return str(Account.recover_message(message, signature=spelled))
    except (NotOnCurve, ValueError) as error:
        detail = "This is not the signature of any wallet; sign the typed data again."
        raise BadSignature("signature-malformed", detail) from error


@lru_cache(maxsize=1024)
def signer_of(intent: Intent, signature: str) -> str:
    """The wallet that signed this intent. It takes milliseconds, so what was found is remembered."""
    return recover(signable(intent), signature)


def checksum(address: str) -> str:
    """The address with its checksum. One in mixed case must have the right one already; raises BadAddress."""
    try:
        with importing():
            from eth_utils.address import to_checksum_address
    except ImportError as error:
        raise CannotRecover(MISSING) from error
    if re.fullmatch(ADDRESS, address) is None:
        raise BadAddress("An address is 0x and 40 hex digits.")
    if int(address, 16) == 0:
        raise BadAddress("Nobody holds the zero address.")
    spelled = str(to_checksum_address(address))
    digits = address[2:]
    if address != spelled and digits not in (digits.lower(), digits.upper()):
        raise BadAddress("The checksum of this address is wrong (EIP-55); copy it again from the wallet.")
    return spelled


def signed(typed: dict[str, Any], keystore: str, passphrase: str) -> str:
    """Sign with the key in an encrypted keystore file (the JSON that wallets export). Raises ValueError."""
    try:
        with importing():
            from eth_account import Account
    except ImportError as error:
        raise CannotRecover(MISSING) from error
    try:
        key = Account.decrypt(json.loads(keystore), passphrase)
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise ValueError(f"the keystore file cannot be opened: {error}") from error
    return normal(Account.sign_typed_data(key, full_message=typed).signature.hex())
