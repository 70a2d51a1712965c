"""Credentials: badges, who holds them, the lists of what was revoked, and the public keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from placet.store.tables import Instant

revision = "0005"
down_revision = "0004"

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "badge",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_badge"),
    )
    op.create_table(
        "credential_status",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("next_index", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=False),
        sa.Column("jwt", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_credential_status"),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("badge_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("order", JSON, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=True),
        sa.Column("jwt", sa.Text(), nullable=True),
        sa.Column("drawn_at", Instant(), nullable=False),
        sa.Column("valid_until", Instant(), nullable=True),
        sa.Column("issued_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["badge_id"], ["badge.id"], name="fk_credential_badge_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name="fk_credential_case_id"),
        sa.ForeignKeyConstraint(["list_id"], ["credential_status.id"], name="fk_credential_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
        sa.UniqueConstraint("key", name="uq_credential_key"),
        sa.UniqueConstraint("list_id", "list_index", name="uq_credential_list_id_list_index"),
    )
    op.create_index("ix_credential_case_id", "credential", ["case_id"])
    op.create_index("ix_credential_drawn_at_id", "credential", ["drawn_at", "id"])
    op.create_index("ix_credential_holder_badge_id", "credential", ["holder", "badge_id"])
    op.create_table(
        "credential_key",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("jwk", JSON, nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_credential_key"),
    )


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
