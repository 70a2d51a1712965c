"""The tables of voting: frozen electorates, proposals and what they become, the budget and its ledger."""

import sqlalchemy as sa

from placet.store.columns import counter, json, metadata, where
from placet.store.instant import Instant

# Who may vote on one ballot, frozen. It is staged before the ballot opens, hence no foreign key.
roll = sa.Table(
    "roll",
    metadata,
    sa.Column("decision_id", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)

# A roll that has been staged whole; `registry` is the state of the grants that it was read from.
roll_head = sa.Table(
    "roll_head",
    metadata,
    sa.Column("decision_id", sa.Text, primary_key=True),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("registry", sa.Integer, nullable=False),
)

# `kind`: a workflow that is proposed, or the deletion of one (then `target_kind` and `target_id` say of what).
proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("id", sa.Text, sa.ForeignKey("case_.id"), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("proposer", sa.Text, nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("steps", json(), nullable=False),
    sa.Column("recurrence", sa.Text, nullable=False),
    sa.Column("weekly_requirement", sa.BigInteger, nullable=False),
    sa.Column("instance_requirement", sa.BigInteger, nullable=False),
    sa.Column("series_id", sa.Text, index=True),
    sa.Column("target_kind", sa.Text),
    sa.Column("target_id", sa.Text, index=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("awaiting_funds", sa.Boolean, nullable=False, default=False),
    sa.Column("vote_decision", sa.Text),
    sa.Column("finalized_at", Instant),
    sa.Column("finalized_by", sa.Text),
    sa.Column("deleted_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_proposal_status_created_at", "status", "created_at", "id"),
    # For lists of several states, which want the newest of all.
    sa.Index("ix_proposal_created_at", "created_at", "id"),
)

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("proposal_id", sa.Text, sa.ForeignKey("proposal.id"), nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("stopped_at", Instant),
)

# One carrying-out of an approved proposal; `slot` is the moment for which a series made it, or `once`.
work = sa.Table(
    "work",
    metadata,
    sa.Column("id", sa.Text, sa.ForeignKey("case_.id"), primary_key=True),
    sa.Column("proposal_id", sa.Text, nullable=False),
    sa.Column("slot", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    # What the reservation still owes for it; 0 until it is funded, and once it has ended.
    sa.Column("owed", sa.BigInteger, nullable=False, default=0),
    sa.Column("deleted_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("proposal_id", "slot"),
)

# `balance` is all there is, `allocated` what is promised of it. The ledger is the truth, this row its sum and the
# second wall: no transaction can promise what is not there.
budget = sa.Table(
    "budget",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("balance", sa.BigInteger, nullable=False),
    sa.Column("allocated", sa.BigInteger, nullable=False),
    # How often money became free, and up to which of these times those who wait for it have been asked.
    sa.Column("freed", sa.BigInteger, nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
    sa.CheckConstraint("allocated >= 0", name="not_negative"),
    sa.CheckConstraint("allocated <= balance", name="covered"),
    sa.CheckConstraint("balance <= 9007199254740991", name="exact_in_json"),
)

reservation = sa.Table(
    "reservation",
    metadata,
    # No foreign key: money must move also when a restored database has lost the proposal.
    sa.Column("proposal_id", sa.Text, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount >= 0", name="not_negative"),
)

# Double entry: the amounts under one key add up to zero.
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False, index=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("case_id", sa.Text, index=True),
    sa.Column("memo", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.UniqueConstraint("key", "account"),
    sa.Index("ix_ledger_at", "at", "account", "amount"),
)

# One mail to everybody on a roll, expanded into messages page by page; `cursor` is the last person written to.
mailing = sa.Table(
    "mailing",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("said", json()),
    sa.Column("cursor", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("done_at", Instant),
    sa.Index("ix_mailing_id", "id", **where("done_at IS NULL")),
)
