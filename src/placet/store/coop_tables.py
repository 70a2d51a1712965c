"""The tables of the cooperative: comments, versions of policies, resources and their states, changes of membership."""

import sqlalchemy as sa

from placet.store.columns import json, metadata
from placet.store.instant import Instant

# `path` sorts the comments of a case into threads: that of the one replied to, then the comment's own number.
comment = sa.Table(
    "comment",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), nullable=False),
    sa.Column("parent_id", sa.Text, sa.ForeignKey("comment.id")),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.UniqueConstraint("case_id", "number"),
    sa.Index("ix_comment_case_id_path", "case_id", "path"),
)

# What was decided about a policy beyond the settings: each version whole, the newest is in force for new cases.
policy_version = sa.Table(
    "policy_version",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("values", json(), nullable=False, key="content"),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text),
    sa.Column("key", sa.Text, unique=True),
    sa.Column("at", Instant, nullable=False),
)

# A project, or a person's membership. `change_key` is the change that brought it into its state.
resource = sa.Table(
    "resource",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("change_key", sa.Text),
    sa.Column("registered_by", sa.Text, nullable=False),
    sa.Index("ix_resource_scope", "scope"),
)

resource_change = sa.Table(
    "resource_change",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("from_state", sa.Text, nullable=False),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("case_id", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("undone_at", Instant),
    sa.Index("ix_resource_change_kind_id", "kind", "id"),
)

# What cases did to people and their grants; `changed` says whether there was anything to do.
membership_change = sa.Table(
    "membership_change",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, nullable=False, index=True),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("role", sa.Text),
    sa.Column("scope", sa.Text),
    sa.Column("changed", sa.Boolean, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("undone_at", Instant),
)
