"""What happened to one ballot, followed line by line of its case's log and counted by the rules that took the votes."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from placet.domain import ballot as rule
from placet.domain.audit import digest
from placet.domain.ballot import BallotRules, Choice, Count
from placet.domain.task import Reason, Verdict


class State(StrEnum):
    UNOPENED = "unopened"
    OPEN = "open"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class FollowedBallot:
    """The ballot as its log makes it, up to the last line followed; `fault` hears where the log contradicts the rules.

    `roll` says of everybody on it whether their vote has been counted, `says_why` whether the log holds the reason of a
    withdrawal, as logs do that are not very old.
    """

    def __init__(self, ballot: str, published: Mapping[str, Any], fault: Callable[[str], None]) -> None:
        self.ballot = ballot
        self.roll: dict[str, bool] = {}
        self.rules: BallotRules | None = None
        self.state = State.UNOPENED
        self.says_why = True
        self.count = Count()
        self.verdict: Verdict | None = None
        self._published = published
        self._fault = fault
        self._frozen = self._measured = ""
        self._requester: str | None = None
        self._ending: Verdict | None = None
        self._now: datetime | None = None
        self._paused_at: datetime | None = None
        self._withdrawn_at: datetime | None = None
        self._on: dict[str, Callable[[Mapping[str, Any], datetime], None]] = {
            "ballot.opened": self._opened,
            "ballot.reminded": self._reminded,
            "ballot.forced": self._forced,
            "ballot.closed": self._closed,
            "ballot.withdrawn": self._withdrawn,
            "ballot.reopened": self._reopened,
        }

    def follow(self, line: Mapping[str, Any]) -> bool:
        """Take the next line of the log; False for a vote that the rules do not count."""
        action: str = line["action"]
        if action.startswith("case."):
            self._steered(action, line)
            return True
        if line["detail"].get("ballot") != self.ballot:
            return True
        now = datetime.fromisoformat(line["at"])
        if self._now is not None and now < self._now:
            self._fault("it is dated before what happened before it")
        self._now = now
        if action == "ballot.vote":
            return self._vote(line, now)
        self._on[action](line, now)
        return True

    def _steered(self, action: str, line: Mapping[str, Any]) -> None:
        """What happens to the whole case moves the clock of its ballot."""
        now = datetime.fromisoformat(line["at"])
        match action:
            case "case.opened":
                self._requester = line["detail"]["requester"]
            case "case.paused":
                self._paused_at = now
            case "case.resumed" if self._paused_at is not None:
                if self.rules is not None and self.state is State.OPEN:
                    self._stood(now - max(self._paused_at, self.rules.opened_at))
                self._paused_at = None
            case "case.cancel-requested" | "case.reopened":
                self._paused_at = None

    def _opened(self, line: Mapping[str, Any], now: datetime) -> None:
        detail = line["detail"]
        if self.state is not State.UNOPENED:
            self._fault("the ballot was opened before")
            return
        self.rules = rules = BallotRules.model_validate(detail["rules"])
        self.state, self._frozen = State.OPEN, digest(detail["rules"])
        self._measured = rule.roll_hash(self.roll)
        if self._frozen != digest(self._published["rules"]):
            self._fault("the rules that are published are not those that the ballot opened with")
        if not rules.total == detail["total_voters"] == len(self.roll):
            self._fault(f"the ballot opened with {rules.total} voters, and the roll names {len(self.roll)}")
        if not rules.roll_hash == detail["roll"] == self._measured:
            self._fault("the roll is not the one that the ballot opened with")
        if not rules.subject_hash == detail["subject"] == digest(self._published["subject"]):
            self._fault("what is published as the subject is not what was voted on")
        if rules.opened_at != now:
            self._fault("the rules speak of another moment of opening")
        if barred := sorted(set(detail["electorate"]["excluded"]) & self.roll.keys()):
            self._fault(f"the roll names {barred[0]}, who may not vote on this")

    def _vote(self, line: Mapping[str, Any], now: datetime) -> bool:
        person, choice = line["actor"], line["detail"]["decision"]
        if self.rules is None or (why := self._uncountable(self.rules, line["detail"], person, now)):
            self._fault(f"the vote of {person} does not count: {why if self.rules else 'the ballot was not open'}")
            return False
        self.roll[person] = True
        self.count = rule.counted(self.rules, self.count, Choice(choice), now)
        self._ending = rule.on_vote(self.rules, self.count, now)
        return True

    def _uncountable(self, rules: BallotRules, detail: Mapping[str, Any], person: str, now: datetime) -> str | None:
        """The questions of `voting.refusal`, but for the role that the voter held then: other chains know that."""
        voted = self.roll.get(person)
        if voted is None:
            return "they are not on the roll"
        if voted:
            return "they had voted already"
        if person == self._requester:
            return "it is their own proposal"
        if detail["subject"] != rules.subject_hash:
            return "it is about something else"
        if detail["decision"] not in (Choice.APPROVE, Choice.DENY):
            return "it chooses neither to approve nor to deny"
        return self._standing_still(rules, now)

    def _standing_still(self, rules: BallotRules, now: datetime) -> str | None:
        """Why nothing could happen to the ballot at this moment but its end."""
        if self.state is not State.OPEN:
            return "the ballot was not open"
        if self._ending is not None:
            return "the ballot was decided"
        if self._paused_at is not None:
            return "the case was paused"
        return "it came after the deadline" if now >= rule.deadline(rules, self.count) else None

    def _forced(self, line: Mapping[str, Any], now: datetime) -> None:
        if self.rules is None or (why := self._standing_still(self.rules, now)):
            self._fault(f"it cannot be approved past the voters: {why if self.rules else 'the ballot was not open'}")
        else:
            self._ending = rule.forced(self.rules, self.count, line["actor"], now)

    def _reminded(self, line: Mapping[str, Any], now: datetime) -> None:
        still = self.rules is None or self._standing_still(self.rules, now)
        if self.rules is None or still or not rule.reminder_due(self.rules, self.count, now):
            self._fault("no reminder was due")
        self.count = self.count.model_copy(update={"reminded": True})

    def _closed(self, line: Mapping[str, Any], now: datetime) -> None:
        self._committed(line)
        if self.rules is None or self.state is not State.OPEN:
            self._fault("a ballot that was not open cannot be closed")
            return
        verdict = self._ending
        if verdict is None and self._paused_at is None:
            verdict = rule.on_deadline(self.rules, self.count, now)
        self.state, self.verdict = State.CLOSED, verdict
        if verdict is None:
            self._fault("it was closed before anything had decided it")
            return
        detail = line["detail"]
        told = (detail["outcome"], detail["favourable"], detail["reason"], datetime.fromisoformat(detail["as_of"]))
        if told != (verdict.outcome, verdict.favourable, verdict.reason, verdict.at):
            found = f"{verdict.outcome} ({verdict.reason}, as of {verdict.at.isoformat()})"
            self._fault(f"the verdict says {told[0]} ({told[2]}, as of {detail['as_of']}), the recount {found}")

    def _withdrawn(self, line: Mapping[str, Any], now: datetime) -> None:
        self._committed(line)
        if self.state is not State.OPEN or self._ending is not None:
            self._fault("a ballot that was not open cannot be withdrawn")
        self.state, self._withdrawn_at = State.WITHDRAWN, now
        why = line["detail"].get("why")
        self.says_why = why is not None
        self.verdict = Verdict(
            outcome="withdrawn", favourable=False, reason=Reason.WITHDRAWN, at=now, comment=why or ""
        )

    def _reopened(self, line: Mapping[str, Any], now: datetime) -> None:
        if self.state is not State.WITHDRAWN or self._withdrawn_at is None:
            self._fault("a ballot that was not withdrawn cannot be opened again")
            return
        self._stood(now - self._withdrawn_at)
        self.state, self.verdict, self._withdrawn_at = State.OPEN, None, None

    def _committed(self, line: Mapping[str, Any]) -> None:
        """What the line of the end says about all that lies before it."""
        detail = line["detail"]
        if detail["log"] != line["prev"] or detail["votes"] != self.count.cast:
            self._fault(f"it ends {detail['votes']} votes, and the log before it has {self.count.cast} that count")
        if detail["rules"] != self._frozen or detail["roll"] != self._measured:
            self._fault("it ends a ballot with other rules or another roll")
        if why := self.differs(detail["tally"]):
            self._fault(why)

    def differs(self, tally: Mapping[str, Any]) -> str | None:
        """How a tally that was told differs from the count."""
        told, own = Count.model_validate(tally), self.count.model_copy(update={"shift": timedelta()})
        if told == own:
            return None
        votes = f"{told.approve} for and {told.deny} against, the recount {own.approve} for and {own.deny} against"
        return f"the tally tells {votes}{'' if told.quorum_at == own.quorum_at else ', and quorum at another moment'}"

    def _stood(self, length: timedelta) -> None:
        self.count = self.count.model_copy(update={"shift": self.count.shift + length})
