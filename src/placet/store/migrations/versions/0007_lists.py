"""Lists and figures at scale: what they are ordered by beside what they are found by."""

import sqlalchemy as sa
from alembic import op

from placet.store.tables import Instant

revision = "0007"
down_revision = "0006"

DROPPED = {
    "case_": ("opened_at_id", "scope_opened_at", "kind_opened_at"),
    "case_party": ("person_id",),
    "candidate": ("person_id_case_id", "role_scope_case_id", "person_id_due_at", "role_scope_due_at"),
}
OPENED = "opened_at", "id"
MADE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("case_", "opened_at", (*OPENED, "title", "kind", "scope"), ""),
    ("case_", "state_opened_at", ("state", *OPENED), ""),
    ("case_", "kind_state_opened_at", ("kind", "state", *OPENED), ""),
    ("case_", "scope_opened_at", ("scope", *OPENED), ""),
    ("case_", "scope_state_opened_at", ("scope", "state", *OPENED), ""),
    ("case_", "scope_kind_state_opened_at", ("scope", "kind", "state", *OPENED), ""),
    ("case_", "closed_at", ("closed_at", "kind", "scope", "id"), "closed_at IS NOT NULL"),
    ("case_party", "person_id_opened_at", ("person_id", "opened_at", "case_id"), ""),
    ("candidate", "person_id_case_opened_at", ("person_id", "case_opened_at", "case_id"), ""),
    ("candidate", "role_case_opened_at", ("role", "case_opened_at", "case_id"), ""),
    ("candidate", "role_scope_case_opened_at", ("role", "scope", "case_opened_at", "case_id"), ""),
    ("candidate", "person_id_due_at", ("person_id", "due_at", "decision_id"), "live"),
    ("candidate", "role_due_at", ("role", "due_at", "decision_id"), "live"),
    ("candidate", "role_scope_due_at", ("role", "scope", "due_at", "decision_id"), "live"),
    ("decision", "form_closed_at", ("form", "closed_at"), "closed_at IS NOT NULL"),
    ("decision", "scope_form_closed_at", ("scope", "form", "closed_at"), "closed_at IS NOT NULL"),
    ("decision", "rung", ("opened_at",), "state = 'open' AND rung > 0"),
    ("message", "refused", ("id",), "state = 'refused'"),
    ("ledger", "at", ("at", "account", "amount"), ""),
)


def upgrade() -> None:
    op.add_column("case_party", sa.Column("opened_at", Instant(), nullable=True))
    op.add_column("candidate", sa.Column("case_opened_at", Instant(), nullable=True))
    op.add_column("decision", sa.Column("kind", sa.Text(), nullable=True))
    op.add_column("decision", sa.Column("scope", sa.Text(), nullable=True))
    for table, column in (("case_party", "opened_at"), ("candidate", "case_opened_at")):
        op.execute(f"UPDATE {table} SET {column} = (SELECT c.opened_at FROM case_ AS c WHERE c.id = {table}.case_id)")
    for column in ("kind", "scope"):
        op.execute(f"UPDATE decision SET {column} = (SELECT c.{column} FROM case_ AS c WHERE c.id = decision.case_id)")
    for table, names in DROPPED.items():
        for name in names:
            op.drop_index(f"ix_{table}_{name}", table_name=table)
    for table, name, columns, condition in MADE:
        where = sa.text(condition) if condition else None
        op.create_index(f"ix_{table}_{name}", table, list(columns), sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    raise RuntimeError("The schema only moves forward; restore a backup to go back.")
