"""No change to an exported log stays hidden from somebody who kept the last checkpoint."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.domain.audit import GENESIS, Head, canonical, chained, checkpoint, digest, stamp, text_digest, verify

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TEXTS = ("comment", "reason")
Line = dict[str, Any]


def log(lengths: dict[str, int], points: int, erased: bool = False) -> tuple[list[Line], str]:
    """An export of chains of these lengths with so many checkpoints, and the hash of the last one."""
    lines, heads, texts = list[Line](), dict[str, tuple[int, str]](), 0
    for chain, length in sorted(lengths.items()):
        prev = GENESIS
        for seq in range(1, length + 1):
            texts += 1
            text, salt, field = f"words {texts}", f"{texts:032x}", TEXTS[texts % 2]
            detail = {"task": f"{chain}.{seq}", "n": seq, field: {"digest": text_digest(salt, text)}}
            event = chained(chain, seq, START + timedelta(seconds=seq), f"person-{seq % 3}", "acted", detail, prev)
            lines.append({"type": "event"} | event.model_dump())
            kept = {"type": "erased"} if erased and seq % 2 else {"type": "text", "salt": salt, "text": text}
            lines.append({"chain": chain, "seq": seq, "field": field} | kept)
            prev = event.hash
            heads[f"{chain}#{seq}"] = (seq, event.hash)
    prev = GENESIS
    for number in range(1, points + 1):
        seen = {}
        for chain, length in lengths.items():
            seq = max(1, length * number // points)
            seen[chain] = Head(chain=chain, seq=seq, hash=heads[f"{chain}#{seq}"][1])
        point = checkpoint(number, START + timedelta(days=number), seen.values(), prev)
        lines.append({"type": "checkpoint"} | point.model_dump(mode="json"))
        prev = point.hash
    return lines, prev


LOGS = st.tuples(
    st.dictionaries(st.sampled_from(["case-1", "case-2", "@registry", "@refused"]), st.integers(1, 5), min_size=1),
    st.integers(1, 3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all leaves of a JSON value."""
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in places(inner, (*path, key))]
    if isinstance(value, list | tuple):
        return [place for index, inner in enumerate(value) for place in places(inner, (*path, index))]
    return [path]


@given(LOGS, st.booleans())
def test_an_honest_log_verifies_also_with_erased_texts(shape: tuple[dict[str, int], int], erased: bool) -> None:
    lines, last = log(*shape, erased)
    found = verify(json.loads(json.dumps(lines)), last)
    assert found.problems == ()
    assert found.ok
    total = sum(shape[0].values())
    assert (found.chains, found.events, found.texts, found.checkpoints) == (len(shape[0]), total, total, shape[1])
    assert found.erased == sum((length + 1) // 2 for length in shape[0].values()) * erased
    assert found.last_checkpoint == last


@given(LOGS, st.data())
def test_any_changed_value_shows(shape: tuple[dict[str, int], int], data: st.DataObject) -> None:
    lines, last = log(*shape)
    lines = json.loads(json.dumps(lines))
    number = data.draw(st.integers(0, len(lines) - 1))
    *path, leaf = data.draw(st.sampled_from(places(lines[number])))
    inner = lines[number]
    for part in path:
        inner = inner[part]
    old = inner[leaf]
    if isinstance(old, int):
        inner[leaf] = old + data.draw(st.sampled_from([-1, 1, 1000]))
    else:
        at = data.draw(st.integers(0, len(old) - 1))
        inner[leaf] = old[:at] + ("x" if old[at] != "x" else "y") + old[at + 1 :]
    assert not verify(lines, last).ok


@given(LOGS, st.data())
def test_any_dropped_line_shows(shape: tuple[dict[str, int], int], data: st.DataObject) -> None:
    lines, last = log(*shape)
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    assert not verify(lines, last).ok


@given(LOGS, st.data())
def test_any_truncated_log_shows(shape: tuple[dict[str, int], int], data: st.DataObject) -> None:
    lines, last = log(*shape)
    assert not verify(lines[: data.draw(st.integers(0, len(lines) - 1))], last).ok


@given(LOGS, st.data())
def test_any_doubled_line_shows(shape: tuple[dict[str, int], int], data: st.DataObject) -> None:
    lines, last = log(*shape)
    at, to = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    lines.insert(to, copy.deepcopy(lines[at]))
    assert not verify(lines, last).ok


@given(LOGS, st.data())
def test_two_lines_of_one_chain_that_trade_places_show(shape: tuple[dict[str, int], int], data: st.DataObject) -> None:
    lines, last = log(*shape)
    numbers = st.integers(0, len(lines) - 1)
    one, other = data.draw(numbers), data.draw(numbers)
    kinds = {(lines[place]["type"], lines[place].get("chain")) for place in (one, other)}
    if one == other or len(kinds) > 1 or lines[one]["type"] == "text":
        return
    lines[one], lines[other] = lines[other], lines[one]
    assert not verify(lines, last).ok


def test_a_forger_who_hashes_everything_anew_is_betrayed_by_the_kept_checkpoint() -> None:
    _, kept = log({"case-1": 4}, 2)
    forged, forged_last = log({"case-1": 5}, 2)
    assert verify(forged, forged_last).ok
    found = verify(forged, kept)
    assert found.problems == (f"the witnessed checkpoint {kept[:16]}… is not in this log",)


def test_a_line_that_is_whole_in_itself_must_follow_the_one_before_it() -> None:
    first = chained("case-1", 1, START, "ann", "acted", {}, GENESIS)
    stray = chained("case-1", 2, START, "ann", "acted", {}, digest("something else"))
    lines = [{"type": "event"} | event.model_dump() for event in (first, stray)]
    assert verify(lines).problems == ("case-1 line 2: does not follow the line before it",)


def test_a_whole_chain_cannot_disappear() -> None:
    lines, last = log({"case-1": 2, "case-2": 2}, 1)
    assert not verify([line for line in lines if line.get("chain") != "case-2"], last).ok


@pytest.mark.parametrize(
    "line", [{"type": "event"}, {"type": "text"}, {"type": "checkpoint", "number": "one"}, {"type": "wish"}, {}, [], 7]
)
def test_a_line_that_makes_no_sense_is_a_problem_and_no_crash(line: Any) -> None:
    lines, last = log({"case-1": 2}, 1)
    found = verify([*lines, line], last)
    assert len(found.problems) == 1


def test_an_erased_text_cannot_be_guessed_from_its_digest_without_the_salt() -> None:
    assert text_digest("one", "yes") != text_digest("two", "yes")


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)))
def test_the_canonical_form_does_not_depend_on_the_order_or_the_spelling(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards) == canonical(json.loads(json.dumps(value)))
    assert digest(value) == digest(backwards)


def test_a_number_that_json_does_not_know_is_never_hashed() -> None:
    with pytest.raises(ValueError):
        canonical({"amount": float("nan")})


@given(st.datetimes(timezones=st.timezones()))
def test_a_stamp_is_the_same_moment_in_one_spelling(at: datetime) -> None:
    try:
        moment = at.astimezone(UTC)
    except OverflowError:
        return
    assert datetime.fromisoformat(stamp(at)) == moment
    assert stamp(at) == stamp(moment)
