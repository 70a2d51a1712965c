"""People who are shut out: the line that tells since when, by whom and why."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("person", sa.Column("active_line", sa.Integer(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
