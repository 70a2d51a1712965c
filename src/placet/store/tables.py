"""The application database, table by table. A change here needs a migration; a test compares the two."""

import sqlalchemy as sa

from placet.store.columns import counter, json, where
from placet.store.columns import metadata as metadata
from placet.store.coop_tables import comment as comment
from placet.store.coop_tables import membership_change as membership_change
from placet.store.coop_tables import policy_version as policy_version
from placet.store.coop_tables import resource as resource
from placet.store.coop_tables import resource_change as resource_change
from placet.store.credential_tables import badge as badge
from placet.store.credential_tables import credential as credential
from placet.store.credential_tables import credential_key as credential_key
from placet.store.credential_tables import credential_status as credential_status
from placet.store.desk_tables import crm_change as crm_change
from placet.store.desk_tables import crm_partner as crm_partner
from placet.store.desk_tables import term_sheet as term_sheet
from placet.store.instant import EPOCH as EPOCH
from placet.store.instant import Instant as Instant
from placet.store.passkey_tables import passkey as passkey
from placet.store.passkey_tables import passkey_challenge as passkey_challenge
from placet.store.session_tables import account as account
from placet.store.session_tables import identity as identity
from placet.store.session_tables import invitation as invitation
from placet.store.session_tables import session as session
from placet.store.session_tables import sign_in_attempt as sign_in_attempt
from placet.store.upload_tables import upload as upload
from placet.store.voting_tables import budget as budget
from placet.store.voting_tables import ledger as ledger
from placet.store.voting_tables import mailing as mailing
from placet.store.voting_tables import proposal as proposal
from placet.store.voting_tables import reservation as reservation
from placet.store.voting_tables import roll as roll
from placet.store.voting_tables import roll_head as roll_head
from placet.store.voting_tables import series as series
from placet.store.voting_tables import work as work
from placet.store.wallet_tables import wallet as wallet

meta = sa.Table(
    "meta", metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)

person = sa.Table(
    "person",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("external", sa.Boolean, nullable=False, default=False),
    sa.Column("active", sa.Boolean, nullable=False, default=True),
    # The line of the registry that shut them out or let them in again, the last of several.
    sa.Column("active_line", sa.Integer),
    sa.Column("created_at", Instant, nullable=False),
)

role_grant = sa.Table(
    "role_grant",
    metadata,
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("granted_by", sa.Text, nullable=False),
    sa.Column("granted_at", Instant, nullable=False),
    sa.Index("ix_role_grant_role_scope_person_id", "role", "scope", "person_id"),
)

access_token = sa.Table(
    "access_token",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("person_id", sa.Text, sa.ForeignKey("person.id"), nullable=False, index=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)

case = sa.Table(
    "case_",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("requester", sa.Text, nullable=False, index=True),
    # No foreign key: a restored database may have lost the parent, and take the child back first.
    sa.Column("parent_id", sa.Text, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    sa.Column("opening", json(), nullable=False),
    sa.Column("outcome", json()),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("closed_at", Instant),
    sa.Column("clock", Instant, nullable=False),
    sa.Column("paused_at", Instant),
    sa.Column("paused_us", sa.BigInteger, nullable=False, default=0, server_default="0"),
    sa.Column("compensating", sa.Boolean, nullable=False, default=False),
    sa.Column("cancelled_by", sa.Text),
    sa.Column("cancel_reason", sa.Text),
    sa.Column("final_step", sa.Text),
    sa.Column("run_id", sa.Text),
    sa.Column("past_runs", json(), nullable=False, default=list),
    sa.Column("progress", sa.Integer, nullable=False, default=0),
    sa.Column("audit_seq", sa.Integer, nullable=False, default=0),
    sa.Column("audit_head", sa.Text, nullable=False),
    # Lists are read newest first, whatever they are narrowed to; the first also answers searches and figures alone.
    sa.Index("ix_case__opened_at", "opened_at", "id", "title", "kind", "scope"),
    sa.Index("ix_case__state_opened_at", "state", "opened_at", "id"),
    sa.Index("ix_case__kind_state_opened_at", "kind", "state", "opened_at", "id"),
    sa.Index("ix_case__scope_opened_at", "scope", "opened_at", "id"),
    sa.Index("ix_case__scope_state_opened_at", "scope", "state", "opened_at", "id"),
    sa.Index("ix_case__scope_kind_state_opened_at", "scope", "kind", "state", "opened_at", "id"),
    sa.Index("ix_case__closed_at", "closed_at", "kind", "scope", "id", **where("closed_at IS NOT NULL")),
)

case_party = sa.Table(
    "case_party",
    metadata,
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("why", sa.Text, nullable=False),
    # When the case opened: the order of the list that is read from here.
    sa.Column("opened_at", Instant),
    sa.Index("ix_case_party_person_id_opened_at", "person_id", "opened_at", "case_id"),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("form", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("rules", json(), nullable=False),
    sa.Column("subject", json()),
    sa.Column("tally", json(), nullable=False, default=dict),
    sa.Column("rung", sa.Integer, nullable=False, default=0),
    sa.Column("shift_us", sa.BigInteger, nullable=False, default=0),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("next_at", Instant),
    sa.Column("closed_at", Instant),
    sa.Column("verdict", json()),
    sa.Column("consumed_at", Instant),
    # The sweep leaves the case alone until then: waking a case that cannot move must not fill its history.
    sa.Column("quiet_until", Instant),
    # Of the case, for figures over many decisions.
    sa.Column("kind", sa.Text),
    sa.Column("scope", sa.Text),
    sa.UniqueConstraint("case_id", "name", "ordinal"),
    sa.Index("ix_decision_form_closed_at", "form", "closed_at", **where("closed_at IS NOT NULL")),
    sa.Index("ix_decision_scope_form_closed_at", "scope", "form", "closed_at", **where("closed_at IS NOT NULL")),
    sa.Index("ix_decision_rung", "opened_at", **where("state = 'open' AND rung > 0")),
    sa.Index(
        "ix_decision_next_at",
        "next_at",
        **where("state = 'open'"),
    ),
    sa.Index(
        "ix_decision_closed_at",
        "closed_at",
        **where("state = 'closed' AND consumed_at IS NULL"),
    ),
)


candidate = sa.Table(
    "candidate",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), nullable=False, index=True),
    sa.Column("case_id", sa.Text, nullable=False, index=True),
    sa.Column("person_id", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("scope", sa.Text),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("live", sa.Boolean, nullable=False, default=True),
    # When the case opened: the order of the list of cases.
    sa.Column("case_opened_at", Instant),
    sa.Index("ix_candidate_person_id_case_opened_at", "person_id", "case_opened_at", "case_id"),
    sa.Index("ix_candidate_role_case_opened_at", "role", "case_opened_at", "case_id"),
    sa.Index("ix_candidate_role_scope_case_opened_at", "role", "scope", "case_opened_at", "case_id"),
    sa.Index("ix_candidate_person_id_due_at", "person_id", "due_at", "decision_id", **where("live")),
    sa.Index("ix_candidate_role_due_at", "role", "due_at", "decision_id", **where("live")),
    sa.Index("ix_candidate_role_scope_due_at", "role", "scope", "due_at", "decision_id", **where("live")),
)

exclusion = sa.Table(
    "exclusion",
    metadata,
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("at", Instant, nullable=False),
)

act = sa.Table(
    "act",
    metadata,
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), primary_key=True),
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("data", json(), nullable=False),
    sa.Column("subject_hash", sa.Text, nullable=False),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
)

step = sa.Table(
    "step",
    metadata,
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("undoes", sa.Text),
    sa.Column("input_digest", sa.Text, nullable=False),
    sa.Column("result", json()),
    sa.Column("error", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("planned_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    # The writing transaction, on Postgres: readers follow the log in the order in which it became visible.
    sa.Column("txid", sa.BigInteger, nullable=False, default=0),
    sa.Column("chain", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("case_id", sa.Text),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    # JSON, not JSONB: the hash is over the numbers as they were written.
    sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.UniqueConstraint("chain", "seq"),
    sa.Index("ix_audit_txid_id", "txid", "id"),
)

audit_text = sa.Table(
    "audit_text",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
)

chain_head = sa.Table(
    "chain_head",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

checkpoint = sa.Table(
    "checkpoint",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("heads", json(), nullable=False),
    sa.Column("prev", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

checkpointed = sa.Table(
    "checkpointed",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("claimed_at", Instant),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    # An unclaimed wake-up already covers what happens now; a claimed one may be on its way with an older view.
    sa.Index(
        "uq_outbox_unclaimed",
        "case_id",
        "action",
        unique=True,
        **where("claimed_at IS NULL"),
    ),
    sa.Index("ix_outbox_next_at", "next_at"),
)

message = sa.Table(
    "message",
    metadata,
    sa.Column("id", counter(), primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("person_id", sa.Text, nullable=False, index=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    # What subject and text were made of; of a mailing it stands there.
    sa.Column("said", json()),
    sa.Column("case_id", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("error", sa.Text),
    sa.Index(
        "ix_message_next_at",
        "next_at",
        **where("state IN ('queued', 'sending')"),
    ),
    sa.Index("ix_message_refused", "id", **where("state = 'refused'")),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.Text, nullable=False),
    sa.Column("answer", json(), nullable=False),
    sa.Column("at", Instant, nullable=False),
)

signal_token = sa.Table(
    "signal_token",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("decision_id", sa.Text, sa.ForeignKey("decision.id"), nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

case_document = sa.Table(
    "case_document",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("case_id", sa.Text, sa.ForeignKey("case_.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    # Where the content lies is the business of the blob store, hence no foreign key.
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("uploaded_by", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("receipt", sa.Text, nullable=False),
    sa.UniqueConstraint("case_id", "name", "round", "hash"),
)
