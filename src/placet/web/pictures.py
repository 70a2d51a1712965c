"""Pictures as SVG, made here: coloured by the style sheet, named for screen readers, without scripts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import pi

from markupsafe import Markup, escape

from placet.web.words import reader

NODE, GAP, HEIGHT, ROW, LINE = 148, 28, 52, 84, 19


@dataclass(frozen=True)
class Stop:
    """One stop in the course of a case; `state` is done, now, ahead or failed, `note` what is told beside it."""

    title: str
    state: str
    note: str = ""


def _picture(width: float, height: float, body: Markup, name: str, kind: str) -> Markup:
    fill = Markup(' preserveAspectRatio="none"') if kind == "tally" else ""
    told = Markup('role="img" aria-label="{}"').format(name) if name else Markup('aria-hidden="true"')
    return Markup('<svg class="{}" width="{}" height="{}" viewBox="0 0 {} {}" {} focusable="false"{}>{}</svg>').format(
        kind, width, height, width, height, told, fill, body
    )


def ring(name: str, value: int, goal: int, total: int, size: int = 128) -> Markup:
    """How much of a whole is there; the mark stands where it is enough."""
    radius, middle = size / 2 - 10, size / 2
    around = 2 * pi * radius
    part = min(value / total, 1) if total else 0
    mark = min(goal / total, 1) if total else 0
    circle = Markup('<circle class="{}" cx="{}" cy="{}" r="{}"{}/>')
    dash = Markup(' stroke-dasharray="{:.2f} {:.2f}" transform="rotate(-90 {} {})"')
    turned = Markup(' stroke-dasharray="3 {:.2f}" stroke-dashoffset="{:.2f}" transform="rotate(-90 {} {})"')
    body = Markup("").join(
        [
            circle.format("ring-track", middle, middle, radius, ""),
            circle.format("ring-part", middle, middle, radius, dash.format(around * part, around, middle, middle)),
            circle.format(
                "ring-goal", middle, middle, radius, turned.format(around - 3, -around * mark + 1.5, middle, middle)
            ),
            Markup('<text class="ring-number" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                middle, middle + 4, value
            ),
            Markup('<text class="ring-note" x="{}" y="{}" text-anchor="middle">/ {}</text>').format(
                middle, middle + 24, total
            ),
        ]
    )
    return _picture(size, size, body, name, "ring")


def tally(name: str, parts: Iterable[tuple[str, str, int]], total: int, width: int = 400, height: int = 16) -> Markup:
    """Parts of a whole as one bar; a part is its class, its name and its number."""
    x, drawn = 0.0, [Markup('<rect class="track" width="{}" height="{}"/>').format(width, height)]
    for kind, told, number in parts:
        wide = width * number / total if total else 0
        drawn.append(
            Markup('<rect class="part-{}" x="{:.2f}" width="{:.2f}" height="{}"><title>{}: {}</title></rect>').format(
                kind, x, wide, height, told, number
            )
        )
        x += wide
    return _picture(width, height, Markup("").join(drawn), name, "tally")


def course(stops: Sequence[Stop], columns: int = 6) -> Markup:
    """The course of a case as boxes with arrows, row by row; a list beside it tells the same in words."""
    across = min(columns, max(len(stops), 1))
    width = across * (NODE + GAP) - GAP
    rows = -(-len(stops) // columns) or 1
    drawn: list[Markup] = []
    for place, stop in enumerate(stops):
        row, column = divmod(place, columns)
        x, y = _x(column, width), row * ROW + 4
        if place:
            drawn.append(_arrow(place, columns, width, stop))
        box = Markup('<g class="stop stop-{}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}" rx="10"/>')
        drawn.append(box.format(stop.state, stop.title, x, y, NODE, HEIGHT))
        lines = _lines(stop.title)
        for number, line in enumerate(lines):
            base = y + HEIGHT / 2 + 4.5 + (number - (len(lines) - 1) / 2) * 16
            drawn.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(x + NODE / 2, base, line))
        drawn.append(Markup("</g>"))
    return _picture(width, rows * ROW - (ROW - HEIGHT - 8), Markup("").join(drawn), "", "course-picture")


def _x(column: int, width: int) -> int:
    """Where a box begins; in languages that are read from the right, so is the picture."""
    x = column * (NODE + GAP)
    return width - x - NODE if reader().direction == "rtl" else x


def _arrow(place: int, columns: int, width: int, stop: Stop) -> Markup:
    row, column = divmod(place, columns)
    flip = reader().direction == "rtl"
    kind = "arrow" if stop.state != "ahead" else "arrow arrow-ahead"
    y = row * ROW + 4 + HEIGHT / 2
    if column:
        start = _x(column, width) + (NODE + GAP if flip else -GAP)
        end = _x(column, width) + (NODE + 3 if flip else -3)
        tip = end + (6 if flip else -6)
        return Markup('<path class="{}" d="M{} {}H{}M{} {}L{} {}L{} {}"/>').format(
            kind, start, y, end, tip, y - 5, end, y, tip, y + 5
        )
    above = _x(columns - 1, width) + NODE / 2
    here = _x(0, width) + NODE / 2
    top, between, end_y = y - ROW + HEIGHT / 2, y - HEIGHT / 2 - (ROW - HEIGHT) / 2, y - HEIGHT / 2 - 2
    return Markup('<path class="{}" d="M{} {}V{}H{}V{}M{} {}L{} {}L{} {}"/>').format(
        kind, above, top, between, here, end_y, here - 5, end_y - 6, here, end_y, here + 5, end_y - 6
    )


def _lines(title: str) -> list[str]:
    """The title in at most two lines that fit into a box."""
    first, rest = "", title.split()
    while rest and len(first) + len(rest[0]) < LINE:
        first = f"{first} {rest.pop(0)}".strip()
    if not first:
        return [str(escape(title))[: LINE - 1] + "…"] if len(title) > LINE else [title]
    second = " ".join(rest)
    return [first] if not second else [first, second if len(second) <= LINE else second[: LINE - 1] + "…"]
