"""Run by Alembic: migrates over the connection, and in the transaction, that `placet.store.schema` holds.

A new revision is drafted by `schema.draft`, and then read and corrected by hand.
"""

from alembic import context

from placet.store.schema import render_item
from placet.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render_item,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
