"""Addresses of accounts as people write them down: a wrong letter must not become another account."""

import re

FORM = re.compile(r"0x[0-9a-fA-F]{40}")
NOBODY = f"0x{'0' * 40}"


def check_address(address: str) -> str | None:
    """Why this cannot be paid to, or None for an address with its right checksum (EIP-55)."""
    if not FORM.fullmatch(address):
        return "An address is 0x and 40 hexadecimal digits."
    if int(address, 16) == 0:
        return "Nobody holds the zero address."
    # It brings the hash functions of the chain; who pays nobody need not load them.
    from eth_utils.address import to_checksum_address

    proper = to_checksum_address(address)
    if proper == address:
        return None
    digits = address[2:]
    if digits in (digits.lower(), digits.upper()):
        return f"This has no checksum; if you are sure of it, write {proper}."
    return "The checksum does not fit: at least one digit is wrong."
