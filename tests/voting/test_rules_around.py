"""The rules around a vote: force, money, casting, deletion, seeing. A test a sentence, as in `test_rules.py`."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from placet.domain import ballot as rule
from placet.domain.proposal import Recurrence, weekly_requirement
from placet.store import tables as t
from placet.store import works
from placet.store.sight import sees_case
from voting.assembly import DAY, START, TEN, Assembly, ended, funded, tally

MICROSECOND = timedelta(microseconds=1)


def refused_votes(coop: Assembly) -> list[str]:
    query = sa.select(t.audit.c.detail).where(t.audit.c.chain == "@refused").order_by(t.audit.c.seq)
    return [row["detail"]["code"] for row in coop.read(query)]


# Approval by an administrator


def test_an_administrator_approves_at_once(assembly: Assembly) -> None:
    """An administrator can approve past the voters, at once and whatever the votes say."""
    case = funded(assembly).propose()
    assembly.votes(case, deny=3)
    assert assembly.force(case) == "approved"
    assert assembly.status(case) == "approved"
    assert assembly.vote(case, "v9", "deny") == "ballot-closed"


def test_only_what_is_pending_can_be_forced(assembly: Assembly) -> None:
    """Only what is pending can be approved so; otherwise the verdict that came first stands."""
    rejected, expired, approved = (funded(assembly).propose() for _ in range(3))
    assembly.votes(rejected, deny=6)
    assert assembly.force(approved) == "approved"
    assembly.wait(14 * DAY)
    assert [assembly.force(case) for case in (rejected, expired, approved)] == ["ballot-closed"] * 3
    assert [assembly.status(case) for case in (rejected, expired, approved)] == ["rejected", "expired", "approved"]


def test_forcing_takes_the_same_money(assembly: Assembly) -> None:
    """It takes the same money as any approval; without it, nothing changes."""
    case = assembly.propose(bounty=40)
    assembly.deposit(39)
    assert assembly.force(case) == "insufficient-funds"
    assert (ended(assembly, case), assembly.ballot(case)["state"]) == (("pending", None), "open")
    assembly.deposit(1)
    assert assembly.force(case) == "approved"
    assert assembly.faucet() == {"balance": 40, "allocated": 40, "unallocated": 0}


def test_a_forced_approval_is_told_apart(assembly: Assembly) -> None:
    """It is recorded as the administrator's, with who it was, and never looks like a vote of the voters."""
    case = funded(assembly).propose()
    assembly.force(case, "adam", "The goats are out.")
    row = assembly.proposal(case)
    assert (row["vote_decision"], row["finalized_by"]) == ("admin_approve", "adam")
    ordinary = assembly.propose()
    assembly.votes(ordinary, approve=6)
    row = assembly.proposal(ordinary)
    assert (row["vote_decision"], row["finalized_by"]) == ("approve", None)


def test_a_forced_approval_is_mailed(assembly: Assembly) -> None:
    """The proposer gets a mail, and so do the voters who were passed by."""
    case = funded(assembly).propose()
    assembly.force(case)
    for name in ("prue", "v0", "v9"):
        assert assembly.mails(name, case)[-1] == "Approved: A new fence"


# Budget


def test_an_approval_reserves_one_week(assembly: Assembly) -> None:
    """An approval reserves one week of bounties in the same instant."""
    assembly.deposit(1000)
    for number, (recurrence, week) in enumerate([("one_time", 40), ("daily", 280), ("weekly", 40), ("monthly", 10)]):
        before = assembly.faucet()["allocated"]
        case = assembly.propose(recurrence=recurrence)
        assembly.votes(case, approve=6)
        assert assembly.status(case) == "approved", number
        assert assembly.faucet()["allocated"] - before == week


def test_a_weekly_series_takes_52_times_its_bounty_a_year() -> None:
    """A weekly series takes 52 times its bounty a year, a daily one 364 times, a monthly one at least twelve times."""
    year = {one: 52 * weekly_requirement(one, [100]) for one in Recurrence if one is not Recurrence.ONE_TIME}
    assert year == {Recurrence.WEEKLY: 5200, Recurrence.DAILY: 36_400, Recurrence.MONTHLY: 1248}


def test_without_money_an_approval_waits(assembly: Assembly) -> None:
    """Without the money the vote is over and passed, but the proposal stays pending until there is enough."""
    case = assembly.propose()
    assembly.votes(case, approve=6)
    row = assembly.proposal(case)
    assert (row["status"], row["awaiting_funds"], row["vote_decision"]) == ("pending", True, "approve")
    assembly.deposit(39)
    assert assembly.status(case) == "pending"
    assembly.deposit(1)
    row = assembly.proposal(case)
    assert (row["status"], row["awaiting_funds"]) == ("approved", False)
    assert assembly.ballot(case)["state"] == "closed"


def test_the_shortfall_is_mailed(assembly: Assembly) -> None:
    """A mail about the shortfall goes to the proposer and to the administrators."""
    case = assembly.propose()
    assembly.votes(case, approve=6)
    for name in ("prue", "adam"):
        assert "Not funded yet: A new fence" in assembly.mails(name, case)


def test_an_unfunded_approval_expires_after_its_own_window(assembly: Assembly) -> None:
    """If no money comes within fourteen days of passing, it expires."""
    case = assembly.propose()
    assembly.wait(10 * DAY)
    assembly.votes(case, approve=6)
    assembly.wait(14 * DAY - MICROSECOND)
    assembly.look(case)
    assert assembly.status(case) == "pending"
    assembly.wait(MICROSECOND)
    assembly.look(case)
    assert assembly.status(case) == "expired"
    assembly.deposit(1000)
    assert assembly.faucet()["allocated"] == 0


def test_two_proposals_never_share_the_same_money(assembly: Assembly) -> None:
    """No money is promised twice: of two proposals that the faucet can fund once, the later one waits."""
    assembly.deposit(79)
    one, other = assembly.propose(), assembly.propose()
    assembly.votes(one, approve=6)
    assembly.votes(other, approve=6)
    assert (assembly.status(one), assembly.status(other)) == ("approved", "pending")
    assert assembly.faucet() == {"balance": 79, "allocated": 40, "unallocated": 39}


# Casting a vote


@pytest.mark.parametrize("choice", ["abstain", "Approve", "approved", "", "yes"])
def test_a_vote_is_approve_or_deny(assembly: Assembly, choice: str) -> None:
    """A vote is to approve or to deny, and nothing else."""
    case = assembly.propose()
    assert assembly.vote(case, "v0", choice) == "unknown-outcome"
    assert assembly.count(case).cast == 0


def test_a_vote_may_say_why(assembly: Assembly) -> None:
    """A vote may carry a comment, up to 8,000 characters."""
    case = assembly.propose()
    assert len(assembly.vote(case, "v0", "deny", "Too much for step 2")) == 64
    assert len(assembly.vote(case, "v1", "deny", "x" * 8000)) == 64
    assert len(assembly.vote(case, "v2", "deny")) == 64
    assert assembly.vote(case, "v3", "deny", "x" * 8001) == "comment-too-long"
    kept = [line["text"] for line in assembly.export(case, texts=True) if line.get("field") == "comment"]
    assert kept == ["Too much for step 2", "x" * 8000]


def test_a_vote_cannot_be_changed(assembly: Assembly) -> None:
    """A vote is final: it cannot be changed or taken back, and the same vote again gets the same receipt."""
    case = assembly.propose()
    receipt = assembly.vote(case, "v0", "approve")
    assert assembly.vote(case, "v0", "deny") == "already-voted"
    assert assembly.vote(case, "v0", "approve", "with other words") == receipt
    assert (tally(assembly, case).approve, tally(assembly, case).deny) == (1, 0)


def test_a_vote_that_is_refused_leaves_a_trace(assembly: Assembly) -> None:
    """A vote that does not count changes nothing and leaves a trace in the log of refusals."""
    case = assembly.propose()
    before = assembly.export(case)
    for who, choice in (("prue", "approve"), ("adam", "approve"), ("v0", "maybe")):
        assembly.vote(case, who, choice)
    assert assembly.export(case) == before
    assert refused_votes(assembly) == ["own-proposal", "not-a-voter", "unknown-outcome"]


# Deletion


def deletion(coop: Assembly, target: str, kind: str = "workflow", by: str = "v0") -> str:
    return coop.open("deletion-proposal", {"target_kind": kind, "target_id": target, "title": "A new fence"}, by)


def approved_series(coop: Assembly) -> tuple[str, str]:
    """An approved weekly proposal and its series, which has begun."""
    case = funded(coop).propose(recurrence="weekly")
    coop.votes(case, approve=6)
    series = coop.do(lambda tx: works.begin_series(tx, case))
    assert series is not None
    return case, series.id


def test_a_deletion_takes_the_same_quorum_and_countdown(assembly: Assembly) -> None:
    """A deletion takes the same quorum, and the same 24 hours after it."""
    case = deletion(assembly, assembly.propose())
    assert (tally(assembly, case).total_voters, tally(assembly, case).quorum_threshold) == (10, 5)
    assembly.vote(case, "prue", "approve")
    assembly.votes(case, approve=0)
    for name, choice in (("v1", "approve"), ("v2", "approve"), ("v3", "deny"), ("v4", "deny")):
        assembly.vote(case, name, choice)
    assert rule.finalize_at(assembly.rules(case), assembly.count(case)) == START + DAY
    assembly.wait(DAY)
    assembly.look(case, "v0")
    assert ended(assembly, case) == ("approved", "approve")


def test_a_deletion_is_decided_early_by_the_same_rule(assembly: Assembly) -> None:
    """A deletion is decided early by the same rule."""
    case = deletion(assembly, assembly.propose())
    for name in TEN[1:6]:
        assembly.vote(case, name, "deny")
    assert ended(assembly, case) == ("pending", None)
    assembly.vote(case, "v6", "deny")
    assert ended(assembly, case) == ("rejected", "deny")


def test_who_proposes_a_deletion_does_not_vote_on_it(assembly: Assembly) -> None:
    """Who proposes a deletion does not vote on it."""
    assert assembly.vote(deletion(assembly, assembly.propose(), by="v0"), "v0", "approve") == "own-proposal"


def test_an_administrator_can_force_a_deletion(assembly: Assembly) -> None:
    """An administrator can approve a deletion past the voters; it takes no money."""
    case = deletion(assembly, assembly.propose())
    assert assembly.force(case) == "approved"
    assert ended(assembly, case) == ("approved", "admin_approve")


def test_a_single_workflow_can_be_deleted(assembly: Assembly) -> None:
    """One workflow can be deleted, also while it is being carried out."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=6)
    work = assembly.do(lambda tx: works.open_work(tx, case, "once"))
    assert assembly.do(lambda tx: works.delete(tx, case, "deletion-1")) is True
    assert assembly.status(case) == "deleted"
    assert assembly.store.read_now(lambda tx: works.running(tx, case)) == [case, work]


def test_a_deleted_series_makes_no_more_instances(assembly: Assembly) -> None:
    """A whole series can be deleted: from then on it makes no further instance."""
    _, series = approved_series(assembly)
    assert assembly.do(lambda tx: works.tick(tx, series, "week 1")) is not None
    assert assembly.do(lambda tx: works.stop_series(tx, series)) == series
    assert assembly.do(lambda tx: works.tick(tx, series, "week 2")) is None
    assert assembly.do(lambda tx: works.delete(tx, series, "deletion-1")) is True


def test_a_deletion_of_what_has_gone_changes_nothing(assembly: Assembly) -> None:
    """If the target has gone by itself meanwhile, the deletion changes nothing."""
    case = assembly.propose()
    assembly.votes(case, deny=6)
    assert assembly.do(lambda tx: works.delete(tx, case, "deletion-1")) is False
    assert ended(assembly, case) == ("rejected", "deny")


# Seeing and evaluating


def test_every_voter_sees_what_is_pending(assembly: Assembly) -> None:
    """Every voter sees all proposals of their scopes; somebody without a role sees none."""
    assembly.hire("nobody")
    made = {assembly.propose(), assembly.propose()}

    def seen(who: str) -> set[str]:
        query = sa.select(t.case.c.id).where(sees_case(assembly.person(who)))
        return {row["id"] for row in assembly.read(query)}

    assert (seen("v0"), seen("v9"), seen("nobody")) == (made, made, set())


def test_looking_finalizes_what_is_past_its_end(assembly: Assembly) -> None:
    """Whoever looks after the end sees the final state: looking finalizes what is due."""
    for who in ("v9", "prue", "adam"):
        case = funded(assembly).propose()
        assembly.votes(case, approve=3, deny=2)
        assembly.wait(DAY)
        assert assembly.status(case) == "pending"
        assembly.look(case, who)
        assert assembly.status(case) == "approved"


def test_a_vote_is_evaluated_as_soon_as_it_is_cast(assembly: Assembly) -> None:
    """A vote is evaluated as soon as it is cast: the deciding one is answered with the final state."""
    case = assembly.propose()
    assembly.votes(case, deny=5)
    before = assembly.status(case)
    assembly.vote(case, "v9", "deny")
    assert (before, assembly.status(case)) == ("pending", "rejected")


def test_it_is_finalized_once(assembly: Assembly) -> None:
    """However many look, vote or force at the end, it is finalized once."""
    case = funded(assembly).propose()
    assembly.votes(case, approve=3, deny=2)
    assembly.wait(DAY)
    assert (assembly.vote(case, "v9", "deny"), assembly.force(case)) == ("ballot-closed", "ballot-closed")
    assembly.look(case)
    closed = [line for line in assembly.export(case) if line.get("action") == "ballot.closed"]
    assert len(closed) == 1
    assert assembly.faucet()["allocated"] == 40
    assert assembly.mails("v0", case).count("Approved: A new fence") == 1
