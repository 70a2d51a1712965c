"""The figures of the overview, each from an index and from no more rows than it says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from math import ceil
from statistics import median
from typing import Any, Literal

import sqlalchemy as sa

from placet.control import counting
from placet.control.counting import CountLine
from placet.control.history import Flow, Past, date_of, day_in, microseconds, moment, number_of
from placet.control.merging import merged
from placet.control.overview_views import MOST_LISTED, Budget, Overdue, Throughput, Turnout, Waiting
from placet.control.part import Part, Piece
from placet.domain.ballot import BallotRules
from placet.domain.task import RungAction
from placet.store import funds
from placet.store import tables as t
from placet.store.ballots import count_of
from placet.store.cases import OPEN_STATES
from placet.store.engine import Tx
from placet.store.instant import EPOCH
from placet.store.tasks import LockedTask

NEWEST, LEAST = 300, 100
"""So many decisions of each form tell how long people take; at least so many of each scope."""

SUNDAY = 6
MOST_STEPS = 40

_k, _d, _c, _l = t.case.c, t.decision.c, t.candidate.c, t.ledger.c
# In plain words: SQLite knows a partial index only by them.
CLIMBED = sa.text("decision.state = 'open' AND decision.rung > 0")
OPEN = sa.text("decision.state = 'open'")


def counts(tx: Tx, part: Part, past: Past, flow: Flow) -> list[CountLine]:
    """Cases by kind and state."""
    found = Counter(flow.ended)
    kinds = past.kinds | {kind for _, kinds in flow.opened for kind in kinds}
    for piece in part.together(_k.scope):
        # In the order of the index that leads to the open ones, so that nothing that is closed is looked at.
        by = (_k.scope, _k.kind, _k.state) if piece else (_k.kind, _k.state)
        found += counting.counted(tx, _k.kind.in_(kinds), _k.state.in_(OPEN_STATES), *piece, by=by)
    return counting.lines(found if part.everything else found + counting.beside(tx, part.person))


def throughput(flow: Flow, since: date, by: Literal["day", "week"]) -> list[Throughput]:
    """Cases opened and closed, by day or week and by kind."""
    found: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for place, days in enumerate((flow.opened, flow.closed)):
        for day, kinds in days:
            # The first day of 1970 was a Thursday.
            begins = day - (day + 3) % 7 if by == "week" else day
            for kind, cases in kinds.items():
                found[begins, kind][place] += cases
    first = number_of(since)
    dates = {begins: date_of(begins) for begins, _ in found}
    return [
        Throughput(begins=dates[begins], kind=kind, opened=opened, closed=closed)
        for (begins, kind), (opened, closed) in sorted(found.items())
        if begins >= first
    ]


def decided(tx: Tx, part: Part, form: str, since: datetime) -> Sequence[Any]:
    """The decisions of this form that were decided last, newest first: of what, and how many microseconds they were
    open, without pauses.
    """
    # Single cases are found by their ids: everybody's decisions of that time would be many more.
    by_case = sa.func.coalesce(_d.closed_at, sa.literal(EPOCH, _d.closed_at.type), type_=_d.closed_at.type)
    ways: list[tuple[sa.ColumnElement[Any], Piece]] = [(_d.closed_at, piece) for piece in part.whole(_d.scope)]
    ways += [(by_case, piece) for piece in part.single(_d.case_id, _d.scope)]
    # Both as the database has them: there are hundreds, and nobody reads them as moments.
    ordered = sa.type_coerce(_d.closed_at, sa.BigInteger).label("ordered")
    lasted = (microseconds(tx, _d.closed_at) - microseconds(tx, _d.opened_at) - _d.shift_us).label("lasted")
    found: list[Any] = []
    for ended, piece in ways:
        query = sa.select(_d.id, _d.form, _d.kind, _d.name, ordered, lasted)
        query = query.where(_d.form == form, ended >= since, _d.state == "closed", *piece)
        found += tx.conn.execute(query.order_by(ended.desc()).limit(max(NEWEST // len(ways), LEAST)))
    return sorted(found, key=lambda row: (row.ordered, row.id), reverse=True)[:NEWEST]


def waiting(decisions: Iterable[Any]) -> list[Waiting]:
    """How long people took over these, by kind and step."""
    took: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for _, form, kind, name, _, lasted in decisions:
        took[kind or "", name, form].append(max(lasted, 0) / 1_000_000)
    lines = [
        Waiting(kind=kind, name=name, form=form, decided=len(all_of), median=median(all_of), p90=_p90(all_of))
        for (kind, name, form), all_of in took.items()
    ]
    most = sorted(lines, key=lambda line: (-line.decided, line.kind, line.name))[:MOST_STEPS]
    return sorted(most, key=lambda line: (line.kind, line.name, line.form))


def turnout(tx: Tx, ballots: Iterable[Any]) -> list[Turnout]:
    """How many voted, of these; newest first."""
    columns = (_d.closed_at, _d.rules, _d.tally, _d.shift_us, _d.verdict)
    return [_turnout(row) for row in _full(tx, [row.id for row in ballots], _d.closed_at.desc(), *columns)]


def overdue(tx: Tx, part: Part, most: int) -> tuple[list[Overdue], int]:
    """Open tasks that were escalated or are past their deadline, oldest first; and how many there are, up to one more
    than can be listed."""
    raised = CLIMBED & sa.exists().where(_c.decision_id == _d.id, _c.via == "escalation")
    late = OPEN & (_d.next_at <= tx.now) & (_d.due_at < tx.now)
    ways = [(raised, _d.opened_at, piece) for piece in part.whole_in_time(_d.scope)]
    ways += [(late, _d.next_at, piece) for piece in part.whole_in_time(_d.scope)]
    # Single cases are found by their ids, and looked at once for both.
    ways += [(raised | late, _d.opened_at, piece) for piece in part.single(_d.case_id, _d.scope)]
    branches: list[sa.Select[Any]] = []
    for condition, order, piece in ways:
        query = sa.select(_d.id, _d.opened_at).join_from(t.decision, t.case, _k.id == _d.case_id)
        query = query.where(condition, _d.form == LockedTask.form, _k.paused_at.is_(None), *piece)
        branches.append(query.order_by(order).limit(MOST_LISTED + 1))
    oldest = sorted(merged(tx, branches), key=lambda row: (row[1], row[0]))
    columns = (_d.opened_at, _d.due_at, _d.rules, _d.rung)
    rows = _full(tx, [row[0] for row in oldest[:most]], _d.opened_at, *columns)
    return [_overdue(row) for row in rows], min(len(oldest), MOST_LISTED + 1)


def budget(tx: Tx, since: date, until: date, by: Literal["day", "week"]) -> list[Budget]:
    """The faucet at the end of each day, or of each week and now, counted back from what it is now."""
    first = moment(number_of(since))
    on = day_in(tx, _l.at).label("day")
    free = sa.func.sum(sa.case((_l.account == funds.FAUCET, _l.amount), else_=0))
    prefix, beyond = funds.account(""), funds.account("")[:-1] + chr(ord(funds.account("")[-1]) + 1)
    promised = sa.func.sum(sa.case(((_l.account >= prefix) & (_l.account < beyond), _l.amount), else_=0))
    moved = {
        int(row[0]): (int(row[1]), int(row[2]))
        for row in tx.conn.execute(sa.select(on, free, promised).where(_l.at >= first).group_by(on))
    }
    now = funds.totals(tx)
    unallocated, allocated = now["unallocated"], now["allocated"]
    told: list[Budget] = []
    for number in range(number_of(until), number_of(since) - 1, -1):
        day = date_of(number)
        if by == "day" or not told or day.weekday() == SUNDAY:
            balance = unallocated + allocated
            told.append(Budget(day=day, balance=balance, allocated=allocated, unallocated=unallocated))
        of_free, of_promised = moved.get(number, (0, 0))
        unallocated, allocated = unallocated - of_free, allocated - of_promised
    return told[::-1]


def _full(tx: Tx, ids: Sequence[str], order: Any, *columns: sa.ColumnElement[Any]) -> Sequence[Mapping[Any, Any]]:
    """These columns of these decisions, with the title and scope of their case."""
    if not ids:
        return ()
    query = sa.select(_d.id, _d.case_id, _k.title.label("case_title"), _k.scope.label("case_scope"), *columns)
    query = query.join_from(t.decision, t.case, _k.id == _d.case_id).where(_d.id.in_(ids)).order_by(order, _d.id)
    return tx.conn.execute(query).mappings().all()


def _turnout(row: Mapping[Any, Any]) -> Turnout:
    count = count_of(row)
    return Turnout(
        ballot=row["id"],
        case_id=row["case_id"],
        title=row["case_title"],
        closed_at=row["closed_at"],
        outcome=(row["verdict"] or {}).get("outcome", ""),
        voters=BallotRules.model_validate(row["rules"]).total,
        cast=count.cast,
        approve=count.approve,
        deny=count.deny,
    )


def _overdue(row: Mapping[Any, Any]) -> Overdue:
    return Overdue(
        task=row["id"],
        case_id=row["case_id"],
        case_title=row["case_title"],
        title=row["rules"]["title"],
        scope=row["case_scope"],
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        escalated=any(rung["action"] == RungAction.ESCALATE for rung in row["rules"]["ladder"][: row["rung"]]),
    )


def _p90(values: Sequence[float]) -> float:
    """By nearest rank."""
    ordered = sorted(values)
    return ordered[ceil(0.9 * len(ordered)) - 1]
