"""Markdown of people as HTML that is safe on any page: rendered without raw HTML, then reduced to an allow-list."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

SHORT = 2_000
MOST_MARKS = 4_000
MOST_BRACKETS = 400
MARKS = "*_`[!~|\\&<\n"

TAGS = {"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote"} | {
    *("ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td")
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}

# No pictures: a page must not fetch what a stranger names. Their address stays as a link.
_RENDERER = MarkdownIt("js-default", {"html": False}).disable("image")
# A text that is mostly marks would take the parser seconds; it is shown as it was written.
_PLAIN = MarkdownIt("zero", {"html": False})


def rendered(text: str) -> str:
    """The text as HTML."""
    if not text:
        return ""
    return _of_short(text) if len(text) <= SHORT else _of_long(text)


def _render(text: str) -> str:
    marks = sum(text.count(mark) for mark in MARKS)
    renderer = _RENDERER if marks <= MOST_MARKS and text.count("[") <= MOST_BRACKETS else _PLAIN
    html = renderer.render(text)
    return nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel="noopener noreferrer nofollow"
    ).strip()


_of_short = lru_cache(maxsize=4096)(_render)
_of_long = lru_cache(maxsize=128)(_render)
