"""Mails in the language of whoever gets them: what each was made of."""

import sqlalchemy as sa
from alembic import op

from placet.store.columns import json

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for table in ("message", "mailing"):
        op.add_column(table, sa.Column("said", json(), nullable=True))


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
