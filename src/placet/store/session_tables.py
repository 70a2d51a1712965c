"""The tables of signing in: accounts, sessions of browsers, invitations, and identities of an organisation."""

import sqlalchemy as sa

from placet.store.columns import metadata
from placet.store.instant import Instant

# What somebody has set for themselves; no row means nothing yet.
account = sa.Table(
    "account",
    metadata,
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("password_hash", sa.Text),
    sa.Column("password_at", Instant),
    sa.Column("language", sa.Text),
    sa.Column("zone", sa.Text),
)

# One browser of one person; of its cookie only the hash is kept.
session = sa.Table(
    "session",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("confirmed_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
)

# A link with which somebody chooses a password, once.
invitation = sa.Table(
    "invitation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

# Who somebody is at an OpenID provider.
identity = sa.Table(
    "identity",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("linked_at", Instant, nullable=False),
)

# Failed attempts by the hash of the name that was given, whether or not there is somebody of that name.
sign_in_attempt = sa.Table(
    "sign_in_attempt",
    metadata,
    sa.Column("name_hash", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False, index=True),
    sa.Column("blocked_until", Instant),
)
