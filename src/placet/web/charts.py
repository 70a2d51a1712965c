"""Charts as SVG: no style attribute, no script, colours by the classes of the style sheet; each also as a table."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from markupsafe import Markup, escape

from placet.web.words import _

WIDTH, HEIGHT = 640, 200
LEFT, TOP, BOTTOM = 44, 12, 28
ROW, LABEL, LONGEST = 58, 26, 48
"""Units of a row, of the name above its bar, and letters of a name: so many are as wide as the chart on a phone."""

SERIES = 6
"""So many series have a class of their own; further ones begin again."""

# What no XML document may hold, escaped or not.
UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Series:
    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Figure:
    """A chart with what it shows as a table."""

    title: str
    svg: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def table(self) -> Markup:
        """The same figures for who does not see the chart, or wants to copy them."""
        head = tag("tr", *(tag("th", column, scope="col") for column in self.columns))
        body = Markup("".join(map(_row, self.rows)))
        return tag("table", tag("caption", self.title), tag("thead", head), tag("tbody", body), class_="figures")


Say = Callable[[float], str]


def plain(value: float) -> str:
    """A number as people write it."""
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def bars(title: str, labels: Sequence[str], series: Sequence[Series], say: Say = plain) -> Figure:
    """Bars over time, the series on top of each other."""
    sums = [sum(_positive(one.values[at]) for one in series) for at in range(len(labels))]
    most = max(sums, default=0.0) or 1.0
    wide = (WIDTH - LEFT) / max(len(labels), 1)
    floor = HEIGHT - BOTTOM
    parts = [_line(LEFT, floor, WIDTH, floor, "axis"), words_at(LEFT - 6, TOP + 10, say(most), "tick", "end")]
    told = [tuple(map(say, one.values)) for one in series]
    tops, columns = [float(floor)] * len(labels), [LEFT + at * wide for at in range(len(labels))]
    lefts, width = [n(x + wide * 0.1) for x in columns], n(wide * 0.8)
    for number, one in enumerate(series):
        # One shape a series: a year of weeks has hundreds of bars.
        shapes = []
        for at, value in enumerate(one.values):
            if high := _positive(value) / most * (floor - TOP):
                tops[at] -= high
                shapes.append(f"M{lefts[at]} {n(tops[at])}h{width}v{n(high)}h-{width}z")
        parts.append(tag("path", class_=f"bar series-{number % SERIES}", d="".join(shapes)))
    names = [one.name for one in series]
    for x, label, numbers in zip(columns, labels, zip(*told, strict=True), strict=bool(series)):
        hint = "\n".join([label, *map(": ".join, zip(names, numbers, strict=True))])
        parts.append(tag("rect", tag("title", hint), class_="hint", x=x, y=TOP, width=wide, height=floor - TOP))
    for at in sorted({0, len(labels) // 2, len(labels) - 1} if labels else ()):
        side = "start" if at == 0 else "end" if at == len(labels) - 1 else "middle"
        parts.append(words_at(_x_of(at, len(labels), wide), HEIGHT - 8, labels[at], "tick", side))
    rows = tuple(zip(labels, *told, strict=True))
    about = _(
        "%(title)s: %(bars)s bars, at most %(most)s.", title=title, bars=len(labels), most=say(max(sums, default=0.0))
    )
    svg = _svg(about, WIDTH, HEIGHT, "bars", parts)
    return Figure(title, svg, ("", *(one.name for one in series)), rows)


def spans(title: str, rows: Sequence[tuple[str, float, float]], say: Say = plain) -> Figure:
    """Horizontal bars, each below its name, with its median before its ninth of ten."""
    most = max((max(_positive(median), _positive(p90)) for _label, median, p90 in rows), default=0.0) or 1.0
    whole = (WIDTH - 120) / most
    table = tuple((label, say(median), say(p90)) for label, median, p90 in rows)
    parts: list[Markup] = []
    for at, (label, half, nine) in enumerate(table):
        y, long, short = TOP + at * ROW, _positive(rows[at][2]) * whole, _positive(rows[at][1]) * whole
        hint = _("%(step)s: half within %(median)s, nine of ten within %(most)s", step=label, median=half, most=nine)
        parts.append(
            tag(
                "g",
                tag("title", hint),
                words_at(1, y + LABEL - 8, shortened(label, LONGEST), "label"),
                tag("rect", class_="span p90", x=1, y=y + LABEL, width=long, height=18),
                tag("rect", class_="span median", x=1, y=y + LABEL + 4, width=short, height=10),
                words_at(long + 8, y + LABEL + 14, nine, "tick"),
            )
        )
    about = _(
        "%(title)s: %(steps)s steps; the longest, nine of ten within %(most)s.",
        title=title,
        steps=len(rows),
        most=say(most if rows else 0.0),
    )
    svg = _svg(about, WIDTH, max(len(rows), 1) * ROW + TOP, "spans", parts)
    return Figure(title, svg, ("", _("Half within"), _("Nine of ten within")), table)


def tag(name: str, *content: str | Markup, **attributes: str | float) -> Markup:
    """An element; everything that is not markup already is escaped. `class_` is `class`, `a_b` is `a-b`."""
    told = "".join([f' {_attribute(key)}="{_told(value)}"' for key, value in attributes.items()])
    # Markup fills in its own templates many times more slowly, and a page of charts has thousands of elements.
    return Markup(f"<{name}{told}>{''.join(map(_told, content))}</{name}>")


def fit(text: str) -> str:
    """The text without what no document may hold."""
    return UNFIT.sub("\ufffd", text)


def markup(text: str) -> Markup:
    """Markup as it is, all else escaped."""
    return text if isinstance(text, Markup) else _escaped(text)


@lru_cache(maxsize=4096)
def _escaped(text: str) -> Markup:
    # Small numbers and names of days are most of what a page of charts says.
    return escape(fit(text))


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def n(value: float) -> str:
    """A coordinate."""
    return f"{_finite(value):.2f}".rstrip("0").rstrip(".")


def _svg(told: str, width: float, height: float, kind: str, parts: Sequence[Markup]) -> Markup:
    return tag(
        "svg",
        tag("title", told),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {n(width)} {n(height)}",
        role="img",
        aria_label=told,
        class_=f"chart {kind}",
    )


def words_at(x: float, y: float, words: str, kind: str, anchor: str = "start") -> Markup:
    """Text that begins, has its middle or ends at a point."""
    return tag("text", words, x=x, y=y, text_anchor=anchor, class_=kind)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def _x_of(at: int, labels: int, wide: float) -> float:
    if at == 0:
        return LEFT
    return WIDTH if at == labels - 1 else LEFT + (at + 0.5) * wide


def _row(cells: Sequence[str]) -> str:
    # Line by line, as there may be thousands of cells.
    first, *rest = map(_told, cells)
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'


def _told(value: str | float) -> str:
    """What may stand between tags or quotes."""
    return markup(value) if isinstance(value, str) else n(value)


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _positive(value: float) -> float:
    return max(_finite(value), 0.0)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
