"""A forger who knows how the chain works, and hashes the whole log anew, is betrayed by the count."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from domain.ballot_papers import CLOSED, Line, changed_rules, events, exported, hashed_anew, votes
from placet.domain.audit import stamp
from placet.domain.recount import recount
from voting.assembly import TEN


def flipped(lines: list[Line]) -> None:
    line = votes(lines)[-1]
    line["detail"]["decision"] = {"approve": "deny", "deny": "approve"}[line["detail"]["decision"]]


def dropped(lines: list[Line]) -> None:
    lines.remove(votes(lines)[0])


def added_by_a_stranger(lines: list[Line]) -> None:
    line = copy.deepcopy(votes(lines)[0])
    line["actor"] = "mallory"
    lines.insert(lines.index(votes(lines)[0]), line)


def added_for_somebody_who_kept_silent(lines: list[Line]) -> None:
    line = copy.deepcopy(votes(lines)[0])
    line["actor"] = next(name for name in TEN if name not in {vote["actor"] for vote in votes(lines)})
    lines.insert(lines.index(votes(lines)[0]), line)


def counted_twice(lines: list[Line]) -> None:
    line = copy.deepcopy(votes(lines)[0])
    lines.insert(lines.index(votes(lines)[0]), line)


def given_to_the_proposer(lines: list[Line]) -> None:
    votes(lines)[0]["actor"] = "prue"


def about_something_else(lines: list[Line]) -> None:
    votes(lines)[0]["detail"]["subject"] = "0" * 64


def after_the_end(lines: list[Line]) -> None:
    lines.append(votes(lines)[0] | {"at": events(lines)[-1]["at"], "actor": "v8"})


def dated_before_the_opening(lines: list[Line]) -> None:
    votes(lines)[0]["at"] = "2026-03-01T00:00:00.000000Z"


def longer_countdown(lines: list[Line]) -> None:
    changed_rules(lines, countdown="P2D", expires_at="2027-01-01T00:00:00Z")


def larger_electorate(lines: list[Line]) -> None:
    changed_rules(lines, total=11)


def another_member(lines: list[Line]) -> None:
    roll = next(line for line in lines if line["type"] == "roll")
    roll["people"][-1] = "mallory"


def one_member_less(lines: list[Line]) -> None:
    next(line for line in lines if line["type"] == "roll")["people"].remove("v9")


def another_verdict(lines: list[Line]) -> None:
    outcome = {"approve": "deny", "deny": "approve", "expired": "approve"}[lines[0]["verdict"]["outcome"]]
    lines[0]["verdict"] |= {"outcome": outcome, "favourable": outcome == "approve"}
    events(lines)[-1]["detail"] |= {"outcome": outcome, "favourable": outcome == "approve"}


def another_moment(lines: list[Line]) -> None:
    at = datetime.fromisoformat(lines[0]["verdict"]["at"]) - timedelta(seconds=1)
    lines[0]["verdict"]["at"] = events(lines)[-1]["detail"]["as_of"] = at.isoformat()


def another_subject(lines: list[Line]) -> None:
    lines[0]["subject"]["title"] = "A new palace"


FORGERIES = (
    flipped,
    dropped,
    added_by_a_stranger,
    added_for_somebody_who_kept_silent,
    counted_twice,
    given_to_the_proposer,
    about_something_else,
    after_the_end,
    dated_before_the_opening,
    longer_countdown,
    larger_electorate,
    another_member,
    one_member_less,
    another_verdict,
    another_moment,
    another_subject,
)


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
@pytest.mark.parametrize("name", CLOSED)
def test_a_forged_log_does_not_hold_though_its_hashes_do(name: str, forge: Callable[[list[Line]], None]) -> None:
    lines = exported((name, False))
    forge(lines)
    problems = recount(hashed_anew(lines)).problems
    assert problems
    assert not any("content was changed" in problem or "does not follow" in problem for problem in problems)


def test_a_pause_that_is_taken_out_of_the_log_moves_the_end() -> None:
    lines = exported(("after_the_countdown", False))
    for action in ("case.paused", "case.resumed"):
        lines.remove([line for line in events(lines) if line["action"] == action][-1])
    assert not recount(hashed_anew(lines)).ok


def test_a_vote_in_a_pause_does_not_count() -> None:
    lines = exported(("after_the_countdown", False))
    paused = next(line for line in events(lines) if line["action"] == "case.paused")
    vote = votes(lines)[0]
    lines.remove(vote)
    vote["at"] = paused["at"]
    lines.insert(lines.index(paused) + 1, vote)
    found = recount(hashed_anew(lines))
    assert any("the case was paused" in problem for problem in found.problems)


def test_only_a_kept_hash_betrays_a_forger_who_makes_everything_agree() -> None:
    lines = exported(("after_the_countdown", False))
    kept = recount(lines).head
    vote = votes(lines)[-1]
    vote["at"] = stamp(datetime.fromisoformat(vote["at"]) + timedelta(seconds=1))
    forged = hashed_anew(lines)
    assert recount(forged).ok
    assert recount(exported(("after_the_countdown", False)), witnessed=kept).ok
    assert recount(forged, witnessed=kept).problems == (f"the witnessed line {kept[:16]}… is not in this log",)


def test_the_receipt_of_a_dropped_vote_is_missed_even_where_everything_else_agrees() -> None:
    lines = exported(("still_open", False))
    receipt = votes(lines)[-1]["hash"]
    lines.remove(votes(lines)[-1])
    lines[0]["tally"]["approve"] -= 1
    forged = hashed_anew(lines)
    assert recount(forged).ok
    assert not recount(forged, receipt=receipt).ok
