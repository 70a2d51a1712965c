"""A campaign that is itself killed goes on where it ended."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

from proof.kills import POINTS, RARE_POINTS, Kill, all_cards, order
from proof.plans import PLANS, document_of, plan_for, subject_of
from proof.runs import History, Progress

A_KILL = Kill("worker", "step-planned", 100, 7, 2.5)


def test_a_history_goes_on_after_half_a_line(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    first = History(file)
    first.append({"type": "invoke", "op": 0})
    first.append({"type": "ok", "op": 0})
    with file.open("ab") as torn:
        torn.write(b'{"type": "invo')
    second = History(file)
    assert second == first
    second.append({"type": "invoke", "op": 2})
    assert [json.loads(line)["op"] for line in file.read_text().splitlines()] == [0, 0, 2]


def test_a_run_keeps_its_seed_and_its_kills(tmp_path: Path) -> None:
    begun = Progress.of(tmp_path, 7, "sqlite")
    begun.kills.append(A_KILL)
    begun.seconds = 12.5
    begun.keep()
    (tmp_path / "progress.new").write_text("half of a")
    again = Progress.of(tmp_path, 8, "sqlite")
    assert (again.seed, again.kills, again.seconds) == (7, [A_KILL], 12.5)


def test_the_order_of_kills_follows_from_the_seed_and_leaves_no_point_out() -> None:
    cards = all_cards(None)
    once, twice = (list(islice(order(seed, cards), len(cards) * 2)) for seed in (1, 1))
    assert once == twice != list(islice(order(2, cards), len(cards) * 2))
    assert Counter(once[: len(cards)]) == Counter(cards)
    assert {*POINTS, *RARE_POINTS, "temporal", "worker", "api", "everything"} == set(cards)


def test_a_case_has_the_same_plan_and_documents_in_every_sitting() -> None:
    assert [plan_for(subject_of(number)) for number in range(len(PLANS))] == list(PLANS)
    assert document_of("customer-3", "identity", 1) == document_of("customer-3", "identity", 1)
    assert document_of("customer-3", "identity", 1).hash != document_of("customer-3", "identity", 2).hash
