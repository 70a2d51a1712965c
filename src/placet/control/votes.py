"""Voting: votes on one proposal that wait are taken together, in one transaction, and each is answered once it is
durable.

A vote costs a fraction of what it would alone, and with more voters at once the batches grow instead of the queue.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from placet.catalogue.voting.model import VOTERS
from placet.control.door import Door
from placet.control.errors import Problem, not_found
from placet.control.people import UNKNOWN_TOKEN
from placet.control.proposals import ProposalView, told
from placet.control.reading import seen_case
from placet.control.sent import Sent
from placet.domain.ballot import BallotRules
from placet.domain.people import Person
from placet.domain.proposal import ProposalKind
from placet.domain.said import Said
from placet.domain.task import Refusal
from placet.domain.voting import MAX_COMMENT
from placet.store import ballots, crash, people, proposals, roll
from placet.store.acts import audit_refusal
from placet.store.ballots import LockedBallot, NotVoted, Paper, Voted, locked_ballot
from placet.store.decisions import decision_id
from placet.store.engine import StoreUnavailable, Tx

ATTEMPT = "ballot.vote"
BATCH = 200
MOST_WAITING = 4000
MOST_KNOWN = 1000


class GivenVote(Sent):
    """How I vote, and if I like why."""

    decision: str = Field(max_length=100, json_schema_extra={"enum": ["approve", "deny"]})
    comment: str = Field(default="", json_schema_extra={"maxLength": MAX_COMMENT})


class VotedView(ProposalView):
    """The proposal after the vote; `receipt` proves it: the hash of the audit line that holds it."""

    receipt: str


@dataclass(frozen=True)
class _Slip:
    """A vote that waits; `answer` is the JSON of a VotedView, or why it does not count.

    `token` tells whose it is: the hash of a token, or the name of somebody who is signed in, `person`.
    """

    token: str
    choice: str
    comment: str
    answer: asyncio.Future[bytes | Problem]
    person: str | None = None

    @property
    def door(self) -> str:
        return "api" if self.person is None else "web"


@dataclass
class _Box:
    """The votes on one proposal that wait, and the one that empties it."""

    slips: deque[_Slip] = field(default_factory=deque)
    emptying: asyncio.Task[None] | None = None


class Votes:
    def __init__(self, door: Door) -> None:
        self._door = door
        self._boxes: dict[tuple[ProposalKind, str], _Box] = {}
        self._waiting = 0
        self._known: dict[str, _Known] = {}

    async def cast(self, token: str, kind: ProposalKind, proposal_id: str, given: GivenVote) -> bytes:
        """The JSON of a VotedView. The same vote again gets the same receipt; one that does not count raises why."""
        if not token:
            raise Problem("unauthenticated", UNKNOWN_TOKEN)
        return await self._cast(people.token_hash(token), kind, proposal_id, given)

    async def cast_by(self, person: Person, kind: ProposalKind, proposal_id: str, given: GivenVote) -> bytes:
        """The same for somebody who is signed in; on this path too, votes that wait are taken together."""
        return await self._cast(f"@{person.id}", kind, proposal_id, given, person.id)

    async def _cast(
        self, whose: str, kind: ProposalKind, proposal_id: str, given: GivenVote, person: str | None = None
    ) -> bytes:
        if self._waiting >= MOST_WAITING:
            raise Problem(
                "unavailable", Said("Very many people are voting at this moment; try again in a few seconds.")
            )
        # A comment that is too long is refused, and need not wait as a whole.
        comment = given.comment[: MAX_COMMENT + 1]
        answered: asyncio.Future[bytes | Problem] = asyncio.get_running_loop().create_future()
        slip = _Slip(whose, given.decision, comment, answered, person)
        box = self._boxes.setdefault((kind, proposal_id), _Box())
        box.slips.append(slip)
        if box.emptying is None:
            box.emptying = asyncio.create_task(self._empty(kind, proposal_id, box))
        self._waiting += 1
        try:
            answer = await slip.answer
        finally:
            self._waiting -= 1
        if isinstance(answer, Problem):
            if answer.code != "unauthenticated":
                self._door.on_act(ATTEMPT, answer.code)
            raise answer
        self._door.on_act(ATTEMPT, "counted")
        return answer

    async def _empty(self, kind: ProposalKind, proposal_id: str, box: _Box) -> None:
        """Take batch after batch until nobody waits."""
        while box.slips:
            batch: list[_Slip] = []
            try:
                await self._take(kind, proposal_id, batch, box.slips)
            except StoreUnavailable as error:
                if not batch:
                    # It did not even begin, and would not for those who wait either.
                    batch, box.slips = [*box.slips], deque()
                _fail(batch, error)
            except Exception:
                # A vote that meets a mistake of ours must not take the others with it.
                for slip in batch or [box.slips.popleft()]:
                    try:
                        await self._take(kind, proposal_id, [slip], deque())
                    except Exception as error:
                        _fail([slip], error)
        del self._boxes[kind, proposal_id]

    async def _take(self, kind: ProposalKind, proposal_id: str, batch: list[_Slip], waiting: deque[_Slip]) -> None:
        """One transaction, with whoever waits by the time it begins; answers come once it is durable."""

        def take(tx: Tx) -> list[bytes | Problem]:
            # After a failure the writer calls this again, with the batch as it is by then.
            while waiting and len(batch) < BATCH:
                batch.append(waiting.popleft())
            return self._taken(tx, kind, proposal_id, batch)

        answers = await self._door.store.write(take)
        crash.reach(f"{ATTEMPT}-committed")
        for slip, answer in zip(batch, answers, strict=True):
            if not slip.answer.done():
                slip.answer.set_result(answer)

    def _taken(self, tx: Tx, kind: ProposalKind, proposal_id: str, batch: Sequence[_Slip]) -> list[bytes | Problem]:
        known = self._known.get(proposal_id)
        if known is None and (proposal := proposals.find(tx, proposal_id)) is not None:
            known = _Known(proposal["kind"])
        if known is None or known.kind != kind:
            voters = _voters(tx, batch)
            return [_hidden(tx, voters.get(slip.token), proposal_id) for slip in batch]
        if known.rules is None and ballots.find(tx, proposal_id) is None:
            return self._too_early(tx, proposal_id, batch)
        with locked_ballot(tx, decision_id(proposal_id, ballots.NAME, 1), proposal_id, known.rules) as ballot:
            if known.rules is None:
                self._keep(proposal_id, _Known(kind, ballot.rules))
            return _Sitting(ballot, batch).answers()

    def _too_early(self, tx: Tx, proposal_id: str, batch: Sequence[_Slip]) -> list[bytes | Problem]:
        """Votes on what is still being discussed: told so to whoever may know of it."""
        voters = _voters(tx, batch)
        answers: list[bytes | Problem] = []
        for slip in batch:
            voter = voters.get(slip.token)
            if voter is None or seen_case(tx, voter, proposal_id) is None:
                answers.append(_hidden(tx, voter, proposal_id))
                continue
            why = ballots.not_open_yet(tx, voter.id, ATTEMPT, proposal_id)
            answers.append(Problem(why.code, why.detail))
        return answers

    def _keep(self, proposal_id: str, known: "_Known") -> None:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[proposal_id] = known


@dataclass(frozen=True)
class _Known:
    """What never changes of a proposal once it is open."""

    kind: ProposalKind
    rules: BallotRules | None = None


def _voters(tx: Tx, batch: Sequence[_Slip]) -> dict[str, Person]:
    """Whose the slips are, by their `token`; who is not there may not vote at all."""
    held = {slip.token for slip in batch if slip.person is None}
    signed_in = {slip.person: slip.token for slip in batch if slip.person is not None}
    found = people.by_tokens(tx, held) if held else {}
    present = people.present(tx, signed_in) if signed_in else {}
    return found | {signed_in[person]: voter for person, voter in present.items()}


def _fail(batch: Sequence[_Slip], error: Exception) -> None:
    for slip in batch:
        if not slip.answer.done():
            slip.answer.set_exception(error)


class _Sitting:
    """One batch at its ballot: who they are, whether they may know of it, what each vote came to."""

    def __init__(self, ballot: LockedBallot, batch: Sequence[_Slip]) -> None:
        self._ballot = ballot
        self._batch = batch
        self._voters = _voters(ballot.case.tx, batch)

    def answers(self) -> list[bytes | Problem]:
        ballot, tx = self._ballot, self._ballot.case.tx
        seen = self._who_may_know()
        papers = [
            Paper(voter, slip.choice, slip.comment, slip.door)
            for slip in self._batch
            if (voter := self._voters.get(slip.token)) is not None and voter.id in seen
        ]
        results = iter(ballots.cast(ballot, papers))
        view = self._view()
        plain = view.model_dump_json(exclude={"my_decision"}).encode()[:-1]
        answers: list[bytes | Problem] = []
        for slip in self._batch:
            voter = self._voters.get(slip.token)
            if voter is None or voter.id not in seen:
                answers.append(_hidden(tx, voter, ballot.case.id))
                continue
            match next(results):
                case Voted(choice=choice, receipt=receipt):
                    answers.append(
                        b'%b,"my_decision":"%b","receipt":"%b"}' % (plain, choice.encode(), receipt.encode())
                    )
                case NotVoted(refusal=why):
                    answers.append(_refused(why, view))
        return answers

    def _who_may_know(self) -> set[str]:
        """Whoever holds the role of the electorate was asked, and sees the case; of the others each is looked up."""
        ballot, tx = self._ballot, self._ballot.case.tx
        role = ballot.rules.electorate
        seen = set()
        others = []
        for voter in self._voters.values():
            if not voter.external and voter.holds(role.name, role.scope or ""):
                seen.add(voter.id)
            else:
                others.append(voter)
        seen |= roll.members(tx, ballot.id, [voter.id for voter in others]) if others else set()
        return seen | {voter.id for voter in others if voter.id not in seen and seen_case(tx, voter, ballot.case.id)}

    def _view(self) -> ProposalView:
        """The proposal as it stands after the batch, the same for everybody in it."""
        ballot, case = self._ballot, self._ballot.case
        proposal = proposals.find(case.tx, case.id)
        assert proposal is not None
        return told(proposal, ballot.row, ballot.rules, None, case.tx.now, paused_at=case["paused_at"])


def _refused(why: Refusal, view: ProposalView) -> Problem:
    extra: dict[str, Any] = {"final": view.model_dump(mode="json")} if why.code == "ballot-closed" else {}
    return Problem(why.code, why.detail, field=why.field, extra=extra)


def _hidden(tx: Tx, person: Person | None, proposal_id: str) -> Problem:
    """The answer to somebody who may not know whether there is such a proposal: the same if there is none."""
    if person is None:
        return Problem("unauthenticated", UNKNOWN_TOKEN)
    if person.external or not person.holds_any(VOTERS.name):
        audit_refusal(tx, person.id, ATTEMPT, "not-a-voter", {"proposal": proposal_id})
        return Problem(
            "not-a-voter", Said("Only people with the role %(role)s vote; ask an administrator.", role=VOTERS.name)
        )
    audit_refusal(tx, person.id, ATTEMPT, "not-visible", {"proposal": proposal_id})
    return not_found()
