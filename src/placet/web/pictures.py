"""Pictures as SVG, made here: coloured by the style sheet, named for screen readers, without scripts."""

from collections.abc import Iterable
from math import pi

from markupsafe import Markup


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
