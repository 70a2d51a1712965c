"""A case that another case has started and waits for, pure."""

from datetime import datetime
from typing import Any

from placet.domain.model import Durable
from placet.domain.said import Said
from placet.domain.task import Reason, Verdict

COMPLETED = "completed"
"""The one state of a closed child with which its parent may go on."""


class ChildRules(Durable):
    """Which case is waited for, frozen."""

    title: str
    case: str
    kind: str


def child_id(parent: str, name: str, ordinal: int) -> str:
    """The id of a child, by the natural key of the decision that waits for it."""
    return f"{parent}-{name}-{ordinal}"


def ended(case: str, state: str, outcome: dict[str, Any], at: datetime) -> Verdict:
    """The verdict that the end of a child is for its parent; `data` holds its id, state and outcome."""
    return Verdict(
        outcome=state,
        favourable=state == COMPLETED,
        reason=Reason.ENDED,
        at=at,
        comment=str(outcome.get("reason") or ""),
        data={"case": case, "state": state, "outcome": outcome},
    )


def child_sentence(rules: ChildRules) -> Said:
    return Said("Waiting for the end of another case, %(case)s: %(title)s.", case=rules.case, title=Said(rules.title))
