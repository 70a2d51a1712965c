"""Proposals in the order of time, whatever became of them."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_index("ix_proposal_created_at", "proposal", ["created_at", "id"])


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
