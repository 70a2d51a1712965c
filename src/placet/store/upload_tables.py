"""The table of files that people have sent, and that no case has taken yet."""

import sqlalchemy as sa

from placet.store.columns import metadata
from placet.store.instant import Instant

upload = sa.Table(
    "upload",
    metadata,
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), primary_key=True),
    # Where the content lies is the business of the blob store, hence no foreign key.
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at", Instant, nullable=False, index=True),
    # Since when the content is being deleted.
    sa.Column("going_at", Instant),
)
