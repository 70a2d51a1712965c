"""No change to the export of a ballot stays hidden from the recount."""

import copy
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ballot_papers import COURSES, LONG_WINDED, WHICH, events, exported, votes, written
from placet.domain.ballot import roll_hash
from placet.domain.recount import MOST_PROBLEMS, Recount, recount
from voting.assembly import DAY, HOUR, TEN


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all leaves of a JSON value that a character can be changed in."""
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in places(inner, (*path, key))]
    if isinstance(value, list):
        return [place for index, inner in enumerate(value) for place in places(inner, (*path, index))]
    return [] if value in ("", None) and not isinstance(value, bool) else [path]


# What holds


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("name", sorted(COURSES))
def test_an_honest_export_holds(name: str, texts: bool) -> None:
    found = recount(exported((name, texts)), "proposal-1.vote.1")
    assert found.problems == ()
    assert found.ok


def summary(found: Recount) -> tuple[str, int, int, str | None]:
    return found.state, found.approve, found.deny, found.verdict.reason if found.verdict else None


def test_the_recount_says_how_each_ballot_ended() -> None:
    told = {name: summary(recount(exported((name, False)))) for name in COURSES}
    assert told == {
        "early": ("closed", 6, 1, "early"),
        "after_the_countdown": ("closed", 4, 2, "countdown"),
        "forced": ("closed", 1, 2, "forced"),
        "expired": ("closed", 0, 4, "expired"),
        "withdrawn": ("withdrawn", 2, 0, "withdrawn"),
        "still_open": ("open", 3, 3, None),
    }


def test_pauses_move_the_end_of_the_countdown() -> None:
    lines = exported(("after_the_countdown", False))
    quorum, opened = votes(lines)[4]["at"], events(lines)[0]["at"]
    found = recount(lines)
    assert found.verdict is not None
    assert found.verdict.at - datetime.fromisoformat(quorum) == 2 * DAY
    assert datetime.fromisoformat(quorum) - datetime.fromisoformat(opened) == 8 * HOUR


def test_the_closing_line_commits_to_votes_roll_rules_and_log() -> None:
    closing = events(exported(("early", False)))[-1]
    detail = closing["detail"]
    assert (closing["action"], detail["votes"], detail["log"]) == ("ballot.closed", 7, closing["prev"])
    assert detail["roll"] == roll_hash(TEN)
    assert len(detail["rules"]) == 64


def test_an_export_without_texts_holds_no_words_of_people() -> None:
    assert LONG_WINDED.strip() not in written()[("after_the_countdown", False)]
    assert LONG_WINDED.strip() in written()[("after_the_countdown", True)]


def test_erased_texts_do_not_break_the_count() -> None:
    lines = exported(("after_the_countdown", True))
    for line in lines:
        if line["type"] == "text":
            line["type"] = "erased"
            del line["salt"], line["text"]
    assert recount(lines).ok


# Any change of one line is found


@given(WHICH, st.data())
def test_any_changed_value_of_any_line_is_found(which: tuple[str, bool], data: st.DataObject) -> None:
    lines = exported(which)
    number = data.draw(st.integers(0, len(lines) - 1))
    *path, leaf = data.draw(st.sampled_from(places(lines[number])))
    inner = lines[number]
    for part in path:
        inner = inner[part]
    old = inner[leaf]
    if isinstance(old, bool):
        inner[leaf] = not old
    elif isinstance(old, int | float):
        inner[leaf] = old + data.draw(st.sampled_from([-1, 1, 1000]))
    else:
        at = data.draw(st.integers(0, len(old) - 1))
        inner[leaf] = old[:at] + data.draw(st.sampled_from([c for c in "x7" if c != old[at]])) + old[at + 1 :]
    assert not recount(lines).ok


def test_the_reason_of_a_withdrawal_is_part_of_the_log() -> None:
    lines = exported(("withdrawn", False))
    assert lines[0]["verdict"]["comment"] == lines[-1]["detail"]["why"] == "Cancelled by adam."
    lines[0]["verdict"]["comment"] = "Cancelled by eve."
    assert not recount(lines).ok


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("name", sorted(COURSES))
def test_any_dropped_doubled_or_truncated_line_is_found(name: str, texts: bool) -> None:
    lines = exported((name, texts))
    for number, line in enumerate(lines):
        assert not recount(lines[:number] + lines[number + 1 :]).ok, f"dropped: {line}"
        assert not recount(lines[:number]).ok, f"truncated before: {line}"
        assert not recount([*lines[: number + 1], line, *lines[number + 1 :]]).ok, f"doubled: {line}"


@given(WHICH, st.data())
def test_any_line_that_is_moved_or_added_is_found(which: tuple[str, bool], data: st.DataObject) -> None:
    lines = exported(which)
    place = data.draw(st.integers(0, len(lines) - 1))
    moved = lines.pop(place)
    to = data.draw(st.integers(0, len(lines)).filter(lambda to: to != place))
    if {moved["type"], lines[min(to, len(lines) - 1)]["type"]} <= {"text", "erased"}:
        return
    assert not recount([*lines[:to], moved, *lines[to:]]).ok
    lines.insert(place, moved)
    added = copy.deepcopy(lines[data.draw(st.integers(0, len(lines) - 1))])
    if "actor" in added:
        added["actor"] = "mallory"
    lines.insert(to, added)
    assert not recount(lines).ok


@given(WHICH, st.data())
def test_a_field_that_does_not_belong_there_is_found(which: tuple[str, bool], data: st.DataObject) -> None:
    lines = exported(which)
    data.draw(st.sampled_from(lines))["note"] = "counted twice"
    assert not recount(lines).ok


@pytest.mark.parametrize(
    "line", [{"type": "event"}, {"type": "text"}, {"type": "roll", "page": 2}, {"type": "wish"}, {}, [], 7, None]
)
def test_a_line_that_makes_no_sense_is_a_problem_and_no_crash(line: Any) -> None:
    lines = exported(("early", False))
    for place in range(len(lines) + 1):
        assert not recount([*lines[:place], line, *lines[place:]]).ok


def test_nothing_at_all_is_no_ballot() -> None:
    assert not recount([]).ok


# Receipts


def test_a_receipt_finds_its_vote_and_what_it_says() -> None:
    lines = exported(("early", False))
    vote = votes(lines)[0]
    found = recount(lines, receipt=vote["hash"])
    assert found.ok
    assert found.vote is not None
    assert (found.vote.person, found.vote.decision, found.vote.counted) == ("v0", "deny", True)
    assert (found.vote.line, found.vote.at) == (vote["seq"], vote["at"])


def test_a_receipt_that_is_in_no_log_is_a_problem() -> None:
    found = recount(exported(("early", False)), receipt="ab" * 32)
    assert found.vote is None
    assert found.problems == ("no vote with the receipt abababababababab… is in this log",)


def test_the_hash_of_another_line_is_no_receipt() -> None:
    lines = exported(("early", False))
    assert recount(lines, receipt=events(lines)[-1]["hash"]).vote is None


def test_the_export_of_another_ballot_is_not_taken() -> None:
    found = recount(exported(("early", False)), "proposal-2.vote.1")
    assert found.problems == ("this is an export of proposal-1.vote.1, not of proposal-2.vote.1",)


def test_many_problems_are_told_in_part_and_counted() -> None:
    found = recount([*exported(("early", False)), *[{"type": "wish"}] * 1000])
    assert len(found.problems) == MOST_PROBLEMS + 1
    assert found.problems[-1] == f"and {1000 - MOST_PROBLEMS} more"
