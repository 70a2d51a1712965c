"""Reading our own pages."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def every_page() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def files_in(page: Path) -> dict[str, str]:
    """The code blocks that say which file they are, by that file's path."""
    return {path: code for _, path, code in FENCE.findall(page.read_text(encoding="utf-8")) if path}


def links_in(page: Path) -> Iterator[str]:
    """Relative links, outside code."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(re.sub(r"`[^`]*`", "", text)):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def anchors_in(page: Path) -> set[str]:
    """The names of a page's headings, as the usual renderers make them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
