"""The count of one ballot done again from its export: no database, no trust in whoever wrote it.

An export is JSON objects, in this order: the `ballot` as it is published, its `roll` in pages, and each `event` of the
case's log up to the one that ended the ballot, each with the `text`s that people wrote if the first line says so.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from placet.domain.audit import GENESIS, link_faults, promised_texts, text_digest
from placet.domain.ballot_log import FollowedBallot, State
from placet.domain.model import Durable
from placet.domain.task import Reason, Verdict

FORMAT = 1
MOST_PROBLEMS = 100
"""So many are told in full; a log of a million votes can have as many."""

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError)
_BALLOT_FIELDS = {"type", "format", "ballot", "case", "state", "lines", "texts", "rules", "subject", "tally", "verdict"}
_ROLL_FIELDS = {"type", "page", "people"}
_EVENT_FIELDS = {"type", "chain", "seq", "at", "actor", "action", "detail", "prev", "hash"}
_TEXT_FIELDS = {"type", "chain", "seq", "field"}


class FoundVote(Durable):
    """What the log says of the vote with one receipt, in which line, and whether the rules count it."""

    receipt: str
    line: int
    at: str
    person: str
    decision: str
    counted: bool


class Recount(Durable):
    """What the recount found; `problems` is empty when everything holds. `head` is the hash of the last line."""

    ballot: str
    case: str
    state: State
    voters: int
    votes: int
    approve: int
    deny: int
    verdict: Verdict | None
    lines: int
    head: str
    vote: FoundVote | None
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def recount(
    lines: Iterable[Mapping[str, Any]],
    ballot: str | None = None,
    *,
    receipt: str | None = None,
    witnessed: str | None = None,
) -> Recount:
    """Check an export and count it again, line by line.

    `ballot` is the one that it must be of. `receipt` is the hash that a voter got; the vote is looked up. `witnessed`
    is the hash of a line that was kept outside: it must appear, else the log was rewritten before it.
    """
    paper = _Paper(receipt, witnessed)
    for line in lines:
        try:
            paper.read(line)
        except _UNREADABLE:
            paper.problem("a line that cannot be read")
    try:
        paper.conclude(ballot)
    except _UNREADABLE:
        paper.problem("what is published of the ballot cannot be read")
    return paper.result()


class _Paper:
    """What has been read of an export so far."""

    def __init__(self, receipt: str | None, witnessed: str | None) -> None:
        self._receipt, self._witnessed = receipt, witnessed
        self._problems: list[str] = []
        self._untold = 0
        self._published: Mapping[str, Any] = {}
        self._case, self._seq, self._head = "", 0, GENESIS
        self._replay = FollowedBallot("", {}, self._fault)
        self._pages = 0
        self._promised: dict[tuple[int, str], str] = {}
        self._found: FoundVote | None = None

    def problem(self, text: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(text)
        else:
            self._untold += 1

    def _fault(self, why: str) -> None:
        self.problem(f"line {self._seq}: {why}")

    def read(self, line: Mapping[str, Any]) -> None:
        kind = line["type"]
        if kind == "event":
            self._event(line)
        elif kind == "roll":
            self._roll(line)
        elif kind in ("text", "erased"):
            self._text(line)
        elif kind == "ballot" and not (self._published or self._pages or self._seq):
            self._publish(line)
        else:
            self.problem(f"a line of type {kind!r} that does not belong there")

    def _publish(self, line: Mapping[str, Any]) -> None:
        self._published, self._case = line, str(line["case"])
        self._replay = FollowedBallot(str(line["ballot"]), line, self._fault)
        if line.keys() != _BALLOT_FIELDS or line["format"] != FORMAT:
            self.problem(f"this is no export of format {FORMAT}; use the version of Placet that wrote it")

    def _roll(self, line: Mapping[str, Any]) -> None:
        self._pages += 1
        people, roll = line["people"], self._replay.roll
        if line["page"] != self._pages or line.keys() != _ROLL_FIELDS or self._seq:
            self.problem(f"page {line['page']} of the roll is not where it belongs")
        before = len(roll)
        roll.update(dict.fromkeys(people, False))
        if len(roll) != before + len(people):
            self.problem(f"page {line['page']} of the roll names somebody twice")

    def _event(self, line: Mapping[str, Any]) -> None:
        for fault in link_faults(line, self._seq, self._head):
            self.problem(fault)
        self._seq, self._head = line["seq"], line["hash"]
        if line.keys() != _EVENT_FIELDS or line["chain"] != self._case:
            self._fault("it is not of this case's log")
        if self._published.get("texts"):
            for field, expected in promised_texts(line["detail"]).items():
                self._promised[(self._seq, field)] = expected
        counted = self._replay.follow(line)
        if self._head == self._witnessed:
            self._witnessed = None
        if self._head == self._receipt and line["action"] == "ballot.vote":
            self._found = FoundVote(
                receipt=self._head,
                line=self._seq,
                at=line["at"],
                person=line["actor"],
                decision=line["detail"]["decision"],
                counted=counted,
            )

    def _text(self, line: Mapping[str, Any]) -> None:
        seq, field, kept = line["seq"], line["field"], line["type"] == "text"
        expected = self._promised.pop((seq, field), None)
        if expected is None or line["chain"] != self._case or seq != self._seq:
            self.problem(f"line {seq}, {field}: a text that does not belong there")
        elif kept and text_digest(line["salt"], line["text"]) != expected:
            self.problem(f"line {seq}, {field}: the text was changed")
        if line.keys() != (_TEXT_FIELDS | {"salt", "text"} if kept else _TEXT_FIELDS):
            self.problem(f"line {seq}, {field}: the text has fields that do not belong there")

    def conclude(self, ballot: str | None) -> None:
        """What can be said only now that the export has ended."""
        told, own = self._published, self._replay
        for seq, field in self._promised:
            self.problem(f"line {seq}: the text of {field} is missing")
        if ballot is not None and ballot != own.ballot:
            self.problem(f"this is an export of {own.ballot or 'no ballot'}, not of {ballot}")
        if self._witnessed is not None:
            self.problem(f"the witnessed line {self._witnessed[:16]}… is not in this log")
        if self._receipt is not None and self._found is None:
            self.problem(f"no vote with the receipt {self._receipt[:16]}… is in this log")
        if self._seq != told["lines"] or own.state != told["state"]:
            published = f"is {told['state']} after {told['lines']} lines"
            self.problem(f"the ballot as published {published}; the log makes it {own.state} after {self._seq}")
        if why := own.differs(told["tally"]):
            self.problem(f"as published, {why}")
        self._judged(Verdict.model_validate(told["verdict"]) if told["verdict"] is not None else None)

    def _judged(self, told: Verdict | None) -> None:
        own = self._replay.verdict
        if told and own and own.reason is Reason.WITHDRAWN and not self._replay.says_why:
            own = own.model_copy(update={"comment": told.comment})
        if told != own:
            first, second = (verdict.outcome if verdict else "none" for verdict in (told, own))
            other = ", with another reason, moment or tally" if first == second else ""
            self.problem(f"the verdict as published is {first}, the recount makes it {second}{other}")

    def result(self) -> Recount:
        own = self._replay
        more = (f"and {self._untold} more",) if self._untold else ()
        return Recount(
            ballot=own.ballot,
            case=self._case,
            state=own.state,
            voters=len(own.roll),
            votes=own.count.cast,
            approve=own.count.approve,
            deny=own.count.deny,
            verdict=own.verdict,
            lines=self._seq if isinstance(self._seq, int) else 0,
            head=str(self._head),
            vote=self._found,
            problems=(*self._problems, *more),
        )
