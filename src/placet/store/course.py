"""The meeting point of a running workflow and the database, and the acts that steer a whole case."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from placet.domain.audit import GENESIS, canonical
from placet.domain.calendar import BusinessCalendar
from placet.domain.course import Beginning, ChildSpec, Closing, Direction, Opening, Reply, Report
from placet.domain.people import SYSTEM, Person
from placet.domain.said import Said
from placet.domain.task import Refusal, TaskSpec
from placet.store import funds, notices, outbox, proposals, signals
from placet.store import tables as t
from placet.store.acts import Counted, NotCounted, audit_refusal
from placet.store.ballots import RollNotStaged
from placet.store.cases import OPEN_STATES, CaseState, LockedCase, NoSuchCase, locked, reopen_case
from placet.store.children import LockedChild, missed, parent_locked, wake_parent
from placet.store.decisions import LockedDecision, decision_id, reopen, withdraw
from placet.store.engine import Tx
from placet.store.forms import open_decisions, opened


def report(tx: Tx, told: Report) -> Reply:
    """Take a workflow's report and answer how to go on. Idempotent by natural keys."""
    if told.parent is not None and told.closing is not None:
        parent_locked(tx, told.parent)
    if told.signals:
        # The case first, here as everywhere; a refused signal locks the chain of refused acts.
        tx.conn.execute(sa.select(t.case.c.id).where(t.case.c.id == told.case_id).with_for_update())
    # Signals carry acts of their own; they come first, as they arrived before this report.
    for note in told.signals:
        signals.admit(tx, told.case_id, note)
    try:
        with locked(tx, told.case_id) as case:
            return _reported(case, told)
    except NoSuchCase:
        if told.opening is None:
            return Reply(direction=Direction.UNKNOWN)
        _recover(tx, told.opening, told.beginning, told.seen)
        return Reply(direction=Direction.BEHIND, progress=told.seen, why="The database does not know this case.")


def _reported(case: LockedCase, told: Report) -> Reply:
    tx = case.tx
    if not _is_current_run(case, told):
        return Reply(direction=Direction.SUPERSEDED, why="A newer run of this case has taken over.")
    if not case.is_open and told.closing is None:
        # Said before the end, heard after it.
        return Reply(direction=Direction.SUPERSEDED, why="This case has already ended.")
    if told.seen > case["progress"]:
        case["progress"] = told.seen
        if case.is_open:
            case["state"] = CaseState.NEEDS_ATTENTION
        case.audit(SYSTEM, "case.ahead-of-database", {"seen": told.seen})
        return Reply(
            direction=Direction.BEHIND, progress=told.seen, why="The database was restored from an older copy."
        )
    case["progress"] += 1
    reply = Reply(progress=case["progress"])
    # What ends early is being taken back already; what completes must still hear a pause or a cancel that counted.
    compensating = told.state == CaseState.COMPENSATING
    if compensating and not case["compensating"]:
        case["compensating"] = True
        _cancel_children(case, open_decisions(case), SYSTEM, f"{case.id} ends early.")
    if told.closing is not None and (compensating or not (case["cancelled_by"] or case.paused)):
        _close(case, told.closing)
        return reply
    if case["cancelled_by"] is not None and not compensating:
        return reply.model_copy(
            update={"direction": Direction.CANCELLED, "why": case["cancel_reason"] or "", "by": case["cancelled_by"]}
        )
    if told.withdraw_others:
        keep = decision_id(case.id, told.ask.spec.name, told.ask.ordinal) if told.ask else ""
        for other in open_decisions(case):
            if other.id != keep:
                withdraw(other, "The database was restored from an older copy.")
        _settled_elsewhere(case, keep)
    state = told.state
    decision = None
    # Another case is not begun while this one is paused: a pause must be able to keep it from beginning.
    if told.ask is not None and not (case.paused and isinstance(told.ask.spec, ChildSpec) and not told.ask.open):
        calendar = BusinessCalendar.model_validate(case["opening"].get("calendar", {}))
        try:
            decision = opened(case, told.ask, calendar)
        except RollNotStaged:
            return reply.model_copy(update={"direction": Direction.STAGE})
        if isinstance(told.ask.spec, TaskSpec) and told.ask.spec.attention:
            state = CaseState.NEEDS_ATTENTION
        if decision.row["state"] == "withdrawn":
            reopen(decision)
        decision.settle()
    if case.is_open:
        case["state"] = state
    outbox.seen(tx, case.id)
    if case.paused:
        return reply.model_copy(update={"direction": Direction.PAUSED})
    if decision is None:
        return reply
    if not decision.is_open:
        decision.save(consumed_at=tx.now)
        if case.is_open and not compensating:
            case["state"] = CaseState.RUNNING
        return reply.model_copy(update={"verdict": decision.verdict})
    following = decision.row["next_at"]
    # A hair more than nothing: a timer of zero would spin when the clocks of engine and database differ.
    wait = max((following - tx.now).total_seconds(), 0.01) if following else None
    return reply.model_copy(update={"next_in": wait})


def _is_current_run(case: LockedCase, told: Report) -> bool:
    """Whether this run speaks for the case; a run never seen before (an operator's reset) takes over."""
    if case["run_id"] == told.run_id:
        return True
    if told.run_id in case["past_runs"]:
        return False
    if case["run_id"] is not None:
        case["past_runs"] = [*case["past_runs"], case["run_id"]]
        case.audit(SYSTEM, "case.run-replaced", {"runs": len(case["past_runs"]) + 1})
        if not case.is_open and told.closing is None:
            reopen_case(case)
    case["run_id"] = told.run_id
    return True


def _settled_elsewhere(case: LockedCase, keep: str) -> None:
    """The sweep need not wake the case for verdicts that it has moved past."""
    d = t.decision.c
    past = (d.case_id == case.id) & (d.id != keep) & (d.state == "closed") & d.consumed_at.is_(None)
    case.tx.conn.execute(t.decision.update().where(past).values(consumed_at=case.tx.now))


def _close(case: LockedCase, closing: Closing) -> None:
    if not case.is_open:
        return
    decisions = open_decisions(case)
    _cancel_children(case, decisions, SYSTEM, f"{case.id} has ended.")
    for decision in decisions:
        withdraw(decision, "The case has ended.")
    case["is_open"] = False
    case["state"] = closing.state
    case["outcome"] = closing.outcome
    case["closed_at"] = case.tx.now
    case["paused_at"] = None
    outcome = canonical(closing.outcome).decode()
    funds.case_closed(case.tx, case.id, closing.outcome, closing.state == CaseState.COMPLETED)
    case.audit(SYSTEM, f"case.{closing.state}", outcome=outcome, summary=closing.summary)
    notices.closed(case, closing.summary)
    wake_parent(case)
    case.tx.announce(f"case:{case.id}")


def _recover(tx: Tx, opening: Opening, beginning: Beginning | None, seen: int) -> None:
    """Take a case back into a database that was restored from a copy older than the case."""
    row: dict[str, Any] = {
        "id": opening.case_id,
        "kind": opening.kind,
        "scope": opening.scope,
        "title": opening.title,
        "requester": opening.requester,
        "parent_id": opening.parent,
        "state": CaseState.NEEDS_ATTENTION,
        "is_open": True,
        "opening": opening.model_dump(mode="json"),
        "opened_at": tx.now,
        "clock": tx.now,
        "past_runs": [],
        "progress": seen,
        "audit_seq": 0,
        "audit_head": GENESIS,
    }
    if tx.insert_ignoring(t.case, row):
        with locked(tx, opening.case_id) as case:
            case.audit(SYSTEM, "case.recovered", {"kind": opening.kind, "scope": opening.scope}, title=opening.title)
            case.involve(opening.requester, "requester")
            if beginning is not None and beginning.proposal is not None:
                proposals.insert(tx, case, beginning.proposal)
            if beginning is not None and beginning.work is not None:
                proposals.insert_work(tx, case, beginning.work)


def pause(tx: Tx, person: Person, case_id: str, reason: str) -> Counted | NotCounted:
    """Stop the case: no act is taken and no clock runs until it is resumed."""
    with locked(tx, case_id) as case:
        for decision in open_decisions(case):
            decision.settle()
        if why := _not_open(case):
            return _refused(case, person.id, "case.pause", why)
        if case.paused:
            return Counted()
        case["paused_at"] = tx.now
        case.audit(person.id, "case.paused", reason=reason)
        case.wake()
        return Counted()


def resume(tx: Tx, person: Person, case_id: str, reason: str) -> Counted | NotCounted:
    """Go on: every deadline moves by the time the case stood still."""
    with locked(tx, case_id) as case:
        if why := _not_open(case):
            return _refused(case, person.id, "case.resume", why)
        if not case.paused:
            return Counted()
        paused_at, case["paused_at"] = case["paused_at"], None
        stood = tx.now - paused_at
        case["paused_us"] += stood // timedelta(microseconds=1)
        for decision in open_decisions(case):
            # A task that opened during the pause stood still only since then.
            _shift(decision, tx.now - max(paused_at, decision.row["opened_at"]))
        case.audit(person.id, "case.resumed", {"stood_seconds": stood.total_seconds()}, reason=reason)
        case.wake()
        return Counted()


def cancel(tx: Tx, person: Person, case_id: str, reason: str) -> Counted | NotCounted:
    """End the case early: open tasks are withdrawn, and what was done is compensated."""
    return cancel_by(tx, person.id, case_id, reason)


def cancel_by(tx: Tx, actor: str, case_id: str, reason: str) -> Counted | NotCounted:
    """The same, for what another case has decided."""
    with locked(tx, case_id) as case:
        decisions = open_decisions(case)
        for decision in decisions:
            decision.settle()
        if why := _not_open(case):
            return _refused(case, actor, "case.cancel", why)
        if case["cancelled_by"] is not None:
            return Counted()
        if case["compensating"]:
            why = Refusal(code="compensating", detail=Said("The case is ending already, and takes back what it did."))
            return _refused(case, actor, "case.cancel", why)
        if (final := _final_step(case, decisions)) is not None:
            why = Refusal(
                code="point-of-no-return",
                detail=Said("“%(step)s” has begun; the case can no longer be cancelled.", step=final),
            )
            return _refused(case, actor, "case.cancel", why)
        case["cancelled_by"], case["cancel_reason"], case["paused_at"] = actor, reason, None
        case.audit(actor, "case.cancel-requested", reason=reason)
        for decision in open_decisions(case):
            # The case waits for the end of a child, which takes back what it did first.
            if not isinstance(decision, LockedChild):
                withdraw(decision, f"Cancelled by {actor}.")
        _cancel_children(case, decisions, actor, reason or f"{case.id} was cancelled.")
        case.wake()
        return Counted()


def _cancel_children(case: LockedCase, decisions: Iterable[LockedDecision], actor: str, reason: str) -> None:
    """Cancel the cases that this one waits for; one that can no longer be cancelled goes on to its own end."""
    now = case.tx.now
    for child in _children(case, decisions):
        cancel_by(case.tx, actor, child, reason)
        case.tx.time_is(max(now, case.tx.now))


def _children(case: LockedCase, decisions: Iterable[LockedDecision]) -> list[str]:
    """The open cases that this one waits for, by its open decisions."""
    waiting = [one.rules.case for one in decisions if isinstance(one, LockedChild) and one.is_open]
    query = sa.select(t.case.c.id).where(t.case.c.id.in_(waiting), t.case.c.is_open).order_by(t.case.c.id)
    return list(case.tx.conn.execute(query).scalars()) if waiting else []


def _final_step(case: LockedCase, decisions: Iterable[LockedDecision]) -> str | None:
    """The step after which the case can no longer be cancelled, if it or a child that it waits for has begun one."""
    if case["final_step"] is not None:
        return str(case["final_step"])
    now = case.tx.now
    for child_id in _children(case, decisions):
        with locked(case.tx, child_id) as child:
            final = _final_step(child, open_decisions(child))
        case.tx.time_is(max(now, case.tx.now))
        if final is not None:
            return final
    return None


def engine_lost(tx: Tx, case_id: str) -> None:
    """Note, once, that a case is open here while the engine has no running workflow for it."""
    with locked(tx, case_id) as case:
        if case.is_open and case["state"] != CaseState.NEEDS_ATTENTION:
            case["state"] = CaseState.NEEDS_ATTENTION
            case.audit(SYSTEM, "case.lost-by-engine")


def _not_open(case: LockedCase) -> Refusal | None:
    if case.is_open:
        return None
    state = case["state"]
    return Refusal(code="case-closed", detail=Said("The case has already ended: %(state)s.", state=Said(state)))


def _shift(decision: LockedDecision, stood: timedelta) -> None:
    decision.save(shift_us=decision.row["shift_us"] + stood // timedelta(microseconds=1))
    decision.refresh_times()


def _refused(case: LockedCase, actor: str, attempt: str, why: Refusal) -> NotCounted:
    audit_refusal(case.tx, actor, attempt, why.code, {"case": case.id})
    return NotCounted(refusal=why)


def sweep(tx: Tx, grace: timedelta = timedelta(seconds=5), limit: int = 500) -> int:
    """Wake every case that should have moved by itself and has not: lost wake-ups, missed timers. Returns how many.

    A case that stays where it is, is woken at doubling intervals: each wake-up adds to its history in the engine.
    """
    now = tx.read_clock()
    d, c = t.decision.c, t.case.c
    still = c.is_open & c.paused_at.is_(None)
    query = (
        sa.select(d.id, d.case_id, sa.func.coalesce(d.closed_at, d.next_at, type_=t.Instant).label("since"))
        .join_from(t.decision, t.case, d.case_id == c.id)
        .where(
            still,
            d.quiet_until.is_(None) | (d.quiet_until <= now),
            ((d.state == "open") & (d.next_at < now - grace))
            | ((d.state == "closed") & d.consumed_at.is_(None) & (d.closed_at < now - grace)),
        )
        .limit(limit)
        # A case that is locked is moving.
        .with_for_update(of=t.case, skip_locked=True)
    )
    late: list[Any] = [*tx.conn.execute(query).all(), *_childless(tx, now, grace, limit)]
    for row in late:
        quiet_until = now + max(grace, now - row.since)
        tx.conn.execute(t.decision.update().where(d.id == row.id).values(quiet_until=quiet_until))
    cases = sorted({row.case_id for row in late})
    for case_id in cases:
        outbox.put(tx, case_id, "wake")
    return len(cases)


def _childless(tx: Tx, now: datetime, grace: timedelta, limit: int) -> Sequence[sa.Row[Any]]:
    """Decisions that still wait for a child that has ended."""
    d, c = t.decision.c, t.case.c
    due = c.is_open & c.paused_at.is_(None) & (d.quiet_until.is_(None) | (d.quiet_until <= now))
    query = missed(now - grace).where(due).limit(limit).with_for_update(of=t.case, skip_locked=True)
    return tx.conn.execute(query).all()


__all__ = ["OPEN_STATES", "cancel", "pause", "report", "resume", "sweep"]
