"""Ballots in both databases: a frozen electorate, votes that count once, a clock that ends them."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.store.assembly import Assembly, ballot_spec, word
from tests.store.assembly import assembly as assembly
from tests.store.conftest import DAY, HOUR

from placet.domain.ballot import Share
from placet.store import tables as t
from placet.store.ballots import NotVoted, Voted
from placet.store.roll import roll_hash

INSTANT = timedelta(microseconds=1)


def open_with(assembly: Assembly, voters: int = 9, **axes: object) -> None:
    assembly.voters(voters)
    assembly.propose(**axes)


# The electorate


def test_the_electorate_is_frozen_when_the_ballot_opens(assembly: Assembly) -> None:
    open_with(assembly)
    rules = assembly.decision()["rules"]
    assert (rules["total"], rules["roll_hash"]) == (9, roll_hash({f"v{one}" for one in range(9)}))
    assembly.person("late", "voter")
    assert word(assembly.vote("late")) == "not-on-roll"
    assert assembly.decision()["rules"]["total"] == 9


def test_the_proposer_is_not_on_the_roll_and_never_votes(assembly: Assembly) -> None:
    open_with(assembly)
    assert word(assembly.vote("prue")) == "own-proposal"


def test_a_voter_of_this_scope_and_one_of_the_whole_house_are_listed_once_each(assembly: Assembly) -> None:
    assembly.people(("hal", "voter"), ("cop", "voter@coop"), ("two", "voter", "voter@coop"), ("far", "voter@elsewhere"))
    assembly.propose()
    assert assembly.decision()["rules"]["total"] == 3
    assert [word(assembly.vote(who)) for who in ("far", "hal", "cop")] == ["not-a-voter", "counted", "counted"]


def test_an_electorate_of_another_scope_is_asked_when_the_rules_name_it(assembly: Assembly) -> None:
    assembly.people(("hal", "voter"), ("cop", "voter@coop"), ("far", "voter@elsewhere"))
    assembly.propose(electorate={"name": "voter", "scope": "elsewhere"})
    assert assembly.decision()["rules"]["total"] == 2
    assert [word(assembly.vote(who)) for who in ("cop", "far", "hal")] == ["not-a-voter", "counted", "counted"]


def test_people_outside_and_inactive_ones_are_not_listed(assembly: Assembly) -> None:
    assembly.voters(4)
    assembly.set_person("v0", active=False)
    assembly.set_person("v1", external=True)
    assembly.propose()
    assert assembly.decision()["rules"]["total"] == 2
    assert [word(assembly.vote(who)) for who in ("v0", "v1")] == ["not-a-voter", "not-a-voter"]


def test_whoever_lost_the_right_can_no_longer_vote_and_the_total_stays(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.grant("v0")
    assembly.grant("v1", ("voter", "elsewhere"))
    assembly.set_person("v2", active=False)
    assembly.set_person("v3", external=True)
    assert {word(assembly.vote(f"v{one}")) for one in range(4)} == {"not-a-voter"}
    assert assembly.decision()["rules"]["total"] == 9
    assembly.grant("v0", ("voter", "coop"))
    assert word(assembly.vote("v0")) == "counted"


def test_votes_that_were_cast_stay_when_the_right_is_revoked(assembly: Assembly) -> None:
    open_with(assembly)
    receipt = assembly.vote("v0")
    assembly.grant("v0")
    assert assembly.vote("v0") == receipt
    assert word(assembly.vote("v0", "deny")) == "not-a-voter"
    assert assembly.counted() == (1, 0)


def test_somebody_who_is_excluded_is_told_why(assembly: Assembly) -> None:
    assembly.voters(3)
    assembly.propose(excluded={"prue": "you proposed it", "v0": "it concerns you"})
    assert assembly.decision()["rules"]["total"] == 2
    refused = assembly.vote("v0")
    assert isinstance(refused, NotVoted)
    assert refused.refusal.code == "excluded"
    assert "it concerns you" in refused.refusal.detail


def test_without_any_voter_it_expires_unless_it_is_forced(assembly: Assembly) -> None:
    opened = assembly.clock.time
    assembly.propose("empty")
    assembly.clock.move(14 * DAY)
    assembly.look()
    assert assembly.verdict() == ("expired", "expired", opened + 14 * DAY)
    assembly.propose("forced")
    assert assembly.force() is None
    assert assembly.status() == "approved"


def test_opening_twice_is_opening_once(assembly: Assembly) -> None:
    open_with(assembly)
    before = assembly.decision()
    assembly.clock.move(HOUR)
    assembly.person("late", "voter")
    assembly.asks(ballot_spec(excluded={"prue": "you proposed it"}))
    assert {**assembly.decision(), "consumed_at": None} == {**before, "consumed_at": None}
    assert assembly.lines().count("ballot.opened") == 1


# Votes


def test_the_same_vote_again_has_the_same_receipt_also_after_the_end(assembly: Assembly) -> None:
    open_with(assembly)
    first = assembly.vote("v0", comment="Yes, please.")
    assert assembly.vote("v0", comment="Once more") == first
    assert word(assembly.vote("v0", "deny")) == "already-voted"
    assembly.approve(4, first=1)
    assert assembly.verdict() is not None
    assert assembly.vote("v0") == first
    assert assembly.counted() == (5, 0)


def test_votes_that_are_taken_together_count_each_by_itself(assembly: Assembly) -> None:
    open_with(assembly)
    results = assembly.votes(
        *(("v0", "approve", ""), ("v0", "approve", "twice"), ("v0", "deny", ""), ("v1", "deny", "")),
        *(("v2", "perhaps", ""), ("v2", "deny", "x" * 8001), ("v2", "deny", "x" * 8000), ("prue", "deny", "")),
    )
    assert [word(result) for result in results] == [
        *("counted", "counted", "already-voted", "counted"),
        *("unknown-outcome", "comment-too-long", "counted", "own-proposal"),
    ]
    assert results[0] == results[1]
    assert assembly.counted() == (1, 2)
    assert assembly.refused() == ["already-voted", "unknown-outcome", "comment-too-long", "own-proposal"]


def test_the_votes_after_the_one_that_decides_are_refused_even_in_the_same_transaction(assembly: Assembly) -> None:
    open_with(assembly)
    results = assembly.votes(*((f"v{one}", "deny", "") for one in range(9)))
    assert [word(result) for result in results] == ["counted"] * 5 + ["ballot-closed"] * 4
    assert assembly.verdict() == ("deny", "early", assembly.clock.time)
    assert assembly.status() == "rejected"


def test_half_of_an_even_electorate_is_a_quorum_but_no_early_decision(assembly: Assembly) -> None:
    open_with(assembly, voters=8)
    assembly.approve(3)
    assert assembly.decision()["tally"]["quorum_at"] is None
    assembly.approve(1, first=3)
    assert assembly.decision()["due_at"] == assembly.clock.time + DAY
    assert assembly.verdict() is None
    assembly.approve(1, first=4)
    assert assembly.verdict() == ("approve", "early", assembly.clock.time)


def test_the_comment_of_a_vote_is_kept_with_it_and_erasable_in_the_log(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.vote("v0", "deny", "Too dear.")
    assert assembly.rows(sa.select(t.act.c.comment)) == [{"comment": "Too dear."}]
    line = next(line for line in assembly.export() if line.get("action") == "ballot.vote")
    assert set(line["detail"]["comment"]) == {"digest"}


# The clock


def test_the_last_instant_before_the_deadline_counts_and_the_deadline_itself_does_not(assembly: Assembly) -> None:
    open_with(assembly, early=None)
    assembly.approve(5)
    ends = assembly.clock.time + DAY
    assembly.clock.set(ends - INSTANT)
    assert word(assembly.vote("v5", "deny")) == "counted"
    assembly.look()
    assert assembly.verdict() is None
    assembly.clock.set(ends)
    assert word(assembly.vote("v6", "deny")) == "ballot-closed"
    assert assembly.verdict() == ("approve", "countdown", ends)
    assert assembly.counted() == (5, 1)


@pytest.mark.parametrize("late", [timedelta(), INSTANT, 40 * DAY])
def test_the_verdict_is_dated_at_the_deadline_however_late_it_is_found(assembly: Assembly, late: timedelta) -> None:
    open_with(assembly)
    assembly.approve(4)
    opened = assembly.clock.time
    assembly.clock.move(14 * DAY + late)
    assembly.look()
    assembly.look()
    assert assembly.verdict() == ("expired", "expired", opened + 14 * DAY)
    assert assembly.proposal()["finalized_at"] == opened + 14 * DAY
    assert assembly.lines().count("ballot.closed") == 1
    assert assembly.status() == "expired"


def test_a_running_countdown_wins_over_the_expiry(assembly: Assembly) -> None:
    open_with(assembly, early=None)
    opened = assembly.clock.time
    assembly.clock.set(opened + 14 * DAY - INSTANT)
    assembly.approve(5)
    assembly.clock.move(HOUR)
    assembly.look()
    assert assembly.verdict() is None
    assert word(assembly.vote("v5")) == "counted"
    assembly.clock.move(DAY)
    assembly.look()
    assert assembly.verdict() == ("approve", "countdown", opened + 15 * DAY - INSTANT)


def test_a_tie_at_the_end_of_the_countdown_is_refused(assembly: Assembly) -> None:
    open_with(assembly, voters=8)
    assembly.approve(2)
    assembly.approve(2, first=2, choice="deny")
    assembly.clock.move(DAY)
    assembly.look()
    assert assembly.verdict() == ("deny", "countdown", assembly.clock.time)


def test_the_vote_that_reaches_quorum_wakes_the_workflow_and_others_do_not(assembly: Assembly) -> None:
    open_with(assembly, early=None)
    assembly.drain()
    assembly.approve(4)
    assert assembly.waiting() == []
    assembly.approve(1, first=4)
    assert assembly.waiting() == [("p1", "wake")]
    assembly.drain()
    assembly.approve(4, first=5)
    assert assembly.waiting() == []


def test_the_workflow_hears_when_to_look_again_and_then_the_verdict(assembly: Assembly) -> None:
    open_with(assembly, remind_before="6h")
    spec = ballot_spec(excluded={"prue": "you proposed it"})
    assert assembly.asks(spec).next_in == (14 * DAY - 6 * HOUR).total_seconds()
    assembly.approve(5, choice="deny")
    verdict = assembly.asks(spec).verdict
    assert verdict is not None and verdict.outcome == "deny"


# Reminders


def test_those_who_still_owe_a_vote_are_reminded_once_before_the_close(assembly: Assembly) -> None:
    open_with(assembly, early=None, remind_before="6h")
    assembly.approve(5)
    assembly.clock.move(18 * HOUR - INSTANT)
    assembly.look()
    assert "ballot.reminded" not in assembly.lines()
    assembly.clock.move(INSTANT)
    for _ in range(3):
        assembly.look()
    assembly.mail_out()
    assert assembly.lines().count("ballot.reminded") == 1
    assert assembly.mails("/reminder/") == ["v5", "v6", "v7", "v8"]


def test_without_quorum_the_reminder_comes_before_the_expiry_and_not_again_in_the_countdown(assembly: Assembly) -> None:
    open_with(assembly, early=None, remind_before="6h")
    assembly.clock.move(14 * DAY - 6 * HOUR)
    assembly.approve(5)
    assembly.clock.move(DAY - HOUR)
    assembly.look()
    assembly.mail_out()
    assert assembly.lines().count("ballot.reminded") == 1


def test_a_reminder_that_was_missed_past_the_deadline_is_not_sent(assembly: Assembly) -> None:
    open_with(assembly, remind_before="6h")
    assembly.clock.move(15 * DAY)
    assembly.look()
    assembly.mail_out()
    assert assembly.mails("/reminder/") == []
    assert assembly.verdict() is not None


@pytest.mark.parametrize("quorum", [Share(of=1, out_of=3), Share(of=2, out_of=3), Share(of=1, out_of=1)])
def test_another_quorum_starts_the_countdown_with_its_own_last_vote(assembly: Assembly, quorum: Share) -> None:
    open_with(assembly, early=None, quorum=quorum)
    needed = 9 * quorum.of // quorum.out_of
    assembly.approve(needed - 1)
    assert assembly.decision()["tally"]["quorum_at"] is None
    assembly.clock.move(HOUR)
    last = assembly.vote(f"v{needed - 1}")
    assert isinstance(last, Voted)
    assert assembly.decision()["due_at"] == last.at + DAY
