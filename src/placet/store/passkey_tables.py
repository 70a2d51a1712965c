"""The tables of passkeys: the keys of people, and the challenges that have been answered."""

import sqlalchemy as sa

from placet.store.columns import json, metadata
from placet.store.instant import Instant

# The public half of a key that somebody keeps in a device; `credential` is the name the device gave it.
passkey = sa.Table(
    "passkey",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("credential", sa.Text, nullable=False, unique=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("transports", json(), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

# A challenge that was answered, until it expires, so that it is answered once.
passkey_challenge = sa.Table(
    "passkey_challenge",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)
