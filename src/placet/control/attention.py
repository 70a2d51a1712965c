"""Cases that need people to go on: the step that failed, why, and the task that asks what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from placet.control import reading
from placet.control.listing import Narrowing, Place, newest
from placet.control.overview_views import MOST_LISTED, Attention
from placet.domain.people import Person
from placet.domain.step import StepState
from placet.store import tables as t
from placet.store.engine import Tx

NEEDED = Narrowing(state="needs-attention")

_s, _d = t.step.c, t.decision.c


def needed(tx: Tx, person: Person, most: int) -> tuple[list[Attention], int]:
    """The newest of these cases that this person sees; and how many there are, up to one more than can be listed."""
    found = newest(tx, person, NEEDED, None, MOST_LISTED + 1)
    return lines(tx, found[:most]), len(found)


def lines(tx: Tx, places: Sequence[Place]) -> list[Attention]:
    """What these cases need, in their order."""
    ids = [case_id for _, case_id in places]
    cases, failed, asking = reading.cases(tx, ids), failures(tx, ids), _asking(tx, ids)
    return [_line(cases[case_id], failed.get(case_id), asking.get(case_id)) for case_id in ids]


def failures(tx: Tx, cases: Sequence[str]) -> dict[str, Mapping[Any, Any]]:
    """The last step of each of these cases that has failed, if one has."""
    if not cases:
        return {}
    query = sa.select(t.step).where(_s.case_id.in_(cases), _s.state == StepState.FAILED).order_by(_s.finished_at)
    return {row["case_id"]: row for row in tx.conn.execute(query).mappings()}


def _asking(tx: Tx, cases: Sequence[str]) -> dict[str, Mapping[Any, Any]]:
    """The open task of each of these cases that asks what to do."""
    if not cases:
        return {}
    still = (_d.case_id.in_(cases), _d.state == "open", _d.form == "task", _d.name.startswith("attention"))
    query = sa.select(_d.case_id, _d.id, _d.opened_at, _d.rules).where(*still)
    return {row["case_id"]: row for row in tx.conn.execute(query).mappings()}


def _line(case: Mapping[Any, Any], failed: Mapping[Any, Any] | None, asking: Mapping[Any, Any] | None) -> Attention:
    """A case may also need attention without a step that failed: its database was restored, or the engine lost it."""
    why = failed["error"] if failed else asking["rules"].get("instructions") if asking else None
    since = failed["finished_at"] if failed else asking["opened_at"] if asking else case["opened_at"]
    return Attention(
        case_id=case["id"],
        case_title=case["title"],
        kind=case["kind"],
        scope=case["scope"],
        step=(failed["undoes"] or failed["name"]) if failed else None,
        error=why or None,
        since=since,
        task=asking["id"] if asking else None,
    )
