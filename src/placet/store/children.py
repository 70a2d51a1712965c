"""The decision that waits for another case: opening it inserts that case, its end closes it.

A parent is always locked before its child. The end of a child only wakes the parent, which then looks at the child's
row; a wake-up that was lost is made up for by the sweep.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import digest
from placet.domain.child import ChildRules, child_id, ended
from placet.domain.course import Beginning, ChildSpec
from placet.domain.people import SYSTEM
from placet.domain.task import Verdict
from placet.store import outbox
from placet.store import tables as t
from placet.store.cases import LockedCase, create
from placet.store.decisions import LockedDecision, close, decision_id, insert
from placet.store.engine import Tx

_d, _c = t.decision.c, t.case.c
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
_STATE = sa.select(_c.state, _c.is_open, _c.outcome, _c.closed_at, _c.parent_id).where(
    _c.id == sa.bindparam("of_child")
)
_child = t.case.alias()
_ITS_ID = _d.case_id + "-" + _d.name + "-" + sa.cast(_d.ordinal, sa.Text)
_WAITING = sa.select(
    sa.exists().where(
        _d.case_id == sa.bindparam("of_parent"),
        _d.form == "child",
        _d.state == "open",
        sa.bindparam("of_child") == _ITS_ID,
    )
)

NOT_BEGUN = "cancelled"
"""How a child ends for its parent when the parent ended before the child could begin."""

Begin = Callable[[Tx, str, Beginning], None]


class LockedChild(LockedDecision):
    form = "child"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        super().__init__(case, row)
        self.rules = ChildRules.model_validate(row["rules"])

    def times(self) -> tuple[datetime | None, datetime | None]:
        return None, None

    def catch_up(self) -> None:
        """Close once the child has closed."""
        child = self.case.tx.conn.execute(_STATE, {"of_child": self.rules.case}).one_or_none()
        if child is not None and not child.is_open and child.parent_id == self.case.id:
            close(self, ended(self.rules.case, child.state, child.outcome or {}, child.closed_at))

    def ended(self, verdict: Verdict) -> None:
        """What the child did stands: a closed case is never taken back."""


def open_child(case: LockedCase, spec: ChildSpec, ordinal: int, begin: Begin, known: bool = False) -> LockedChild:
    """Get the decision with this natural key, or open it now and insert the case that it waits for.

    A case that is being taken back begins nothing more, unless it has `known` this child, and the database forgot it.
    """
    tx, found = case.tx, decision_id(case.id, spec.name, ordinal)
    if (there := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedChild(case, there)
    opening = spec.opening
    rules = ChildRules(title=spec.title, case=child_id(case.id, spec.name, ordinal), kind=opening.kind)
    assert rules.case == opening.case_id and opening.parent == case.id
    row = insert(case, "child", spec.name, ordinal, rules.model_dump(mode="json"), None)
    asked = LockedChild(case, row)
    case.audit(SYSTEM, "child.opened", {"child": found, "case": rules.case, "kind": rules.kind})
    present = tx.conn.execute(_STATE, {"of_child": rules.case}).one_or_none()
    if present is None and case["compensating"] and not known:
        close(asked, ended(rules.case, NOT_BEGUN, {}, tx.now))
        return asked
    if present is None:
        told = opening.model_dump(mode="json")
        evidence = {"parent": case.id, "request": digest(opening.request), "policy": digest(opening.policy)}
        create(
            tx,
            rules.case,
            opening.kind,
            opening.scope,
            opening.title,
            opening.requester,
            told,
            SYSTEM,
            evidence,
            parent_id=case.id,
        )
        begin(tx, rules.case, spec.beginning)
    elif present.parent_id != case.id:
        raise RuntimeError(f"{rules.case} is another case already")
    asked.settle()
    return asked


def parent_locked(tx: Tx, parent: str) -> None:
    """Hold the parent before its child is locked: whoever ends a child writes a wake-up that refers to the parent."""
    tx.conn.execute(sa.select(_c.id).where(_c.id == parent).with_for_update())


def wake_parent(case: LockedCase) -> None:
    """Have the parent look, if it waits for this case."""
    parent = case["parent_id"]
    if parent is None:
        return
    waiting = {"of_parent": parent, "of_child": case.id}
    if case.tx.conn.execute(_WAITING, waiting).scalar_one():
        outbox.put(case.tx, parent, "wake")


def missed(before: datetime) -> sa.Select[tuple[str, str, datetime]]:
    """The decisions whose child closed before this moment, and that are still open: (id, parent, since when)."""
    return (
        sa.select(_d.id, _d.case_id, _child.c.closed_at.label("since"))
        .select_from(t.decision)
        .join(t.case, _d.case_id == _c.id)
        .join(_child, _child.c.id == _ITS_ID)
        .where(_d.form == "child", _d.state == "open", ~_child.c.is_open, _child.c.closed_at < before)
    )
