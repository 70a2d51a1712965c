"""What the browser tests have measured, as the page `docs/quality.md`."""

import importlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs/quality.md"
BUDGET_KB = 60
KILO = 1000
WALKS = {"keyboard": "by keyboard alone", "without_scripts": "without JavaScript"}


@dataclass
class Found:
    """`flaws` by page, `weights` in bytes by page, `fields` that hostile texts went through, `passed` tests."""

    flaws: dict[str, int] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    executed: int = 0
    walks: dict[str, bool] = field(default_factory=dict)

    def looked(self, flaws: int) -> None:
        """The page of the running test was looked at."""
        test = os.environ["PYTEST_CURRENT_TEST"].partition(" (")[0].partition("::")[2]
        named = re.fullmatch(r"test_a_page_has_no_flaw\[(.*)\]", test)
        if named:
            self.flaws[named[1]] = self.flaws.get(named[1], 0) + flaws

    def attacked(self, fields: tuple[str, ...], payloads: int, executed: int) -> None:
        self.fields |= dict.fromkeys(fields, payloads)
        self.executed += executed

    def ended(self, test: str, passed: bool) -> None:
        if any(word in test for word in WALKS):
            self.walks[test.partition("::")[2]] = passed


FOUND = Found()


def modules() -> list[ModuleType]:
    return [importlib.import_module(f"browser.{file.stem}") for file in sorted(HERE.glob("test_*.py"))]


def matrix() -> dict[str, tuple[str | None, str]]:
    """Every page of the matrix: who looks at it, and its address."""
    return {name: page for module in modules() for name, page in getattr(module, "PAGES", {}).items()}


def server_times() -> tuple[str, list[tuple[str, float, float]]]:
    """The newest measurement: its name, and of each route the slowest caller at p95 and its queries, in ms."""
    newest = max((ROOT / "bench/results").glob("*-pages.json"))
    slowest: dict[str, tuple[float, float]] = {}
    for line in json.loads(newest.read_text(encoding="utf-8"))["cells"]:
        before = slowest.get(line["route"], (0.0, 0.0))
        slowest[line["route"]] = (
            max(before[0], line["p95"]),
            max(before[1], line["sql_p95"]),
        )
    return newest.stem, [(route, *times) for route, times in slowest.items()]


def told(found: Found) -> str:
    """The page."""
    name, times = server_times()
    parts = [
        "# Quality of the pages",
        "Written by `make quality`, which drives a real Chromium against a real server; a test compares the lists here "
        "with the code.",
        "## Accessibility",
        f"axe, all rules of WCAG 2.2 A and AA and its best practices, in light and dark, at 320, 390 and 1280 px, and "
        f"whether a page is wider than its window. {len(found.flaws)} pages, {sum(found.flaws.values())} violations.",
        _table(("Page", "Violations"), [(page, str(flaws)) for page, flaws in sorted(found.flaws.items())]),
        "## First view",
        f"Everything that a browser without a cache transfers: page, styles, script. The budget is {BUDGET_KB} KB; all "
        "of it comes from one origin, and nothing is blocked or broken on the way.",
        _table(
            ("Page", "KB", "Requests"),
            [
                (page, f"{weight / KILO:.1f}", str(found.requests[page]))
                for page, weight in sorted(found.weights.items())
            ],
        ),
        "## Hostile texts",
        f"{sum(found.fields.values())} texts that would be scripts, {found.executed} executed.",
        _table(("Field", "Texts"), [(one, str(number)) for one, number in sorted(found.fields.items())]),
        "## Walks",
        _table(
            ("Walk", "How", "Reached its end"),
            [
                (test.removeprefix("test_").replace("_", " "), _how(test), "yes" if passed else "no")
                for test, passed in sorted(found.walks.items())
            ],
        ),
        "## Server",
        f"With 100,000 cases and a million tasks, the slowest of seven callers at p95, in milliseconds "
        f"(`bench/results/{name}.json`, `make bench-pages`). The goal is 50 for an answer.",
        _table(
            ("Route", "Answer", "Its queries"),
            [(f"`{route}`", f"{answer:.1f}", f"{queries:.1f}") for route, answer, queries in times],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _how(test: str) -> str:
    return ", ".join(how for word, how in WALKS.items() if word in test)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *rows])
