"""Mail to a whole electorate: one row says what to write to whom, and is expanded page by page.

So an electorate of a million opens and closes as fast as one of nine, and a mail is queued for each person once.
"""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from placet.domain import ballot as rule
from placet.domain import voting
from placet.domain.said import Said, paragraphs
from placet.domain.task import Reason, Verdict
from placet.store import notices, people
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.notices import leads, titled

if TYPE_CHECKING:
    from placet.store.ballots import LockedBallot
    from placet.store.cases import LockedCase

PAGE = 500

_m, _r, _p, _g, _a, _d = t.mailing.c, t.roll.c, t.person.c, t.role_grant.c, t.act.c, t.decision.c
OPENED, REMINDER = "opened", "reminder"
WORDS = {rule.EXPIRED: Said("Expired"), "approve": Said("Approved"), "deny": Said("Rejected")}


def opened(ballot: "LockedBallot") -> None:
    rules, title = ballot.rules, ballot.case["title"]
    _put(
        ballot,
        OPENED,
        Said("Vote: %(title)s", title=title),
        Said("A vote is open: %(title)s.", title=title),
        rules.instructions,
        leads(Said("Vote here"), _page(ballot)),
        voting.ballot_sentence(rules, ballot.count, ballot.case.tx.now),
    )


def reminder(ballot: "LockedBallot") -> None:
    """To those who still owe a vote when it is written, and may still give it."""
    title, ends = ballot.case["title"], rule.deadline(ballot.rules, ballot.count)
    _put(
        ballot,
        REMINDER,
        Said("Reminder to vote: %(title)s", title=title),
        Said("Your vote is still missing: %(title)s.", title=title),
        leads(Said("Vote here until %(at)s", at=ends), _page(ballot)),
        voting.ballot_sentence(ballot.rules, ballot.count, ballot.case.tx.now),
    )


def outcome(ballot: "LockedBallot", verdict: Verdict) -> None:
    """To all voters, also to those whom a force-approval has passed by, and to the proposer."""
    text: list[str] = [voting.closed_sentence(ballot.rules, ballot.count, verdict)]
    if verdict.reason is Reason.FORCED:
        text.append(Said("It was approved past the voters by %(person)s.", person=verdict.by[0]))
    text.append(leads(Said("The whole course"), _page(ballot)))
    subject = titled(WORDS.get(verdict.outcome, Said("Closed")), ballot.case["title"])
    _put(ballot, "outcome", subject, *text)
    notices.tell_requester(ballot.case, f"{ballot.id}/outcome", subject, *text)


def cancelled(ballot: "LockedBallot") -> None:
    """To all voters: what they were asked about has been withdrawn, and by whom."""
    case = ballot.case
    told: dict[str, Any] = {"title": case["title"], "person": case["cancelled_by"]}
    if case["cancel_reason"]:
        text = Said(
            "The vote on %(title)s has ended without a result; it was cancelled by %(person)s: %(reason)s",
            **told,
            reason=case["cancel_reason"],
        )
    else:
        text = Said("The vote on %(title)s has ended without a result; it was cancelled by %(person)s.", **told)
    subject = Said("Cancelled: %(title)s", title=case["title"])
    _put(ballot, "cancelled", subject, text, leads(Said("The whole course"), _page(ballot)))


def unfunded(case: "LockedCase", ballot_id: str, amount: int) -> None:
    """To all voters: what they approved will not happen."""
    text = Said(
        "%(title)s was approved, but %(amount)s did not become free in time, so it has expired.",
        title=case["title"],
        amount=amount,
    )
    subject = Said("Expired for want of funds: %(title)s", title=case["title"])
    _put_to(case, ballot_id, "unfunded", subject, text, notices.course(case))


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
            (
                f"{row['key']}/{voter.id}",
                (voter.id, voter.name, voter.email),
                row["subject"],
                f"Hello {voter.name},\n\n{row['text']}",
            )
            for voter in (tx.conn.execute(voters).all() if in_time else ())
        ],
        ballot.case_id,
    )
    end: dict[str, Any] = {"cursor": page[-1]} if len(page) == PAGE and in_time else {"done_at": tx.now}
    tx.conn.execute(t.mailing.update().where(_m.id == row["id"]).values(end))
    return True


def _put(ballot: "LockedBallot", kind: str, subject: str, *text: str) -> None:
    _put_to(ballot.case, ballot.id, kind, subject, *text)


def _put_to(case: "LockedCase", ballot_id: str, kind: str, subject: str, *text: str) -> None:
    tx, told = case.tx, paragraphs(*text)
    row = {
        "key": f"{ballot_id}/{kind}",
        "decision_id": ballot_id,
        "kind": kind,
        "subject": notices.heading(subject),
        "text": f"{told}\n",
        "said": notices.kept(subject, told),
        "cursor": "",
        "created_at": tx.now,
    }
    if tx.insert_ignoring(t.mailing, row):
        tx.announce("mailing")


def _page(ballot: "LockedBallot") -> str:
    return ballot.case.tx.house.page(f"/cases/{ballot.case.id}")
