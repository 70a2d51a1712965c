"""Files that people have sent, and that no case has taken yet."""

import sqlalchemy as sa
from alembic import op

from placet.store.tables import Instant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "upload",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("going_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_upload_person_id"),
        sa.PrimaryKeyConstraint("person_id", "hash", name="pk_upload"),
    )
    op.create_index("ix_upload_at", "upload", ["at"])


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
