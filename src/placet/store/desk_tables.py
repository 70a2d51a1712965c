"""The tables of the embedded desks: partners and their changes of status, drafted term sheets."""

import sqlalchemy as sa

from placet.store.columns import metadata
from placet.store.instant import Instant

crm_partner = sa.Table(
    "crm_partner",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("change_key", sa.Text),
    sa.Column("updated_at", Instant, nullable=False),
)

crm_change = sa.Table(
    "crm_change",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, nullable=False, index=True),
    sa.Column("from_status", sa.Text),
    sa.Column("to_status", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("undone_at", Instant),
)

term_sheet = sa.Table(
    "term_sheet",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, sa.ForeignKey("document.hash"), nullable=False),
    sa.Column("partner_id", sa.Text, nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("drafted_at", Instant, nullable=False),
    sa.Column("retracted_at", Instant),
)
