"""What is proposed, as rows: the status that everybody sees follows the decisions of its case."""

from typing import Any

import sqlalchemy as sa

from placet.domain.proposal import ProposalFacts, WorkFacts
from placet.store import tables as t
from placet.store.cases import LockedCase
from placet.store.engine import Tx

PENDING, APPROVED, REJECTED, EXPIRED, DELETED = "pending", "approved", "rejected", "expired", "deleted"
WITHDRAWN = "withdrawn"
ENDS = (APPROVED, REJECTED, EXPIRED, WITHDRAWN)
OPEN, DONE = "open", "done"
"""States of work; it can also be `DELETED`."""
ACTIVE, STOPPED = "active", "stopped"
"""States of a series."""

_OWN = t.proposal.c.id == sa.bindparam("of_proposal")
_FIND = sa.select(t.proposal).where(_OWN)
_MARK = t.proposal.update().where(_OWN)


def insert(tx: Tx, case: LockedCase, facts: ProposalFacts) -> None:
    """Write the row of what a case proposes; it opens with the case."""
    row: dict[str, Any] = {
        **facts.model_dump(mode="json"),
        "id": case.id,
        "proposer": case["requester"],
        "scope": case["scope"],
        "status": PENDING,
        "awaiting_funds": False,
        "vote_decision": None,
        "finalized_at": None,
        "finalized_by": None,
        "deleted_by": None,
        "created_at": tx.now,
    }
    tx.insert_ignoring(t.proposal, row)


def insert_work(tx: Tx, case: LockedCase, facts: WorkFacts) -> None:
    """Write the row of a case that carries a proposal out."""
    row = {**facts.model_dump(), "id": case.id, "state": OPEN, "owed": 0, "deleted_by": None, "created_at": tx.now}
    tx.insert_ignoring(t.work, row)


def find(tx: Tx, proposal_id: str) -> dict[str, Any] | None:
    row = tx.conn.execute(_FIND, {"of_proposal": proposal_id}).mappings().one_or_none()
    return dict(row) if row else None


def mark(tx: Tx, proposal_id: str, **values: Any) -> None:
    """Let the proposal's row follow; nothing happens for a case that proposes nothing."""
    tx.conn.execute(_MARK, {"of_proposal": proposal_id, **values})
