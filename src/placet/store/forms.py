"""The forms of a decision, and what treats them alike."""

from contextlib import suppress

import sqlalchemy as sa

from placet.domain.ballot import BallotSpec
from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Ask, Beginning, ChildSpec
from placet.domain.funds import FundsSpec
from placet.domain.multisig import MultisigSpec
from placet.domain.task import TaskSpec
from placet.store import proposals
from placet.store import tables as t
from placet.store.ballots import LockedBallot, RollNotStaged, open_ballot
from placet.store.cases import LockedCase, locked
from placet.store.children import LockedChild, open_child
from placet.store.decisions import LockedDecision
from placet.store.engine import Tx
from placet.store.funds import LockedFunds, open_funds
from placet.store.multisig import LockedMultisig, open_multisig
from placet.store.tasks import LockedTask, open_task

FORMS: dict[str, type[LockedDecision]] = {
    form.form: form for form in (LockedTask, LockedBallot, LockedFunds, LockedMultisig, LockedChild)
}

_d = t.decision.c
_OPEN = (
    sa.select(t.decision)
    .where(_d.case_id == sa.bindparam("of_case"), _d.state == "open")
    .order_by(_d.opened_at, _d.id)
    .with_for_update()
)


def open_decisions(case: LockedCase) -> list[LockedDecision]:
    """The open decisions of a case, locked, oldest first."""
    rows = case.tx.conn.execute(_OPEN, {"of_case": case.id}).mappings().all()
    return [FORMS[row["form"]](case, row) for row in rows]


def opened(case: LockedCase, ask: Ask, calendar: BusinessCalendar) -> LockedDecision:
    """Get the decision that a case asks for, or open it now."""
    match ask.spec:
        case TaskSpec():
            return open_task(case, ask.spec, ask.ordinal, calendar)
        case BallotSpec():
            return open_ballot(case, ask.spec, ask.ordinal)
        case FundsSpec():
            return open_funds(case, ask.spec, ask.ordinal)
        case ChildSpec():
            return open_child(case, ask.spec, ask.ordinal, begin_if_small, known=ask.open)
        case MultisigSpec():
            return open_multisig(case, ask.spec, ask.ordinal, calendar)


def begin(tx: Tx, case_id: str, beginning: Beginning) -> None:
    """Open what opens with its case. Raises RollNotStaged for a large electorate."""
    if beginning.proposal is None and beginning.ballot is None:
        return
    with locked(tx, case_id) as case:
        if beginning.proposal is not None:
            proposals.insert(tx, case, beginning.proposal)
        if beginning.ballot is not None:
            open_ballot(case, beginning.ballot, 1)


def begin_if_small(tx: Tx, case_id: str, beginning: Beginning) -> None:
    """The same for a case that another one starts; a large electorate is left to the case's own first report."""
    with suppress(RollNotStaged):
        begin(tx, case_id, beginning)
