"""The page about quality names what the browser tests look at, and claims nothing that is over its limit."""

import re

from browser import quality, test_attacks, test_governing, test_looking_after, test_mail
from browser.test_budget import MAIN

PAGE = quality.PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The lines of the table below a heading, by their first column."""
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in lines[2:]}


def test_every_page_of_the_matrix_is_there_without_a_violation() -> None:
    assert rows("Accessibility") == {name: ["0"] for name in sorted(quality.matrix())}


def test_every_first_view_is_within_the_budget() -> None:
    weights = rows("First view")
    assert set(weights) == set(MAIN)
    assert all(0 < float(kilobytes) < quality.BUDGET_KB for kilobytes, _ in weights.values())


def test_every_field_was_tried_with_every_text_and_none_was_executed() -> None:
    tried = {
        **dict.fromkeys(test_attacks.FIELDS, len(test_attacks.CORPUS)),
        **dict.fromkeys(test_governing.FIELDS, len(test_governing.XSS)),
        **dict.fromkeys(test_looking_after.FIELDS, len(test_attacks.CORPUS)),
        **dict.fromkeys(test_mail.FIELDS, len(test_attacks.CORPUS)),
    }
    assert rows("Hostile texts") == {one: [str(number)] for one, number in sorted(tried.items())}
    assert f"{sum(tried.values())} texts that would be scripts, 0 executed." in PAGE


def test_every_walk_is_there_and_reached_its_end() -> None:
    written = {
        name.removeprefix("test_").replace("_", " ")
        for module in quality.modules()
        for name in vars(module)
        if name.startswith("test_") and any(word in name for word in quality.WALKS)
    }
    walks = rows("Walks")
    assert set(walks) == written
    assert {ended for _, ended in walks.values()} == {"yes"}
    assert {how for hows, _ in walks.values() for how in hows.split(", ")} == set(quality.WALKS.values())


def test_the_times_of_the_server_are_those_of_the_newest_measurement() -> None:
    name, times = quality.server_times()
    assert f"`bench/results/{name}.json`" in PAGE
    told = {f"`{route}`": [f"{answer:.1f}", f"{queries:.1f}"] for route, answer, queries in times}
    assert rows("Server") == told and re.search(r"\d", name)
