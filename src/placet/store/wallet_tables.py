"""The wallets with which people sign: one a person, and no wallet twice."""

import sqlalchemy as sa

from placet.store.columns import metadata
from placet.store.instant import Instant

wallet = sa.Table(
    "wallet",
    metadata,
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("address", sa.Text, nullable=False, unique=True),
    sa.Column("registered_by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)
