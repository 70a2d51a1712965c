"""The budget and its ledger, and the decision that waits for money.

Every movement is double entry under a key, so that a repeat changes nothing. Locks come in one order everywhere:
case, decision, budget.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from placet.domain import funds as rule
from placet.domain.funds import FundsRules, FundsSpec
from placet.domain.people import SYSTEM
from placet.domain.proposal import MAX_AMOUNT
from placet.domain.task import Reason, Refusal, Verdict
from placet.store import mailings, notices, proposals
from placet.store import tables as t
from placet.store.audit import append
from placet.store.cases import LockedCase, locked
from placet.store.decisions import LockedDecision, close, decision_id, insert
from placet.store.engine import Store, StoreUnavailable, Tx
from placet.store.proposals import ACTIVE, DELETED, DONE, OPEN, STOPPED

log = logging.getLogger(__name__)

FAUCET = "faucet"
DEPOSITS = "deposits"
CHAIN = "@faucet"

_b, _l, _v, _w, _s, _d = t.budget.c, t.ledger.c, t.reservation.c, t.work.c, t.series.c, t.decision.c
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()

_CONCERNED = sa.select(
    sa.exists().where(_w.id == sa.bindparam("of_case")) | sa.exists().where(t.proposal.c.id == sa.bindparam("of_case"))
)


class NotReserved(Exception):
    """The reservation does not cover this payment."""


class LockedFunds(LockedDecision):
    form = "funds"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any]) -> None:
        super().__init__(case, row)
        self.rules = FundsRules.model_validate(row["rules"])

    def times(self) -> tuple[datetime | None, datetime | None]:
        at = rule.expires_at(self.rules, self.shift)
        return at, at

    def catch_up(self) -> None:
        """Reserve if there is enough now, else see whether the wait is over."""
        tx, rules = self.case.tx, self.rules
        if over := rule.on_expiry(rules, self.shift, tx.now):
            close(self, over)
            return
        if (reserved := reserve(tx, rules, f"{self.id}/reserve", self.case.id)) is not None:
            close(self, rule.funded(tx.now, reserved))

    def ended(self, verdict: Verdict) -> None:
        if self.rules.work is not None or verdict.reason is Reason.WITHDRAWN:
            return
        tx, proposal = self.case.tx, self.rules.proposal
        status = proposals.APPROVED if verdict.favourable else proposals.EXPIRED
        proposals.mark(tx, proposal, awaiting_funds=False, status=status)
        if not verdict.favourable:
            notices.unfunded(self.case, self.rules.amount)
            if (ballot := _ballot_of(self.case)) is not None:
                mailings.unfunded(self.case, ballot, self.rules.amount)


def open_funds(case: LockedCase, spec: FundsSpec, ordinal: int, since: datetime | None = None) -> LockedFunds:
    """Get the decision with this natural key, or open it now; it is funded at once if there is enough.

    Its window counts from `since`, the instant of the approval, however late that was noticed.
    """
    found = decision_id(case.id, spec.name, ordinal)
    if (known := case.tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedFunds(case, known)
    rules = rule.freeze(spec, since or case.tx.now)
    row = insert(
        case,
        "funds",
        spec.name,
        ordinal,
        rules.model_dump(mode="json"),
        None,
        due_at=rules.expires_at,
        next_at=rules.expires_at,
    )
    asked = LockedFunds(case, row)
    case.audit(SYSTEM, "funds.opened", {"funds": found, "amount": rules.amount, "proposal": rules.proposal})
    asked.settle()
    if asked.is_open:
        figures = totals(case.tx)
        case.audit(SYSTEM, "funds.short", {"funds": found, "unallocated": figures["unallocated"]})
        if rules.work is None:
            proposals.mark(case.tx, rules.proposal, awaiting_funds=True)
        notices.shortfall(case, rules.amount, figures["unallocated"], rule.expires_at(rules, asked.shift))
    return asked


def _ballot_of(case: LockedCase) -> str | None:
    """The ballot that approved what now has no money."""
    query = sa.select(_d.id).where(_d.case_id == case.id, _d.form == "ballot", _d.state == "closed")
    return case.tx.conn.execute(query.order_by(_d.ordinal.desc()).limit(1)).scalar_one_or_none()


def totals(tx: Tx) -> dict[str, int]:
    """`balance`, `allocated` and `unallocated` of the faucet."""
    row = tx.conn.execute(sa.select(_b.balance, _b.allocated).where(_b.id == FAUCET)).one_or_none()
    balance, allocated = (row.balance, row.allocated) if row else (0, 0)
    return {"balance": balance, "allocated": allocated, "unallocated": balance - allocated}


def deposit(tx: Tx, by: str, amount: int, key: str, memo: str = "") -> Refusal | None:
    """Put money into the faucet, once per key."""
    row = _locked_budget(tx)
    if _entered(tx, key):
        return None
    if row["balance"] + amount > MAX_AMOUNT:
        detail = f"The faucet can hold at most {MAX_AMOUNT}; it holds {row['balance']}."
        return Refusal(code="deposit-overflow", detail=detail, field="amount")
    if _enter(tx, key, {DEPOSITS: -amount, FAUCET: amount}, by, None, memo):
        _move(tx, balance=amount, free=True)
        append(tx, CHAIN, by, "faucet.deposited", {"amount": amount, "key": key}, memo=memo)
    return None


def waiting(tx: Tx) -> list[str]:
    """The cases that wait for money, oldest first."""
    query = sa.select(_d.case_id).where(_d.form == "funds", _d.state == "open").order_by(_d.opened_at, _d.id)
    return list(dict.fromkeys(tx.conn.execute(query).scalars()))


def freed(tx: Tx) -> int | None:
    """How often money has become free, or may have; None while those who wait have been asked about all of it."""
    return tx.conn.execute(sa.select(_b.freed).where(_b.id == FAUCET, _b.asked < _b.freed)).scalar_one_or_none()


def offered(tx: Tx, up_to: int) -> None:
    """Whoever waits has been asked about all that was `freed` up to this, or opens later and looks for itself."""
    tx.conn.execute(t.budget.update().where(_b.id == FAUCET, _b.asked < up_to).values(asked=up_to))


def offer(tx: Tx, case_id: str) -> None:
    """Let one case that waits for money look again."""
    with locked(tx, case_id) as case:
        query = sa.select(t.decision).where(_d.case_id == case_id, _d.state == "open", _d.form == "funds")
        for row in tx.conn.execute(query.with_for_update()).mappings().all():
            LockedFunds(case, row).settle()


async def offer_all(store: Store) -> int:
    """Ask everybody who waits for money, if some became free; how many were asked."""
    up_to = await store.read(freed)
    if up_to is None:
        return 0
    cases = await store.read(waiting)
    for case_id in cases:
        try:
            await store.write(partial(offer, case_id=case_id))
        except StoreUnavailable:
            raise
        except Exception:
            # One that cannot be asked must not keep the others waiting.
            log.exception("%s could not be asked whether it can be funded now", case_id)
    # Last: whoever is killed before begins again.
    await store.write(partial(offered, up_to=up_to))
    return len(cases)


def reserve(tx: Tx, rules: FundsRules, key: str, case_id: str) -> int | None:
    """Promise what these rules need; how much was added, None when there is not enough."""
    faucet = _locked_budget(tx)
    needed = rule.top_up(rules, reserved(tx, rules.proposal), _owed(tx, rules.proposal))
    if not rule.fits(needed, faucet["balance"], faucet["allocated"]):
        return None
    tx.insert_ignoring(t.reservation, {"proposal_id": rules.proposal, "amount": 0})
    if needed and _enter(tx, key, {FAUCET: -needed, account(rules.proposal): needed}, SYSTEM, case_id, "reserved"):
        _grow(tx, rules.proposal, needed)
        _move(tx, allocated=needed)
    if rules.work is not None:
        tx.conn.execute(t.work.update().where(_w.id == rules.work).values(owed=rules.amount))
    return needed


def can_reserve(tx: Tx, spec: FundsSpec) -> bool:
    """Whether there is enough now; the budget stays locked, so it stays so in this transaction."""
    faucet = _locked_budget(tx)
    needed = rule.top_up(rule.freeze(spec, tx.now), reserved(tx, spec.proposal), _owed(tx, spec.proposal))
    return rule.fits(needed, faucet["balance"], faucet["allocated"])


def pay(tx: Tx, proposal: str, work: str, person: str, amount: int, key: str, memo: str) -> bool:
    """Pay a bounty from the reservation, once per key; whether it was paid now. Raises NotReserved."""
    _locked_budget(tx)
    if _entered(tx, key):
        return False
    open_work = sa.select(_w.owed).where(_w.id == work, _w.state == OPEN)
    owed = int(tx.conn.execute(open_work).scalar_one_or_none() or 0)
    if amount > min(owed, reserved(tx, proposal)):
        raise NotReserved(f"{amount} is more than is reserved for {work}")
    if amount:
        _enter(tx, key, {account(proposal): -amount, f"person:{person}": amount}, SYSTEM, work, memo)
        _grow(tx, proposal, -amount)
        _move(tx, balance=-amount, allocated=-amount)
        tx.conn.execute(t.work.update().where(_w.id == work).values(owed=_w.owed - amount))
    return True


def release(tx: Tx, proposal: str, key: str, case_id: str | None = None, keep: int = 0) -> int:
    """Give back what a proposal has reserved beyond what open work is owed, but `keep` that much; how much it was."""
    _locked_budget(tx)
    free = reserved(tx, proposal) - max(keep, _owed(tx, proposal))
    if free <= 0 or not _enter(tx, key, {account(proposal): -free, FAUCET: free}, SYSTEM, case_id, "released"):
        return 0
    _grow(tx, proposal, -free)
    _move(tx, allocated=-free, free=True)
    return free


def end_work(tx: Tx, work_id: str, state: str, key: str) -> None:
    """Work that has ended owes nothing more; what neither its series nor other work needs becomes free."""
    row = tx.conn.execute(sa.select(t.work).where(_w.id == work_id).with_for_update()).one_or_none()
    if row is None:
        return
    ended = state if row.state == OPEN else row.state
    tx.conn.execute(t.work.update().where(_w.id == work_id).values(state=ended, owed=0))
    proposal = proposals.find(tx, row.proposal_id)
    active = sa.select(_s.id).where(_s.proposal_id == row.proposal_id, _s.state == ACTIVE)
    goes_on = proposal is not None and tx.conn.execute(active).first() is not None
    keep = proposal["weekly_requirement"] if proposal is not None and goes_on else 0
    release(tx, row.proposal_id, key, work_id, keep)
    # What it was owed may be just what other work of its series waits for.
    _move(tx, free=True)


def case_closed(tx: Tx, case_id: str, outcome: Mapping[str, Any], completed: bool) -> None:
    """Let money and proposal follow a case that closes, however it ends; most cases have neither."""
    if not tx.conn.execute(_CONCERNED, {"of_case": case_id}).scalar_one():
        return
    end_work(tx, case_id, DONE if completed else DELETED, f"{case_id}/closed")
    proposal = proposals.find(tx, case_id)
    if proposal is None:
        return
    if completed:
        if proposal["status"] == proposals.PENDING and outcome.get("status") in proposals.ENDS:
            # Its verdict was lost with a database that was restored.
            proposals.mark(tx, case_id, status=outcome["status"], awaiting_funds=False)
    elif not tx.conn.execute(sa.select(_w.id).where(_w.proposal_id == case_id)).first():
        if proposal["status"] in (proposals.PENDING, proposals.APPROVED):
            proposals.mark(tx, case_id, status=proposals.DELETED, awaiting_funds=False)
        tx.conn.execute(t.series.update().where(_s.proposal_id == case_id).values(state=STOPPED, stopped_at=tx.now))
        release(tx, case_id, f"{case_id}/closed", case_id)


def reserved(tx: Tx, proposal: str) -> int:
    found = tx.conn.execute(sa.select(_v.amount).where(_v.proposal_id == proposal)).scalar_one_or_none()
    return int(found or 0)


def account(proposal: str) -> str:
    return f"reserved:{proposal}"


def _owed(tx: Tx, proposal: str) -> int:
    query = sa.select(sa.func.coalesce(sa.func.sum(_w.owed), 0)).where(_w.proposal_id == proposal, _w.state == OPEN)
    return int(tx.conn.execute(query).scalar_one())


def _locked_budget(tx: Tx) -> Mapping[Any, Any]:
    query = sa.select(t.budget).where(_b.id == FAUCET).with_for_update()
    row = tx.conn.execute(query).mappings().one_or_none()
    if row is None:
        tx.insert_ignoring(t.budget, {"id": FAUCET, "balance": 0, "allocated": 0, "freed": 0, "asked": 0})
        row = tx.conn.execute(query).mappings().one()
    return row


def _move(tx: Tx, balance: int = 0, allocated: int = 0, free: bool = False) -> None:
    values: dict[str, Any] = {"balance": _b.balance + balance, "allocated": _b.allocated + allocated}
    if free:
        values["freed"] = _b.freed + 1
        tx.announce("funds")
    tx.conn.execute(t.budget.update().where(_b.id == FAUCET).values(values))


def _grow(tx: Tx, proposal: str, by: int) -> None:
    tx.conn.execute(t.reservation.update().where(_v.proposal_id == proposal).values(amount=_v.amount + by))


def _entered(tx: Tx, key: str) -> bool:
    return tx.conn.execute(sa.select(_l.id).where(_l.key == key).limit(1)).first() is not None


def _enter(tx: Tx, key: str, amounts: Mapping[str, int], by: str, case_id: str | None, memo: str) -> bool:
    """Write one balanced entry; False when the key has been entered before."""
    assert sum(amounts.values()) == 0
    if _entered(tx, key):
        return False
    rows = [
        {"key": key, "account": name, "amount": amount, "case_id": case_id, "memo": memo, "by": by, "at": tx.now}
        for name, amount in amounts.items()
    ]
    tx.conn.execute(t.ledger.insert(), rows)
    return True
