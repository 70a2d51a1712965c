"""The shape of a ballot: what may be asked, what freezing makes of it, refusals, reminders and sentences."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.ballot_play import START, ballot_rules
from placet.domain.ballot import (
    BallotRules,
    BallotSpec,
    Choice,
    Count,
    Share,
    counted,
    deadline,
    decided,
    expires_at,
    forced,
    freeze,
    next_at,
    on_deadline,
    on_vote,
    quorum_reached,
    reminder_at,
    reminder_due,
)
from placet.domain.people import Role
from placet.domain.task import Reason, Verdict
from placet.domain.voting import MAX_COMMENT, BallotState, VoterStanding, refusal, state

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VOTER = VoterStanding(on_roll=True, still_voter=True)
IN_COUNTDOWN = Count(approve=3, deny=2, quorum_at=START + HOUR)


def why(
    rules: BallotRules, standing: VoterStanding = VOTER, choice: str = "approve", **more: Any
) -> tuple[str, str | None] | None:
    asked: dict[str, Any] = {"count": Count(), "comment": "", "now": START} | more
    found = refusal(rules, standing=standing, choice=choice, **asked)
    return (found.code, found.field) if found else None


# Spec and rules


def test_the_default_axes_are_those_of_the_source() -> None:
    spec = BallotSpec(name="vote", title="Vote", electorate=Role(name="voter"))
    assert (spec.quorum, spec.early, spec.tie, spec.majority) == (
        Share(of=1, out_of=2),
        Share(of=1, out_of=2),
        Choice.DENY,
        "simple",
    )
    assert (str(spec.countdown), str(spec.expiry), spec.remind_before) == ("24h", "14d", None)


def test_freezing_makes_times_absolute_in_utc_and_names_the_scope() -> None:
    spec = BallotSpec(name="vote", title="Vote", electorate=Role(name="voter"), remind_before="2h")
    there = START.astimezone(timezone(timedelta(hours=5)))
    rules = freeze(spec, 7, "roll", "subject", there, "coop")
    assert (rules.opened_at, rules.expires_at) == (START, START + 14 * DAY)
    assert rules.opened_at.tzinfo is START.tzinfo
    assert (rules.countdown, rules.remind_before, rules.total) == (DAY, 2 * HOUR, 7)
    assert (rules.electorate, rules.roll_hash, rules.subject_hash) == (
        Role(name="voter", scope="coop"),
        "roll",
        "subject",
    )


def test_a_scope_of_the_electorate_itself_is_kept() -> None:
    spec = BallotSpec(name="vote", title="Vote", electorate=Role(name="voter", scope="union"))
    assert freeze(spec, 7, "roll", "subject", START, "coop").electorate.scope == "union"


def test_every_axis_reaches_the_frozen_rules() -> None:
    axes = {
        "title": "Ask",
        "instructions": "Read it",
        "quorum": Share(of=2, out_of=3),
        "early": None,
        "tie": Choice.APPROVE,
    }
    rules = ballot_rules(4, **axes)
    assert {name: getattr(rules, name) for name in axes} == axes


def test_rules_and_count_survive_the_journey_through_json() -> None:
    rules = ballot_rules(4, remind_before="12h", early=None)
    assert BallotRules.model_validate(rules.model_dump(mode="json")) == rules
    count = IN_COUNTDOWN.model_copy(update={"shift": HOUR, "shift_at_quorum": HOUR / 2, "reminded": True})
    assert Count.model_validate(count.model_dump(mode="json")) == count


@pytest.mark.parametrize(
    ("axes", "complaint"),
    [
        ({"quorum": {"of": 3, "out_of": 2}}, "more than the whole"),
        ({"quorum": {"of": 0, "out_of": 2}}, "greater than or equal to 1"),
        ({"quorum": {"of": 1.5, "out_of": 2}}, "valid integer"),
        ({"early": {"of": 1, "out_of": 3}}, "at least half"),
        ({"early": {"of": 49, "out_of": 99}}, "at least half"),
        ({"countdown": "1bd"}, "elapsed time"),
        ({"expiry": "3bd"}, "elapsed time"),
        ({"remind_before": "1bd"}, "elapsed time"),
        ({"countdown": "0h"}, "length of time"),
        ({"tie": "maybe"}, "approve"),
        ({"majority": "two-thirds"}, "simple"),
    ],
)
def test_a_vote_that_makes_no_sense_cannot_be_asked(axes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        BallotSpec.model_validate({"name": "vote", "title": "Vote", "electorate": {"name": "voter"}} | axes)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**18))
def test_the_least_number_that_reaches_a_share_reaches_it_and_one_fewer_does_not(
    of: int, more: int, whole: int
) -> None:
    share = Share(of=of, out_of=of + more)
    least = share.least(whole)
    assert share.reached(least, whole) and not share.exceeded(least - 1, whole)
    assert least == 0 or not share.reached(least - 1, whole)


# Counting


def test_the_vote_that_reaches_quorum_is_remembered_with_the_pauses_before_it() -> None:
    rules, later = ballot_rules(4), START + DAY
    first = counted(rules, Count(shift=HOUR), Choice.DENY, START)
    assert first == Count(deny=1, shift=HOUR)
    second = counted(rules, first, Choice.APPROVE, later)
    assert second == Count(approve=1, deny=1, quorum_at=later, shift=HOUR, shift_at_quorum=HOUR)
    third = counted(rules, second.model_copy(update={"shift": DAY}), Choice.APPROVE, later + DAY)
    assert third == Count(approve=2, deny=1, quorum_at=later, shift=DAY, shift_at_quorum=HOUR)


def test_an_early_decision_waits_for_a_quorum_that_is_larger_than_it() -> None:
    rules = ballot_rules(8, quorum=Share(of=3, out_of=4))
    assert decided(rules, Count(approve=5)) is None
    assert decided(rules, Count(approve=5, deny=1)) is Choice.APPROVE
    assert decided(rules, Count(approve=1, deny=5)) is Choice.DENY


def test_without_early_decision_even_all_alike_wait_for_the_countdown() -> None:
    rules = ballot_rules(3, early=None)
    count = Count(approve=3, quorum_at=START)
    assert on_vote(rules, count, START) is None
    found = on_deadline(rules, count, START + DAY)
    assert found is not None and found.reason is Reason.COUNTDOWN


def test_an_empty_electorate_decides_nothing_early() -> None:
    assert decided(ballot_rules(0), Count()) is None


def test_a_tie_may_be_made_to_count_for_the_proposal() -> None:
    found = on_deadline(ballot_rules(4, tie="approve"), Count(approve=1, deny=1, quorum_at=START), START + DAY)
    assert found is not None and (found.outcome, found.favourable) == ("approve", True)


def test_every_verdict_carries_the_tally() -> None:
    rules, count = ballot_rules(10), Count(approve=6, deny=1, quorum_at=START)
    tally = {"votes": {"total_voters": 10, "votes_cast": 7, "approve": 6, "deny": 1}}
    verdicts = [
        on_vote(rules, count, START),
        on_deadline(rules, count, START + DAY),
        forced(rules, count, "ann", START),
    ]
    assert [verdict.data for verdict in verdicts if verdict] == [tally] * 3


# Reminders


def test_those_who_owe_a_vote_are_reminded_before_the_close_and_once() -> None:
    rules = ballot_rules(10, remind_before="12h")
    at = START + 14 * DAY - 12 * HOUR
    assert (reminder_at(rules, Count()), next_at(rules, Count())) == (at, at)
    assert not reminder_due(rules, Count(), at - timedelta(microseconds=1))
    assert reminder_due(rules, Count(), at)
    done = Count(reminded=True)
    assert (reminder_at(rules, done), next_at(rules, done)) == (None, START + 14 * DAY)
    assert not reminder_due(rules, done, at)


def test_the_reminder_moves_with_the_countdown_and_with_a_pause() -> None:
    rules = ballot_rules(10, remind_before="12h")
    assert reminder_at(rules, IN_COUNTDOWN) == START + 13 * HOUR
    assert reminder_at(rules, IN_COUNTDOWN.model_copy(update={"shift": HOUR})) == START + 14 * HOUR
    assert reminder_at(rules, Count(shift=HOUR)) == expires_at(rules, Count()) - 11 * HOUR


def test_a_countdown_shorter_than_the_reminder_reminds_as_it_starts() -> None:
    rules = ballot_rules(10, remind_before="2d")
    assert reminder_at(rules, IN_COUNTDOWN) == IN_COUNTDOWN.quorum_at


@pytest.mark.parametrize("before", ["14d", "15d"])
def test_nobody_is_reminded_at_the_opening_or_before_it(before: str) -> None:
    rules = ballot_rules(10, remind_before=before)
    assert reminder_at(rules, Count()) is None
    assert next_at(rules, Count()) == START + 14 * DAY


def test_a_close_that_has_come_makes_the_reminder_pointless() -> None:
    rules = ballot_rules(10, remind_before="12h")
    assert reminder_due(rules, IN_COUNTDOWN, START + 25 * HOUR - timedelta(microseconds=1))
    assert not reminder_due(rules, IN_COUNTDOWN, START + 25 * HOUR)


# Refusals


def test_a_voter_on_the_roll_may_vote() -> None:
    assert why(ballot_rules(10)) is None
    assert why(ballot_rules(10), choice="deny", comment="x" * MAX_COMMENT) is None


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        ({"is_proposer": True, "excluded": "you are paid by it"}, "own-proposal"),
        ({"is_proposer": True, "still_voter": False, "on_roll": False}, "own-proposal"),
        ({"excluded": "you are paid by it"}, "excluded"),
        ({"still_voter": False}, "not-a-voter"),
        ({"still_voter": False, "on_roll": False}, "not-a-voter"),
        ({"on_roll": False}, "not-on-roll"),
        ({"cast": Choice.DENY}, "already-voted"),
        ({"cast": Choice.DENY, "still_voter": False}, "not-a-voter"),
    ],
)
def test_who_may_not_vote_is_told_why(standing: dict[str, Any], code: str) -> None:
    assert why(ballot_rules(10), VOTER.model_copy(update=standing)) == (code, None)


def test_the_reason_of_an_exclusion_is_told() -> None:
    found = refusal(
        ballot_rules(10), Count(), VOTER.model_copy(update={"excluded": "you are paid by it"}), "deny", "", START
    )
    assert found is not None and found.detail == "You cannot vote on this: you are paid by it."


def test_a_misspelt_decision_and_a_long_comment_name_their_field() -> None:
    rules = ballot_rules(10)
    assert why(rules, choice="aprove") == ("unknown-outcome", "decision")
    assert why(rules, comment="x" * (MAX_COMMENT + 1)) == ("comment-too-long", "comment")
    assert why(rules, VOTER.model_copy(update={"cast": Choice.DENY}), choice="x") == ("unknown-outcome", "decision")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"is_open": False}, "ballot-closed"),
        ({"is_open": False, "paused": True}, "ballot-closed"),
        ({"paused": True}, "case-paused"),
        ({"paused": True, "now": START + 20 * DAY}, "case-paused"),
        ({"now": START + 14 * DAY}, "ballot-closed"),
        ({"now": START + 25 * HOUR, "count": IN_COUNTDOWN}, "ballot-closed"),
    ],
)
def test_a_closed_or_paused_ballot_takes_no_vote(more: dict[str, Any], code: str) -> None:
    assert why(ballot_rules(10), **more) == (code, None)


@pytest.mark.parametrize(
    "standing", [{}, {"still_voter": False}, {"on_roll": False}, {"is_proposer": True}, {"excluded": "x"}]
)
@pytest.mark.parametrize("choice", Choice)
def test_the_same_vote_again_is_never_refused(standing: dict[str, Any], choice: Choice) -> None:
    again = VOTER.model_copy(update={"cast": choice, **standing})
    assert why(ballot_rules(10), again, choice.value, is_open=False, paused=True, now=START + 20 * DAY) is None


# State and sentences


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (
            Count(approve=3, deny=2, quorum_at=START),
            "5 of 10 have voted (3 for, 2 against); the vote closes on 3 March 2026 09:00 UTC (in 1 day), and as it "
            "stands the proposal would be approved.",
        ),
        (
            Count(approve=2, deny=3, quorum_at=START),
            "5 of 10 have voted (2 for, 3 against); the vote closes on 3 March 2026 09:00 UTC (in 1 day), and as it "
            "stands the proposal would be rejected.",
        ),
        (
            Count(approve=3, deny=3, quorum_at=START),
            "6 of 10 have voted (3 for, 3 against); the vote closes on 3 March 2026 09:00 UTC (in 1 day), and as it "
            "stands the proposal would be rejected, as a tie counts as that.",
        ),
        (
            Count(approve=2, deny=1),
            "3 of 10 have voted (2 for, 1 against); 2 more votes are needed for quorum, without which the vote "
            "expires on 16 March 2026 09:00 UTC (in 14 days).",
        ),
        (
            Count(approve=4),
            "4 of 10 have voted (4 for, 0 against); 1 more vote is needed for quorum, without which the vote "
            "expires on 16 March 2026 09:00 UTC (in 14 days).",
        ),
        (
            Count(deny=1, shift=DAY),
            "1 of 10 has voted (0 for, 1 against); 4 more votes are needed for quorum, without which the vote "
            "expires on 17 March 2026 09:00 UTC (in 15 days).",
        ),
    ],
)
def test_an_open_ballot_says_whom_it_waits_for_and_how_it_ends(count: Count, sentence: str) -> None:
    assert state(ballot_rules(10), count, START).explanation == sentence


def test_a_ballot_without_voters_says_so() -> None:
    assert state(ballot_rules(0), Count(), START).explanation == (
        "Nobody is entitled to vote; unless an administrator approves it, the vote expires on "
        "16 March 2026 09:00 UTC (in 14 days)."
    )


@pytest.mark.parametrize(
    ("count", "now", "sentence"),
    [
        (
            Count(approve=6, deny=1, quorum_at=START),
            START,
            "Approved on 2 March 2026 09:00 UTC early, as enough of all voters agree: "
            "7 of 10 have voted (6 for, 1 against).",
        ),
        (
            Count(approve=1, deny=6, quorum_at=START),
            START,
            "Rejected on 2 March 2026 09:00 UTC early, as enough of all voters agree: "
            "7 of 10 have voted (1 for, 6 against).",
        ),
        (
            IN_COUNTDOWN,
            START + 9 * DAY,
            "Approved on 3 March 2026 10:00 UTC at the end of the countdown: 5 of 10 have voted (3 for, 2 against).",
        ),
        (
            Count(approve=3, deny=3, quorum_at=START),
            START + 9 * DAY,
            "Rejected on 3 March 2026 09:00 UTC at the end of the countdown, by the rule for a tie: "
            "6 of 10 have voted (3 for, 3 against).",
        ),
        (
            Count(approve=1),
            START + 20 * DAY,
            "Expired on 16 March 2026 09:00 UTC without quorum: 1 of 10 has voted (1 for, 0 against).",
        ),
    ],
)
def test_a_closed_ballot_says_how_it_ended(count: Count, now: datetime, sentence: str) -> None:
    found = state(ballot_rules(10), count, now)
    assert (found.state, found.next_at, found.explanation) == (BallotState.CLOSED, None, sentence)


def test_a_recorded_verdict_is_told_whatever_the_count_would_say() -> None:
    rules, count = ballot_rules(10), Count(deny=2)
    verdict = forced(rules, count, "ann", START + HOUR)
    found = state(rules, count, START + 20 * DAY, verdict)
    assert found.verdict == verdict
    assert found.explanation == (
        "Approved on 2 March 2026 10:00 UTC by an administrator, past the voters: "
        "2 of 10 have voted (0 for, 2 against)."
    )
    gone = Verdict(outcome="withdrawn", favourable=False, reason=Reason.WITHDRAWN, at=START)
    assert state(rules, count, START, gone).explanation.startswith("Closed on 2 March 2026 09:00 UTC (withdrawn): ")


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.booleans())
def test_the_state_is_one_function_of_rules_count_and_now(approve: int, deny: int, rest: int, over: bool) -> None:
    rules = ballot_rules(approve + deny + rest)
    reached = quorum_reached(rules, approve + deny)
    count = Count(approve=approve, deny=deny, quorum_at=START if reached else None)
    now = deadline(rules, count) if over else deadline(rules, count) - timedelta(microseconds=1)
    found = state(rules, count, now)
    early = decided(rules, count) is not None
    assert (found.state is BallotState.CLOSED) == (over or early)
    assert (found.verdict is None) == (found.state is not BallotState.CLOSED) == (found.next_at is not None)
    assert found.explanation.endswith(".") and found.explanation.count("\n") == 0
