"""What the pages point at is there, and what they quote is what the code says."""

import re
from pathlib import Path

import pytest

from docs.markdown import ROOT, anchors_in, every_page, links_in

QUOTE = re.compile(r"<!-- quote: (\S+) -->\n```python\n(.*?)```\n<!-- end of quote -->", re.DOTALL)
TESTS_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize("page", every_page(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_resolves(page: Path) -> None:
    broken = []
    for target in links_in(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors_in(file)):
            broken.append(target)
    assert broken == []


def test_the_quoted_workflow_is_the_real_one() -> None:
    quotes = QUOTE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [path for path, _ in quotes] == ["src/placet/catalogue/partners/approval.py"]
    for path, quoted in quotes:
        assert quoted in (ROOT / path).read_text(encoding="utf-8"), f"quote {path} again in README.md"


@pytest.mark.parametrize("page", every_page(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_as_proof_exists(page: Path) -> None:
    missing = [
        f"{path}::{name}"
        for path, name in TESTS_NAMED.findall(page.read_text(encoding="utf-8"))
        if not (file := ROOT / path).exists() or (name and f"def {name}(" not in file.read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_decision_is_listed_once() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(file.name for file in folder.glob("[0-9]*.md"))
    assert sorted(links_in(folder / "README.md")) == records
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
