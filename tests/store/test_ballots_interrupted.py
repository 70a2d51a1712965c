"""What happens to a ballot from outside, in both databases: a pause, a cancelled case, a restore, a force."""

from tests.store.assembly import Assembly, ballot_spec, word
from tests.store.assembly import assembly as assembly
from tests.store.conftest import DAY, HOUR
from tests.store.test_ballots import INSTANT, open_with


def test_a_pause_moves_every_later_moment_and_takes_no_vote(assembly: Assembly) -> None:
    open_with(assembly, early=None, remind_before="6h")
    assembly.approve(5)
    ends = assembly.clock.time + DAY
    assembly.clock.move(20 * HOUR)
    assembly.look()
    assembly.steer("pause")
    assembly.clock.move(5 * DAY)
    assembly.look()
    assert word(assembly.vote("v5", "deny")) == "case-paused"
    assert assembly.verdict() is None
    assembly.steer("resume")
    assert assembly.decision()["due_at"] == ends + 5 * DAY
    assert word(assembly.vote("v5", "deny")) == "counted"
    assembly.clock.set(ends + 5 * DAY)
    assembly.look()
    assert assembly.verdict() == ("approve", "countdown", ends + 5 * DAY)
    assert assembly.lines().count("ballot.reminded") == 1


def test_a_pause_before_quorum_moves_the_expiry_and_not_the_countdown(assembly: Assembly) -> None:
    open_with(assembly, early=None)
    opened = assembly.clock.time
    assembly.steer("pause")
    assembly.clock.move(3 * DAY + INSTANT)
    assembly.steer("resume")
    assert assembly.decision()["due_at"] == opened + 17 * DAY + INSTANT
    assembly.approve(5)
    assert assembly.decision()["due_at"] == assembly.clock.time + DAY


def test_a_pause_after_the_deadline_finds_the_verdict(assembly: Assembly) -> None:
    open_with(assembly)
    opened = assembly.clock.time
    assembly.clock.move(14 * DAY)
    assembly.steer("pause")
    assert assembly.verdict() == ("expired", "expired", opened + 14 * DAY)


def test_cancelling_the_case_withdraws_the_ballot_and_deletes_the_proposal(assembly: Assembly) -> None:
    open_with(assembly, amount=40)
    assembly.approve(2)
    assembly.steer("cancel")
    assert assembly.decision()["state"] == "withdrawn"
    assert word(assembly.vote("v2")) == "ballot-closed"
    refused = assembly.force()
    assert refused is not None and refused.code == "ballot-closed"
    assembly.end_case()
    assert assembly.status() == "deleted"
    assembly.mail_out()
    assert assembly.mails("/outcome/") == []


def test_a_ballot_that_was_withdrawn_by_a_restore_goes_on_with_its_votes_and_the_rest_of_its_time(
    assembly: Assembly,
) -> None:
    open_with(assembly, early=None)
    spec = ballot_spec(excluded={"prue": "you proposed it"})
    assembly.approve(5)
    ends = assembly.clock.time + DAY
    assembly.reports(withdraw_others=True)
    assert assembly.decision()["state"] == "withdrawn"
    assembly.clock.move(2 * DAY)
    assert assembly.asks(spec).next_in == DAY.total_seconds()
    assert assembly.counted() == (5, 0)
    assert word(assembly.vote("v5", "deny")) == "counted"
    assembly.clock.set(ends + 2 * DAY)
    assembly.look()
    assert assembly.verdict() == ("approve", "countdown", ends + 2 * DAY)


# Force


def test_a_force_wins_over_the_voters_and_everybody_is_told(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.approve(4, choice="deny")
    assert assembly.force() is None
    assert assembly.verdict() == ("approve", "forced", assembly.clock.time)
    row = assembly.proposal()
    assert (row["status"], row["vote_decision"], row["finalized_by"]) == ("approved", "admin_approve", "adam")
    assert word(assembly.vote("v5", "deny")) == "ballot-closed"
    assembly.mail_out()
    assert sorted(assembly.mails("/outcome/")) == ["prue", *(f"v{one}" for one in range(9))]


def test_a_force_against_a_verdict_loses_and_changes_nothing(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.approve(5, choice="deny")
    before = assembly.decision()
    refused = assembly.force()
    assert refused is not None and refused.code == "ballot-closed"
    assert assembly.decision() == before
    assert "ballot.forced" not in assembly.lines()
    assert assembly.refused() == ["ballot-closed"]


def test_a_force_past_the_deadline_finds_the_verdict_of_the_clock(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.approve(4)
    assembly.clock.move(14 * DAY)
    refused = assembly.force()
    assert refused is not None and refused.code == "ballot-closed"
    assert assembly.status() == "expired"


def test_a_force_without_funds_is_refused_and_the_vote_goes_on(assembly: Assembly) -> None:
    open_with(assembly, amount=40)
    assembly.deposit(39)
    refused = assembly.force()
    assert refused is not None and refused.code == "insufficient-funds"
    assert assembly.verdict() is None
    assert word(assembly.vote("v0")) == "counted"
    assembly.deposit(1, "d2")
    assert assembly.force() is None
    assert assembly.status() == "approved"
    assert assembly.money() == (40, 40)


def test_a_force_while_the_case_is_paused_is_refused(assembly: Assembly) -> None:
    open_with(assembly)
    assembly.steer("pause")
    refused = assembly.force()
    assert refused is not None and refused.code == "case-paused"
