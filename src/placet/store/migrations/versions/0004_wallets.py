"""Wallets: the address with which each person signs."""

import sqlalchemy as sa
from alembic import op

from placet.store.tables import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "wallet",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_wallet_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_wallet"),
        sa.UniqueConstraint("address", name="uq_wallet_address"),
    )


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
