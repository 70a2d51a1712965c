"""Shutting somebody out: what they hold in their hands falls away, and what they are waits for their return.

Claims, sessions, tokens and invitations end for good. Grants, password and passkeys stay, and so do the tasks that were
put or passed on to them by name: others see that nobody answers there, and whoever comes back finds them again.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from placet.store import people, sessions, signals
from placet.store import tables as t
from placet.store.cases import LockedCase, locked
from placet.store.engine import Tx

_d, _cl = t.decision.c, t.claim.c
_CLAIMED = (
    sa.select(_d.case_id, _d.id)
    .join_from(t.claim, t.decision, _d.id == _cl.decision_id)
    .where(_cl.person_id == sa.bindparam("of_person"))
    .order_by(_d.case_id, _d.id)
)
_END_CLAIM = t.claim.delete().where(
    _cl.decision_id == sa.bindparam("of_task"), _cl.person_id == sa.bindparam("of_person")
)

Claims = Sequence[tuple[LockedCase, str]]
"""The tasks that somebody has claimed, by id, each with its locked case."""


@contextmanager
def held(tx: Tx, person_id: str) -> Iterator[Claims]:
    """Hold the registry, and before it, as cases are locked first, every case in which this person claimed a task."""
    rows = tx.conn.execute(_CLAIMED, {"of_person": person_id}).all()
    with ExitStack() as locks:
        cases = {
            case_id: locks.enter_context(locked(tx, case_id)) for case_id in dict.fromkeys(r.case_id for r in rows)
        }
        people.hold(tx)
        yield [(cases[row.case_id], row.id) for row in rows]


def deactivate(tx: Tx, by: str, person_id: str, claims: Claims, case_id: str | None = None, reason: str = "") -> bool:
    """From now on nobody gets in as this person, within `held`; False, and nothing is changed, for the last
    administrator. `case_id` is the case that decided it, if one did."""
    if people.is_last_admin(tx, person_id):
        return False
    for case, task_id in claims:
        # They may have given it back before the case was locked.
        if tx.conn.execute(_END_CLAIM, {"of_task": task_id, "of_person": person_id}).rowcount:
            case.audit(by, "task.unclaimed", {"task": task_id, "of": person_id})
    _end_access(tx, by, person_id)
    people.set_active(tx, by, person_id, False, case_id, reason)
    return True


def reactivate(tx: Tx, by: str, person_id: str, case_id: str | None = None, reason: str = "") -> None:
    """Let somebody in again, with the grants they have; nothing that opened a door before does so again."""
    # Releases before 1.0 shut people out without ending what they held.
    _end_access(tx, by, person_id)
    people.set_active(tx, by, person_id, True, case_id, reason)


def _end_access(tx: Tx, by: str, person_id: str) -> None:
    sessions.end(tx, by, person_id, sa.true())
    sessions.end_invitations(tx, person_id)
    people.revoke_tokens(tx, by, person_id)
    signals.end_tokens(tx, person_id)
