"""Mail to a whole electorate: one row says what to write to whom, and is expanded page by page.

So an electorate of a million opens and closes as fast as one of nine, and a mail is queued for each person once.
"""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from placet.domain import ballot as rule
from placet.domain import voting
from placet.domain.said import in_full
from placet.domain.task import Reason, Verdict
from placet.store import notices, people
from placet.store import tables as t
from placet.store.engine import Tx

if TYPE_CHECKING:
    from placet.store.ballots import LockedBallot
    from placet.store.cases import LockedCase

PAGE = 500

_m, _r, _p, _g, _a, _d = t.mailing.c, t.roll.c, t.person.c, t.role_grant.c, t.act.c, t.decision.c
OPENED, REMINDER = "opened", "reminder"


def opened(ballot: "LockedBallot") -> None:
    rules = ballot.rules
    text = (
        f"A vote is open: {ballot.case['title']}.\n\n{rules.instructions}\n\n"
        f"Vote here: {_page(ballot)}\n\n{voting.ballot_sentence(rules, ballot.count, ballot.case.tx.now)}\n"
    )
    _put(ballot, OPENED, f"Vote: {ballot.case['title']}", text)


def reminder(ballot: "LockedBallot") -> None:
    """To those who still owe a vote when it is written, and may still give it."""
    ends = in_full(rule.deadline(ballot.rules, ballot.count))
    text = (
        f"Your vote is still missing: {ballot.case['title']}.\n\nVote here until {ends}: {_page(ballot)}\n\n"
        f"{voting.ballot_sentence(ballot.rules, ballot.count, ballot.case.tx.now)}\n"
    )
    _put(ballot, REMINDER, f"Reminder to vote: {ballot.case['title']}", text)


def outcome(ballot: "LockedBallot", verdict: Verdict) -> None:
    """To all voters, also to those whom a force-approval has passed by, and to the proposer."""
    told = voting.closed_sentence(ballot.rules, ballot.count, verdict)
    by = f"\n\nIt was approved past the voters by {verdict.by[0]}." if verdict.reason is Reason.FORCED else ""
    words = {rule.EXPIRED: "Expired", "approve": "Approved", "deny": "Rejected"}
    subject = f"{words.get(verdict.outcome, 'Closed')}: {ballot.case['title']}"
    text = f"{told}{by}\n\nThe whole course: {_page(ballot)}\n"
    _put(ballot, "outcome", subject, text)
    notices.tell_requester(ballot.case, f"{ballot.id}/outcome", subject, text)


def cancelled(ballot: "LockedBallot") -> None:
    """To all voters: what they were asked about has been withdrawn, and by whom."""
    case = ballot.case
    why = f": {case['cancel_reason']}" if case["cancel_reason"] else "."
    text = (
        f"The vote on {case['title']} has ended without a result; it was cancelled by {case['cancelled_by']}{why}\n\n"
        f"The whole course: {_page(ballot)}\n"
    )
    _put(ballot, "cancelled", f"Cancelled: {case['title']}", text)


def unfunded(case: "LockedCase", ballot_id: str, amount: int) -> None:
    """To all voters: what they approved will not happen."""
    text = (
        f"{case['title']} was approved, but {amount} did not become free in time, so it has expired.\n\n"
        f"The whole course: {case.tx.house.page(f'/cases/{case.id}')}\n"
    )
    _put_to(case, ballot_id, "unfunded", f"Expired for want of funds: {case['title']}", text)


def expand(tx: Tx) -> bool:
    """Write the next page of the oldest mailing; False when nothing is left to do."""
    query = sa.select(t.mailing).where(_m.done_at.is_(None)).order_by(_m.id).limit(1)
    row = tx.conn.execute(query.with_for_update(skip_locked=True)).mappings().one_or_none()
    if row is None:
        return False
    ballot = tx.conn.execute(sa.select(_d.case_id, _d.state, _d.rules).where(_d.id == row["decision_id"])).one()
    # The page is of the roll, whoever of it is written to: each costs the same.
    ids = (
        sa.select(_r.person_id)
        .where(_r.decision_id == row["decision_id"], _r.person_id > row["cursor"])
        .order_by(_r.person_id)
        .limit(PAGE)
    )
    page = tx.conn.execute(ids).scalars().all()
    voters = sa.select(_p.id, _p.name, _p.email).where(_p.id.in_(page), _p.active).order_by(_p.id)
    if row["kind"] == REMINDER:
        needed = ballot.rules["electorate"]
        voted = sa.exists().where(_a.decision_id == row["decision_id"], _a.person_id == _p.id)
        holding = sa.exists().where(_g.person_id == _p.id, people.holders(needed["name"], needed["scope"]))
        voters = voters.where(~voted, holding, ~_p.external)
    in_time = ballot.state == "open" or row["kind"] not in (OPENED, REMINDER)
    notices.queue_many(
        tx,
        [
            (f"{row['key']}/{voter.id}", (voter.id, voter.name, voter.email), row["subject"], _to(voter.name, row))
            for voter in (tx.conn.execute(voters).all() if in_time else ())
        ],
        ballot.case_id,
    )
    end: dict[str, Any] = {"cursor": page[-1]} if len(page) == PAGE and in_time else {"done_at": tx.now}
    tx.conn.execute(t.mailing.update().where(_m.id == row["id"]).values(end))
    return True


def _to(name: str, row: Any) -> str:
    return f"Hello {name},\n\n{row['text']}"


def _put(ballot: "LockedBallot", kind: str, subject: str, text: str) -> None:
    _put_to(ballot.case, ballot.id, kind, subject, text)


def _put_to(case: "LockedCase", ballot_id: str, kind: str, subject: str, text: str) -> None:
    tx = case.tx
    row = {
        "key": f"{ballot_id}/{kind}",
        "decision_id": ballot_id,
        "kind": kind,
        "subject": " ".join(subject.split())[:200],
        "text": text,
        "cursor": "",
        "created_at": tx.now,
    }
    if tx.insert_ignoring(t.mailing, row):
        tx.announce("mailing")


def _page(ballot: "LockedBallot") -> str:
    return ballot.case.tx.house.page(f"/cases/{ballot.case.id}")
