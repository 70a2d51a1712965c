"""The ballot under lock: votes as rows, taken many at a time, decided by the pure rules of `domain.ballot`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from placet.domain import ballot as rule
from placet.domain import voting
from placet.domain.audit import digest
from placet.domain.ballot import EXPIRED, BallotRules, BallotSpec, Choice, Count
from placet.domain.people import SYSTEM, Person
from placet.domain.said import Said
from placet.domain.task import Reason, Refusal, Verdict
from placet.domain.voting import VoterStanding
from placet.store import mailings, proposals, roll
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.cases import LockedCase, locked
from placet.store.decisions import LockedDecision, NoSuchTask, close, decision_id, insert
from placet.store.engine import Tx
from placet.store.funds import can_reserve, open_funds
from placet.store.roll import Electorate

NAME = "vote"
FORCE = "ballot.force-approve"

_d, _a, _x, _p, _r = t.decision.c, t.act.c, t.exclusion.c, t.person.c, t.roll.c
_CASE_OF = sa.select(_d.case_id).where(_d.id == sa.bindparam("of_task"), _d.form == "ballot")
_ROW = sa.select(t.decision).where(_d.id == sa.bindparam("of_task")).with_for_update()
# Everything that the database knows of these people on this ballot, in one query.
_STANDINGS = (
    sa.select(_p.id, _r.person_id.label("listed"), _x.reason, _a.outcome, _a.at, _a.receipt)
    .select_from(t.person)
    .outerjoin(t.roll, (_r.decision_id == sa.bindparam("of_task")) & (_r.person_id == _p.id))
    .outerjoin(t.exclusion, (_x.decision_id == sa.bindparam("of_task")) & (_x.person_id == _p.id))
    .outerjoin(t.act, (_a.decision_id == sa.bindparam("of_task")) & (_a.person_id == _p.id))
    .where(_p.id.in_(sa.bindparam("people", expanding=True)))
)
_INSERT_VOTES = t.act.insert()


class RollNotStaged(Exception):
    """The electorate is too large to be read while the ballot opens; stage its roll first."""

    def __init__(self, ballot: str, electorate: Electorate) -> None:
        super().__init__(ballot)
        self.ballot = ballot
        self.electorate = electorate


@dataclass(frozen=True)
class Paper:
    """One vote as it was handed in."""

    person: Person
    choice: str
    comment: str = ""
    door: str = "api"


@dataclass(frozen=True)
class Voted:
    """A vote that counts, now or since it was first cast."""

    person: str
    choice: Choice
    at: datetime
    receipt: str


@dataclass(frozen=True)
class NotVoted:
    """A vote that does not count, and why."""

    refusal: Refusal


class LockedBallot(LockedDecision):
    form = "ballot"

    def __init__(self, case: LockedCase, row: Mapping[Any, Any], rules: BallotRules | None = None) -> None:
        super().__init__(case, row)
        # Frozen, but for a database that was restored under whoever remembers them.
        same = rules is not None and rules.opened_at == row["opened_at"]
        self.rules = rules if rules is not None and same else BallotRules.model_validate(row["rules"])

    @property
    def count(self) -> Count:
        return count_of(self.row)

    def keep(self, count: Count) -> None:
        """Store the count, and when the clock acts next on it."""
        tally = count.model_dump(mode="json", exclude={"shift"})
        due, following = rule.deadline(self.rules, count), rule.next_at(self.rules, count)
        self.save(tally=tally, due_at=due, next_at=following, quiet_until=None)

    def times(self) -> tuple[datetime | None, datetime | None]:
        return rule.deadline(self.rules, self.count), rule.next_at(self.rules, self.count)

    def catch_up(self) -> None:
        """The reminder to those who still owe a vote, and the verdict of the deadline."""
        now, count = self.case.tx.now, self.count
        if verdict := rule.on_deadline(self.rules, count, now):
            close(self, verdict)
        elif rule.reminder_due(self.rules, count, now):
            self.keep(count.model_copy(update={"reminded": True}))
            self.case.audit(SYSTEM, "ballot.reminded", {"ballot": self.id})
            mailings.reminder(self)

    def commitment(self) -> Mapping[str, Any]:
        """The rules, the roll and the log of votes, as one number or hash each."""
        return {
            "votes": self.count.cast,
            "log": self.case["audit_head"],
            "rules": digest(self.row["rules"]),
            "roll": self.rules.roll_hash,
        }

    def ended(self, verdict: Verdict) -> None:
        """Say it to everybody, and open the wait for funds that an approval brings."""
        case, rules = self.case, self.rules
        if verdict.reason is Reason.WITHDRAWN:
            if case["cancelled_by"] is not None:
                mailings.cancelled(self)
            return
        proposals.mark(
            case.tx,
            case.id,
            status=_status(verdict, rules),
            vote_decision=_decision(verdict),
            finalized_at=verdict.at,
            finalized_by=verdict.by[0] if verdict.by else None,
        )
        mailings.outcome(self, verdict)
        if verdict.favourable and rules.funds is not None:
            open_funds(case, rules.funds, 1, since=verdict.at)


def count_of(row: Mapping[Any, Any]) -> Count:
    return Count.model_validate({**row["tally"], "shift": row["shift_us"] / 1_000_000})


def electorate_of(spec: BallotSpec, scope: str) -> Electorate:
    return Electorate(role=spec.electorate.name, scope=spec.electorate.scope or scope, excluded=tuple(spec.excluded))


def open_ballot(case: LockedCase, spec: BallotSpec, ordinal: int) -> LockedBallot:
    """Get the ballot with this natural key, or open it now. Raises RollNotStaged for a large electorate."""
    tx, found = case.tx, decision_id(case.id, spec.name, ordinal)
    if (known := tx.conn.execute(_ROW, {"of_task": found}).mappings().one_or_none()) is not None:
        return LockedBallot(case, known)
    electorate = electorate_of(spec, case["scope"])
    listed = roll.staged(tx, found, electorate)
    if listed is None:
        if roll.size_up_to(tx, electorate, roll.AT_ONCE + 1) > roll.AT_ONCE:
            raise RollNotStaged(found, electorate)
        listed = roll.stage_whole(tx, found, electorate)
    shows = spec.model_dump(mode="json")["shows"]
    rules = rule.freeze(spec, listed.total, listed.hash, digest(shows), tx.now, case["scope"])
    count = Count()
    frozen = rules.model_dump(mode="json")
    times = {"due_at": rule.deadline(rules, count), "next_at": rule.next_at(rules, count)}
    tally = count.model_dump(mode="json", exclude={"shift"})
    ballot = LockedBallot(case, insert(case, "ballot", spec.name, ordinal, frozen, shows, tally=tally, **times))
    asked = {"role": electorate.role, "scope": electorate.scope, "via": "asked", "due_at": times["due_at"]}
    row = {"decision_id": found, "case_id": case.id, "live": True, "case_opened_at": case["opened_at"], **asked}
    tx.conn.execute(t.candidate.insert(), row)
    if spec.excluded:
        rows = [
            {"decision_id": found, "person_id": person, "kind": "separation", "reason": reason}
            for person, reason in sorted(spec.excluded.items())
        ]
        tx.conn.execute(t.exclusion.insert(), rows)
    case.audit(
        SYSTEM,
        "ballot.opened",
        {
            "ballot": found,
            "title": rules.title,
            "electorate": electorate.model_dump(mode="json"),
            "total_voters": rules.total,
            "roll": rules.roll_hash,
            "rules": frozen,
            "subject": rules.subject_hash,
        },
    )
    mailings.opened(ballot)
    return ballot


def find(tx: Tx, case_id: str) -> str | None:
    """The ballot of what a case proposes, once it has opened."""
    query = sa.select(_d.id).where(_d.id == decision_id(case_id, NAME, 1), _d.form == "ballot")
    return tx.conn.execute(query).scalar_one_or_none()


@contextmanager
def locked_ballot(
    tx: Tx, ballot_id: str, case_id: str | None = None, rules: BallotRules | None = None
) -> Iterator[LockedBallot]:
    """Lock the case, then the ballot; who knows its case and its frozen rules already spares looking for them."""
    if case_id is None:
        case_id = tx.conn.execute(_CASE_OF, {"of_task": ballot_id}).scalar_one_or_none()
    if case_id is None:
        raise NoSuchTask(ballot_id)
    with locked(tx, case_id) as case:
        yield LockedBallot(case, tx.conn.execute(_ROW, {"of_task": ballot_id}).mappings().one(), rules)


def cast(ballot: LockedBallot, papers: Sequence[Paper]) -> list[Voted | NotVoted]:
    """Take these votes in their order, as one: each counts or is refused by itself, the rows are written together.

    The same vote of the same person again gets the same receipt.
    """
    ballot.settle()
    case, rules, now = ballot.case, ballot.rules, ballot.case.tx.now
    box = _Box(ballot, {paper.person.id for paper in papers})
    results: list[Voted | NotVoted] = []
    refused: list[tuple[str, str]] = []
    for paper in papers:
        standing = box.standing(paper.person)
        why = voting.refusal(
            rules,
            box.count,
            standing,
            paper.choice,
            paper.comment,
            now,
            is_open=ballot.is_open,
            paused=case.paused,
        )
        if why is not None:
            refused.append((paper.person.id, why.code))
            results.append(NotVoted(why))
            continue
        results.append(box.cast.get(paper.person.id) or box.take(paper))
        if ballot.is_open and (verdict := rule.on_vote(rules, box.count, now)):
            box.write()
            close(ballot, verdict)
    box.write()
    # Last, as the chain of refusals is locked after the budget.
    for person, code in refused:
        audit_refusal(case.tx, person, "ballot.vote", code, {"ballot": ballot.id})
    return results


def force(ballot: LockedBallot, admin: Person, reason: str) -> Refusal | None:
    """Approve past the voters, if there is money for it; of this and the deciding vote exactly one wins."""
    ballot.settle()
    why = None
    if not ballot.is_open:
        why = Refusal(code="ballot-closed", detail=Said("This vote is closed; its verdict stands."))
    elif ballot.case.paused:
        why = Refusal(code="case-paused", detail=Said("The vote is paused; resume the case first."))
    elif admin.id == ballot.case["requester"]:
        why = Refusal(
            code="own-proposal", detail=Said("You cannot approve your own proposal; ask another administrator.")
        )
    elif ballot.rules.funds is not None and not can_reserve(ballot.case.tx, ballot.rules.funds):
        detail = Said("The faucet cannot cover %(amount)s now; deposit first.", amount=ballot.rules.funds.amount)
        why = Refusal(code="insufficient-funds", detail=detail)
    if why is not None:
        audit_refusal(ballot.case.tx, admin.id, FORCE, why.code, {"ballot": ballot.id})
        return why
    ballot.case.audit(admin.id, "ballot.forced", {"ballot": ballot.id}, comment=reason)
    close(ballot, rule.forced(ballot.rules, ballot.count, admin.id, ballot.case.tx.now))
    return None


def not_open_yet(tx: Tx, person: str, attempt: str, case_id: str) -> Refusal:
    """Refuse what comes before the vote has opened, or after it never did."""
    audit_refusal(tx, person, attempt, "vote-not-open", {"proposal": case_id})
    return Refusal(
        code="vote-not-open", detail=Said("Nobody can vote on this: it is being discussed, or was withdrawn.")
    )


class _Box:
    """The votes of one transaction, beside what the database knew before it."""

    def __init__(self, ballot: LockedBallot, people: Iterable[str]) -> None:
        self.ballot = ballot
        self.count = ballot.count
        self.cast: dict[str, Voted] = {}
        self._roll: set[str] = set()
        self._excluded: dict[str, str] = {}
        for row in ballot.case.tx.conn.execute(_STANDINGS, {"of_task": ballot.id, "people": sorted(people)}):
            if row.listed is not None:
                self._roll.add(row.id)
            if row.reason is not None:
                self._excluded[row.id] = row.reason
            if row.outcome is not None:
                self.cast[row.id] = Voted(row.id, Choice(row.outcome), row.at, row.receipt)
        self._rows: list[dict[str, Any]] = []

    def standing(self, person: Person) -> VoterStanding:
        mine = self.cast.get(person.id)
        needed = self.ballot.rules.electorate
        return VoterStanding(
            on_roll=person.id in self._roll,
            still_voter=person.active and not person.external and person.holds(needed.name, needed.scope or ""),
            is_proposer=person.id == self.ballot.case["requester"],
            excluded=self._excluded.get(person.id),
            cast=mine.choice if mine else None,
        )

    def take(self, paper: Paper) -> Voted:
        ballot, case = self.ballot, self.ballot.case
        choice = Choice(paper.choice)
        line = case.audit(
            paper.person.id,
            "ballot.vote",
            {"ballot": ballot.id, "decision": choice, "subject": ballot.rules.subject_hash, "door": paper.door},
            comment=paper.comment,
        )
        self._rows.append(
            {
                "decision_id": ballot.id,
                "person_id": paper.person.id,
                "case_id": case.id,
                "outcome": choice.value,
                "comment": paper.comment,
                "data": {},
                "subject_hash": ballot.rules.subject_hash,
                "door": paper.door,
                "at": case.tx.now,
                "receipt": line.hash,
            }
        )
        self.count = rule.counted(ballot.rules, self.count, choice, case.tx.now)
        voted = self.cast[paper.person.id] = Voted(paper.person.id, choice, case.tx.now, line.hash)
        return voted

    def write(self) -> None:
        """Bring what was taken to the database; then there is nothing left to write."""
        if not self._rows:
            return
        before = self.ballot.row["next_at"]
        self.ballot.case.tx.conn.execute(_INSERT_VOTES, self._rows)
        self._rows.clear()
        self.ballot.keep(self.count)
        if self.ballot.row["next_at"] != before:
            # The workflow sleeps until the old moment.
            self.ballot.case.wake()


def _status(verdict: Verdict, rules: BallotRules) -> str:
    if verdict.outcome == EXPIRED:
        return proposals.EXPIRED
    if not verdict.favourable:
        return proposals.REJECTED
    return proposals.APPROVED if rules.funds is None else proposals.PENDING


def _decision(verdict: Verdict) -> str | None:
    if verdict.reason is Reason.FORCED:
        return "admin_approve"
    return None if verdict.outcome == EXPIRED else verdict.outcome
