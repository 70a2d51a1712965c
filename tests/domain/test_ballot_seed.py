"""Each rule of voting, sentence by sentence; the docstring of a test is the sentence it holds the product to."""

from datetime import timedelta

import pytest

from domain.ballot_play import PROPOSER, START, Played, ballot_rules, micro
from placet.domain.ballot import Count, deadline, finalize_at, quorum_reached, quorum_threshold
from placet.domain.voting import state

DAY = timedelta(days=1)
HOUR = micro(timedelta(hours=1))
TEN = tuple(f"v{number}" for number in range(10))


def opened(*voters: str) -> Played:
    roll = frozenset(voters)
    return Played(ballot_rules(len(roll)), roll, {*roll, PROPOSER})


def after(approve: int, deny: int = 0, of: int = 10) -> Played:
    """A ballot of so many voters after these votes, one an hour, for and against by turns as long as both last."""
    played = opened(*TEN[:of])
    for place, choice in enumerate(turns(approve, deny)):
        assert played.vote(TEN[place], choice, (place + 1) * HOUR) == "receipt"
    return played


def turns(approve: int, deny: int) -> list[str]:
    pairs = min(approve, deny)
    return ["deny", "approve"] * pairs + ["approve"] * (approve - pairs) + ["deny"] * (deny - pairs)


def outcome(played: Played) -> tuple[str, str] | None:
    return (played.verdict.outcome, played.verdict.reason) if played.verdict else None


# Eligibility


def test_only_voters_vote() -> None:
    """Only users with the isVoter flag set by admins can participate in voting."""
    played = opened(*TEN)
    assert played.vote("somebody", "approve", 0) == "not-a-voter"
    assert played.count.cast == 0


def test_the_proposer_does_not_vote() -> None:
    """Voters who are also the proposer of a workflow are excluded from voting on that specific workflow."""
    assert opened(*TEN).vote(PROPOSER, "approve", 0) == "own-proposal"


def test_the_electorate_is_frozen_at_opening() -> None:
    """A voter who came later is not on the roll, and the total stays."""
    played = opened(*TEN)
    played.role.add("late")
    assert played.vote("late", "approve", 0) == "not-on-roll"
    assert played.rules.total == 10


def test_a_revoked_role_casts_no_vote_but_keeps_the_one_that_was_cast() -> None:
    """Someone whose voter role is revoked can no longer cast; cast votes stay."""
    played = after(1)
    played.role -= {"v0", "v1"}
    assert played.vote("v1", "approve", 2 * HOUR) == "not-a-voter"
    assert (played.count.approve, played.vote("v0", "approve", 2 * HOUR)) == (1, "receipt")


# Quorum


@pytest.mark.parametrize(
    ("voters", "votes"), [(1, 1), (2, 1), (3, 2), (4, 2), (9, 5), (10, 5), (11, 6), (1_000_001, 500_001)]
)
def test_quorum_is_half_of_the_voters_rounded_up(voters: int, votes: int) -> None:
    """Quorum = 50% of total_voters (eligible voters for this workflow)."""
    rules = ballot_rules(voters)
    assert quorum_threshold(rules) == votes
    assert (quorum_reached(rules, votes - 1), quorum_reached(rules, votes)) == (False, True)


def test_nobody_to_vote_is_never_a_quorum() -> None:
    """With no eligible voter quorum is never reached; otherwise it expires."""
    rules = ballot_rules(0)
    assert (quorum_threshold(rules), quorum_reached(rules, 0)) == (0, False)
    played = opened()
    played.look(micro(14 * DAY))
    assert outcome(played) == ("expired", "expired")


def test_participation_is_tracked() -> None:
    """As voters cast ballots, votes_cast increments."""
    played = opened(*TEN)
    for place in range(4):
        played.vote(TEN[place], "approve", place)
        assert played.count.cast == place + 1


def test_four_of_ten_votes_are_no_quorum() -> None:
    """Votes cast: 3 approve, 1 deny = 4 total. Quorum reached? No (4 < 5). Remains pending, awaiting more votes."""
    played = after(3, 1)
    assert (played.count.approve, played.count.deny, played.count.quorum_at, outcome(played)) == (3, 1, None, None)
    assert state(played.rules, played.count, START + DAY).state == "open"


def test_the_fifth_of_ten_votes_reaches_quorum_and_starts_the_countdown() -> None:
    """Votes cast: 3 approve, 2 deny = 5 total. Quorum reached? Yes (5 >= 5). 24-hour countdown begins."""
    played = after(3, 2)
    assert played.count.quorum_at == START + timedelta(hours=5)
    assert state(played.rules, played.count, START + timedelta(hours=6)).state == "countdown"


# Countdown


def test_the_countdown_ends_86400_seconds_after_quorum() -> None:
    """finalize_at: quorum_reached_at + 86400 (24 hours later)."""
    played = after(3, 2)
    ends = finalize_at(played.rules, played.count)
    assert ends is not None and played.count.quorum_at is not None
    assert (ends - played.count.quorum_at).total_seconds() == 86400


def test_before_quorum_there_is_no_countdown() -> None:
    """A 24-hour countdown timer starts at quorum_reached_at timestamp."""
    played = after(3, 1)
    assert finalize_at(played.rules, played.count) is None


def test_more_votes_in_the_countdown_count_and_do_not_restart_it() -> None:
    """Additional voters can still cast ballots; vote tallies update in real-time."""
    played = after(2, 3)
    ends = finalize_at(played.rules, played.count)
    assert played.vote("v5", "approve", 20 * HOUR) == "receipt"
    assert (played.count.approve, finalize_at(played.rules, played.count)) == (3, ends)


def test_the_status_remains_pending_until_the_countdown_ends() -> None:
    """Workflow status remains pending."""
    played = after(3, 2)
    played.look(micro(timedelta(hours=29)) - 1)
    assert outcome(played) is None
    played.look(micro(timedelta(hours=29)))
    assert outcome(played) == ("approve", "countdown")


def test_whoever_notices_late_finalizes_as_of_the_deadline() -> None:
    """Workflow is evaluated on next vote endpoint call (lazy finalization)."""
    played = after(3, 2)
    assert played.vote("v5", "deny", micro(9 * DAY)) == "ballot-closed"
    assert played.verdict is not None
    assert (played.verdict.at, played.verdict.outcome) == (START + timedelta(hours=29), "approve")


# Early finalisation


def test_six_of_ten_for_approve_at_once() -> None:
    """Votes cast: 6 approve, 0 deny. Workflow approved immediately (6 > 5). Countdown is bypassed."""
    played = after(5)
    assert outcome(played) is None
    played.vote("v5", "approve", 6 * HOUR)
    assert outcome(played) == ("approve", "early")
    assert played.verdict is not None and played.verdict.at == START + timedelta(hours=6)


def test_six_of_ten_against_deny_at_once() -> None:
    """deny_votes > total_voters / 2: early deny."""
    played = after(2, 6)
    assert outcome(played) == ("deny", "early")


def test_four_for_and_two_against_wait_for_the_countdown() -> None:
    """Votes cast: 4 approve, 2 deny = 6 total. Quorum reached, but no supermajority. 24-hour countdown proceeds."""
    played = after(4, 2)
    assert outcome(played) is None
    played.look(micro(timedelta(hours=29)))
    assert outcome(played) == ("approve", "countdown")


def test_exactly_half_of_the_full_body_is_not_enough_to_decide_early() -> None:
    """More than 50% of the FULL voter body (not just quorum) agrees."""
    assert outcome(after(5, 0)) is None
    assert outcome(after(0, 5)) is None
    assert outcome(after(5, 5)) is None
    assert outcome(after(5, 0, of=9)) == ("approve", "early")


def test_a_vote_after_the_early_decision_does_not_count() -> None:
    """Votes can be finalized before the 24-hour countdown if a supermajority is reached."""
    played = after(6)
    assert played.vote("v6", "approve", 7 * HOUR) == "ballot-closed"
    assert played.count.cast == 6


# Outcomes


@pytest.mark.parametrize(
    ("approve", "deny", "ends"), [(3, 2, "approve"), (2, 3, "deny"), (3, 3, "deny"), (5, 5, "deny"), (5, 4, "approve")]
)
def test_a_simple_majority_of_the_votes_decides_and_ties_go_to_rejection(approve: int, deny: int, ends: str) -> None:
    """approve_votes > deny_votes (simple majority); deny_votes >= approve_votes (ties go to rejection)."""
    played = after(approve, deny)
    assert outcome(played) is None
    played.look(micro(3 * DAY))
    assert outcome(played) == (ends, "countdown")
    assert played.verdict is not None and played.verdict.favourable is (ends == "approve")


def test_fourteen_days_without_quorum_expire() -> None:
    """Status is pending for more than 14 days; quorum was never reached."""
    played = after(4)
    played.look(micro(14 * DAY) - 1)
    assert outcome(played) is None
    played.look(micro(20 * DAY))
    assert outcome(played) == ("expired", "expired")
    assert played.verdict is not None and (played.verdict.at, played.verdict.favourable) == (START + 14 * DAY, False)


def test_an_expired_vote_takes_no_more_votes() -> None:
    """No further voting allowed."""
    played = after(4)
    assert played.vote("v5", "approve", micro(14 * DAY)) == "ballot-closed"


def test_a_running_countdown_wins_over_the_expiry() -> None:
    """Quorum in the last hour before the expiry still gets its whole countdown."""
    played = after(3, 1)
    late = micro(14 * DAY) - HOUR
    assert played.vote("v4", "deny", late) == "receipt"
    assert deadline(played.rules, played.count) == START + 15 * DAY - timedelta(hours=1)
    assert played.vote("v5", "approve", late + 24 * HOUR - 1) == "receipt"
    played.look(late + 24 * HOUR)
    assert outcome(played) == ("approve", "countdown")


# Force


def test_an_administrator_may_approve_past_the_voters() -> None:
    """Admins can bypass the voting process entirely; status immediately changes to approved, and it is recorded who."""
    played = after(1, 3)
    assert played.force_approve(5 * HOUR)
    assert played.verdict is not None
    assert (played.verdict.outcome, played.verdict.reason, played.verdict.by) == ("approve", "forced", ("admin",))
    assert played.verdict.at == START + timedelta(hours=5)


@pytest.mark.parametrize("votes", [6, 5])
def test_what_is_decided_cannot_be_forced(votes: int) -> None:
    """Workflow must be in pending status. The deadline ends a vote also when nobody looked."""
    played = after(votes)
    assert not played.force_approve(micro(2 * DAY))
    assert played.verdict is not None and played.verdict.reason in ("early", "countdown")


# Casting


@pytest.mark.parametrize("decision", ["approved", "APPROVE", "", "abstain", "yes", " approve"])
def test_the_decision_is_approve_or_deny(decision: str) -> None:
    """decision: "approve" or "deny" (required)."""
    played = opened(*TEN)
    assert played.vote("v0", decision, 0) == "unknown-outcome"
    assert played.count == Count()


def test_a_vote_cannot_be_changed() -> None:
    """Immutable: once cast, votes cannot be changed."""
    played = after(1)
    assert played.vote("v0", "deny", 2 * HOUR) == "already-voted"
    assert (played.count.approve, played.count.deny) == (1, 0)


def test_the_same_vote_again_gets_the_same_receipt_and_counts_once() -> None:
    """Votes are immutable: the same vote again returns the same receipt, also after the close."""
    played = after(6)
    assert played.vote("v0", "approve", micro(30 * DAY)) == "receipt"
    assert played.count.cast == 6


# Pause


def test_a_pause_moves_the_expiry_by_its_length() -> None:
    """While paused no act is taken and no clock runs; absolute deadlines move by the paused time."""
    played = after(1)
    played.pause(2 * HOUR)
    assert played.vote("v1", "approve", 3 * HOUR) == "case-paused"
    played.look(micro(30 * DAY))
    assert outcome(played) is None
    played.resume(2 * HOUR + micro(30 * DAY))
    assert deadline(played.rules, played.count) == START + 44 * DAY


def test_a_pause_moves_a_running_countdown_and_one_before_it_does_not() -> None:
    """Absolute deadlines move by the paused time: that which passed while they ran."""
    played = after(3, 1)
    played.pause(5 * HOUR)
    played.resume(7 * HOUR)
    played.vote("v4", "deny", 8 * HOUR)
    assert finalize_at(played.rules, played.count) == START + timedelta(hours=32)
    played.pause(9 * HOUR)
    played.resume(12 * HOUR)
    assert finalize_at(played.rules, played.count) == START + timedelta(hours=35)
