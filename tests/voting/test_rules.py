"""The rules of a vote, a test a sentence. `docs/voting.md` lists the docstrings below, under the same headings."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from placet.domain import ballot as rule
from placet.domain.access import Action, permitted
from placet.domain.people import BUILT_IN_ROLES
from placet.store import tables as t
from voting.assembly import DAY, HOUR, SECOND, START, TEN, Assembly, ended, funded, tally

MICROSECOND = timedelta(microseconds=1)


# Who may vote


def test_only_voters_vote(assembly: Assembly) -> None:
    """Only people with the role voter can vote."""
    assembly.hire("mia:member", "nobody")
    case = assembly.propose()
    assert assembly.vote(case, "mia", "approve") == "not-a-voter"
    assert assembly.vote(case, "nobody", "approve") == "not-a-voter"
    assert assembly.vote(case, "adam", "approve") == "not-a-voter"
    assert assembly.count(case).cast == 0
    assert len(assembly.vote(case, "v0", "approve")) == 64


def test_administrators_make_voters(assembly: Assembly) -> None:
    """Administrators give that role, and nobody else does."""
    assembly.hire(*(f"one-{role}:{role}" for role in (*BUILT_IN_ROLES, "voter", "proposer")))
    allowed = {
        role
        for role in (*BUILT_IN_ROLES, "voter", "proposer")
        if permitted(assembly.person(f"one-{role}"), Action.MANAGE_PEOPLE, "*")
    }
    assert allowed == {"admin"}


def test_nobody_votes_on_their_own_proposal(assembly: Assembly) -> None:
    """A voter never votes on their own proposal."""
    case = assembly.propose("prue")
    assert assembly.vote(case, "prue", "approve") == "own-proposal"
    assert assembly.count(case).cast == 0


def test_a_proposer_votes_on_what_others_propose(assembly: Assembly) -> None:
    """On what others propose they vote like everybody."""
    assembly.hire("paul:proposer,voter")
    assert len(assembly.vote(assembly.propose("paul"), "prue", "deny")) == 64


def test_the_voters_of_a_proposal_are_all_but_its_proposer(assembly: Assembly) -> None:
    """The voters of a proposal are all voters but its proposer."""
    assert tally(assembly, assembly.propose("prue")).total_voters == 10
    assembly.hire("paul:proposer")
    assert tally(assembly, assembly.propose("paul")).total_voters == 11


def test_the_list_of_voters_is_fixed_when_the_vote_opens(assembly: Assembly) -> None:
    """The list of voters is fixed when the vote opens; who becomes a voter later waits for the next vote."""
    case = assembly.propose()
    assembly.hire("late:voter")
    assert assembly.vote(case, "late", "approve") == "not-on-roll"
    assert tally(assembly, case).total_voters == 10
    assert len(assembly.vote(assembly.propose(), "late", "approve")) == 64


def test_who_loses_the_role_casts_no_more_and_what_was_cast_stays(assembly: Assembly) -> None:
    """Who loses the role can no longer vote; a vote that was cast stays."""
    case = assembly.propose()
    assembly.votes(case, approve=1)
    assembly.grant("v0")
    assembly.grant("v1", "member")
    assert assembly.vote(case, "v1", "approve") == "not-a-voter"
    assert (tally(assembly, case).approve, tally(assembly, case).total_voters) == (1, 10)


# Quorum


def test_the_tally_counts_voters_votes_and_choices(assembly: Assembly) -> None:
    """Everybody sees the number of voters, of votes cast, for and against, and the quorum."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=1)
    assert tally(assembly, case).model_dump() == {
        "total_voters": 10,
        "votes_cast": 4,
        "approve": 3,
        "deny": 1,
        "quorum_reached": False,
        "quorum_threshold": 5,
    }


@pytest.mark.parametrize(("voters", "quorum"), [(1, 1), (2, 1), (3, 2), (7, 4), (10, 5)])
def test_half_of_the_voters_are_a_quorum(assembly: Assembly, voters: int, quorum: int) -> None:
    """Half of the voters are a quorum; of an odd number, the larger half."""
    for name in TEN[voters:]:
        assembly.grant(name)
    case = assembly.propose()
    assert tally(assembly, case).quorum_threshold == quorum
    choices = ["deny" if place % 2 else "approve" for place in range(quorum)]
    for name, choice in zip(TEN[: quorum - 1], choices, strict=False):
        assembly.vote(case, name, choice)
    assert tally(assembly, case).quorum_reached is False
    assembly.vote(case, TEN[quorum - 1], choices[-1])
    assert tally(assembly, case).quorum_reached is True


def test_four_of_ten_votes_leave_it_pending(assembly: Assembly) -> None:
    """Four votes of ten are no quorum: the proposal stays pending and waits for more."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=1)
    assembly.wait(5 * DAY)
    assembly.look(case)
    assert ended(assembly, case) == ("pending", None)
    assert len(assembly.vote(case, "v9", "deny")) == 64


def test_the_fifth_of_ten_votes_is_the_quorum(assembly: Assembly) -> None:
    """The fifth vote of ten reaches quorum, however the votes fall."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=1, after=HOUR)
    assert assembly.count(case).quorum_at is None
    assembly.votes(case, deny=1, after=HOUR)
    assert assembly.count(case).quorum_at == START + 5 * HOUR


def test_without_quorum_nothing_is_decided(assembly: Assembly) -> None:
    """Without quorum nothing is decided, however clear the votes are."""
    case = assembly.propose()
    assembly.votes(case, approve=4)
    assembly.wait(13 * DAY)
    assembly.look(case)
    assert ended(assembly, case) == ("pending", None)


def test_with_nobody_to_vote_only_an_administrator_decides(assembly: Assembly) -> None:
    """With nobody to vote there is never a quorum: an administrator approves, or it expires."""
    for name in TEN:
        assembly.grant(name)
    one, other = assembly.propose(), assembly.propose()
    assert (tally(assembly, one).quorum_threshold, tally(assembly, one).quorum_reached) == (0, False)
    assert assembly.force(funded(assembly) and one) == "approved"
    assembly.wait(14 * DAY)
    assembly.look(other)
    assert (assembly.status(one), assembly.status(other)) == ("approved", "expired")


# The countdown


def test_quorum_starts_a_countdown_of_24_hours(assembly: Assembly) -> None:
    """Quorum starts a countdown: the vote ends 86,400 seconds after the vote that reached it."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2, after=HOUR)
    ends = rule.finalize_at(assembly.rules(case), assembly.count(case))
    assert ends == START + 5 * HOUR + 86_400 * SECOND
    assert assembly.ballot(case)["due_at"] == ends


def test_in_the_countdown_it_stays_pending(assembly: Assembly) -> None:
    """Until the countdown ends, the proposal stays pending."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(DAY - MICROSECOND)
    assembly.look(case)
    assert ended(assembly, case) == ("pending", None)


def test_in_the_countdown_the_others_still_vote(assembly: Assembly) -> None:
    """Until then the others can still vote, which does not start the countdown again."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(23 * HOUR)
    assembly.votes(case, deny=2)
    assembly.wait(HOUR)
    assembly.look(case)
    assert ended(assembly, case) == ("rejected", "deny")


def test_the_tally_moves_with_every_vote(assembly: Assembly) -> None:
    """The tally moves with every vote."""
    case = assembly.propose()
    seen = []
    for name, choice in zip(TEN, ["approve", "deny"] * 5, strict=True):
        assembly.vote(case, name, choice)
        seen.append((tally(assembly, case).approve, tally(assembly, case).deny))
    assert seen == [((place + 1) // 2, place // 2) for place in range(1, 11)]


def test_the_majority_at_the_end_of_the_countdown_decides(assembly: Assembly) -> None:
    """When the countdown ends, the majority of the votes cast decides."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(DAY)
    assembly.look(case)
    assert ended(assembly, case) == ("approved", "approve")


def test_the_end_is_dated_at_the_exact_instant(assembly: Assembly) -> None:
    """It ends at that exact instant and is dated so, even if somebody notices days later."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(9 * DAY)
    assert assembly.vote(case, "v9", "deny") == "ballot-closed"
    assert assembly.proposal(case)["finalized_at"] == START + DAY


def test_who_still_owes_a_vote_is_reminded(assembly: Assembly) -> None:
    """Before the end, those who have not voted are reminded, once."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(18 * HOUR)
    assembly.look(case)
    assembly.wait(HOUR)
    assembly.look(case)
    reminder = "Reminder to vote: A new fence"
    assert [assembly.mails(name, case).count(reminder) for name in TEN] == [0] * 5 + [1] * 5


# Deciding early


def test_six_of_ten_for_it_approve_at_once(assembly: Assembly) -> None:
    """Six of ten for it approve at once; there is no countdown to wait for."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=5)
    assert ended(assembly, case) == ("pending", None)
    assembly.votes(case, approve=1)
    assert ended(assembly, case) == ("approved", "approve")
    assert assembly.proposal(case)["finalized_at"] == START


def test_more_than_half_against_reject_at_once(assembly: Assembly) -> None:
    """More than half of all voters against it reject at once."""
    case = assembly.propose()
    assembly.votes(case, deny=5)
    assert ended(assembly, case) == ("pending", None)
    assembly.votes(case, deny=1)
    assert ended(assembly, case) == ("rejected", "deny")


def test_early_is_measured_on_all_voters(assembly: Assembly) -> None:
    """For that the whole body counts, not only those who voted: four against two of ten wait for the countdown."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=4, deny=2)
    assert tally(assembly, case).quorum_reached is True
    assert ended(assembly, case) == ("pending", None)
    assembly.wait(DAY)
    assembly.look(case)
    assert ended(assembly, case) == ("approved", "approve")


def test_exactly_half_is_not_enough_to_decide_early(assembly: Assembly) -> None:
    """Exactly half of all voters is not enough to decide early."""
    case = assembly.propose()
    assembly.votes(case, approve=5, deny=5)
    assert ended(assembly, case) == ("pending", None)


def test_after_an_early_decision_no_vote_counts(assembly: Assembly) -> None:
    """Once it is decided, no further vote counts, not even one that was on its way together with the last."""
    case = assembly.propose()
    results = assembly.cast(case, *((name, "deny") for name in TEN))
    assert [len(result) == 64 for result in results] == [True] * 6 + [False] * 4
    assert set(results[6:]) == {"ballot-closed"}
    assert tally(assembly, case).deny == 6


# Outcomes


def test_approved_takes_quorum_the_countdown_and_more_for_than_against(assembly: Assembly) -> None:
    """Approved: quorum was reached, the countdown ended, and more were for it than against."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=5, deny=4)
    assembly.wait(DAY)
    assembly.look(case)
    assert ended(assembly, case) == ("approved", "approve")


def test_rejected_when_as_many_are_against(assembly: Assembly) -> None:
    """Rejected: as many were against it as for it, or more; a tie rejects."""
    tied, lost = assembly.propose(), assembly.propose()
    assembly.votes(tied, approve=3, deny=3)
    assembly.votes(lost, approve=2, deny=3)
    assembly.wait(DAY)
    for case in (tied, lost):
        assembly.look(case)
        assert ended(assembly, case) == ("rejected", "deny")


def test_what_is_rejected_is_not_carried_out(assembly: Assembly) -> None:
    """What is rejected reserves no money and is never carried out."""
    case = funded(assembly).propose()
    assembly.votes(case, deny=6)
    assert assembly.faucet()["allocated"] == 0
    assert assembly.read(sa.select(t.work)) == []
    assert assembly.read(sa.select(t.decision).where(t.decision.c.form == "funds")) == []


@pytest.mark.parametrize(("choice", "told"), [("approve", "Approved"), ("deny", "Rejected")])
def test_the_outcome_is_mailed(assembly: Assembly, choice: str, told: str) -> None:
    """The proposer gets a mail with the outcome, and so does every voter."""
    case = funded(assembly).propose()
    assembly.votes(case, **{choice: 6})
    for name in ("prue", *TEN):
        assert assembly.mails(name, case)[-1] == f"{told}: A new fence"


def test_it_expires_after_14_days_without_quorum(assembly: Assembly) -> None:
    """Expired: fourteen days passed without quorum."""
    case = assembly.propose()
    assembly.votes(case, approve=4)
    assembly.wait(14 * DAY - MICROSECOND)
    assembly.look(case)
    assert ended(assembly, case) == ("pending", None)
    assembly.wait(MICROSECOND)
    assembly.look(case)
    assert ended(assembly, case) == ("expired", None)
    assert assembly.mails("prue", case)[-1] == "Expired: A new fence"


def test_nobody_votes_on_what_has_expired(assembly: Assembly) -> None:
    """Nobody can vote on what has expired."""
    case = assembly.propose()
    assembly.wait(14 * DAY)
    assert assembly.vote(case, "v0", "approve") == "ballot-closed"
    assert tally(assembly, case).votes_cast == 0


def test_a_running_countdown_wins_over_the_expiry(assembly: Assembly) -> None:
    """A countdown that is running on the fourteenth day runs to its end."""
    case = assembly.propose()
    assembly.wait(14 * DAY - SECOND)
    assembly.votes(case, approve=2, deny=3)
    assembly.wait(12 * HOUR)
    assembly.look(case)
    assert ended(assembly, case) == ("pending", None)
    assembly.wait(12 * HOUR)
    assembly.look(case)
    assert ended(assembly, case) == ("rejected", "deny")


def test_what_has_expired_may_be_proposed_anew(assembly: Assembly) -> None:
    """What has expired may be proposed anew, and is voted on anew."""
    first = assembly.propose()
    assembly.votes(first, approve=4)
    assembly.wait(15 * DAY)
    assembly.look(first)
    second = funded(assembly).propose()
    assembly.votes(second, approve=6)
    assert (assembly.status(first), assembly.status(second)) == ("expired", "approved")
