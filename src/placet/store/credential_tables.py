"""The tables of credentials: what can be earned, who holds what, and the published lists of what was revoked."""

import sqlalchemy as sa

from placet.store.columns import json, metadata
from placet.store.instant import Instant

badge = sa.Table(
    "badge",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("criteria", sa.Text, nullable=False),
    sa.Column("cost", sa.BigInteger, nullable=False),
    sa.Column("valid_days", sa.Integer),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

# One list of bits; `version` grows with each bit that is set, `published` is the version that `jwt` signs.
credential_status = sa.Table(
    "credential_status",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("next_index", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("published", sa.Integer, nullable=False),
    sa.Column("jwt", sa.Text),
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("badge_id", sa.Text, sa.ForeignKey("badge.id"), nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("order", json(), nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("list_id", sa.Integer, sa.ForeignKey("credential_status.id"), nullable=False),
    sa.Column("list_index", sa.Integer, nullable=False),
    sa.Column("kid", sa.Text),
    sa.Column("jwt", sa.Text),
    sa.Column("drawn_at", Instant, nullable=False),
    sa.Column("valid_until", Instant),
    sa.Column("issued_at", Instant),
    sa.Column("ended_at", Instant),
    sa.UniqueConstraint("list_id", "list_index"),
    sa.Index("ix_credential_holder_badge_id", "holder", "badge_id"),
    sa.Index("ix_credential_drawn_at_id", "drawn_at", "id"),
)

# The public keys of every credential that was ever issued: an old one must stay verifiable.
credential_key = sa.Table(
    "credential_key",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("jwk", json(), nullable=False),
    sa.Column("published_at", Instant, nullable=False),
)
