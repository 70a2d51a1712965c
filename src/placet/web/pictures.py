"""Pictures as SVG, made here: coloured by the style sheet, named for screen readers, without scripts."""

from collections.abc import Iterable
from functools import lru_cache
from math import pi

from markupsafe import Markup

from placet.web.charts import markup, n, tag, words_at


def _picture(width: float, height: float, body: list[Markup], name: str, kind: str, **more: str) -> Markup:
    told = {"role": "img", "aria_label": name} if name else {"aria_hidden": "true"}
    whole: dict[str, str | float] = {"width": width, "height": height, "viewBox": f"0 0 {n(width)} {n(height)}"}
    return tag("svg", *body, class_=kind, **whole, **told, focusable="false", **more)


def ring(name: str, value: int, goal: int, total: int, size: int = 128) -> Markup:
    """How much of a whole is there; the mark stands where it is enough."""
    return _ring(markup(name), value, goal, total, size)


def tally(name: str, parts: Iterable[tuple[str, str, int]], total: int, width: int = 400, height: int = 16) -> Markup:
    """Parts of a whole as one bar; a part is its class, its name and its number."""
    named = tuple((kind, markup(told), number) for kind, told, number in parts)
    return _tally(markup(name), named, total, width, height)


# A list of votes is told again whenever one of them changes, and the others look as before. They are remembered by
# markup alone: a text is equal to markup that reads like it, and must not be taken for it.
_once = lru_cache(maxsize=512)


@_once
def _ring(name: Markup, value: int, goal: int, total: int, size: int) -> Markup:
    radius, middle = size / 2 - 10, size / 2
    around = 2 * pi * radius
    part = min(value / total, 1) if total else 0
    mark = min(goal / total, 1) if total else 0
    circle = {"cx": middle, "cy": middle, "r": radius}
    turned = {"transform": f"rotate(-90 {n(middle)} {n(middle)})"}
    body = [
        tag("circle", class_="ring-track", **circle),
        tag("circle", class_="ring-part", **circle, stroke_dasharray=f"{n(around * part)} {n(around)}", **turned),
        tag(
            "circle",
            class_="ring-goal",
            **circle,
            stroke_dasharray=f"3 {n(around - 3)}",
            stroke_dashoffset=-around * mark + 1.5,
            **turned,
        ),
        words_at(middle, middle + 4, str(value), "ring-number", "middle"),
        words_at(middle, middle + 24, f"/ {total}", "ring-note", "middle"),
    ]
    return _picture(size, size, body, name, "ring")


@_once
def _tally(name: Markup, parts: tuple[tuple[str, Markup, int], ...], total: int, width: int, height: int) -> Markup:
    x, drawn = 0.0, [tag("rect", class_="track", width=width, height=height)]
    for kind, told, number in parts:
        wide = width * number / total if total else 0
        hint = tag("title", told + f": {number}")
        drawn.append(tag("rect", hint, class_=f"part-{kind}", x=x, width=wide, height=height))
        x += wide
    return _picture(width, height, drawn, name, "tally", preserveAspectRatio="none")
