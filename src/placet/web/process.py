"""The picture of a case's process, and the same as a list: what is done, where it is, what is ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from markupsafe import Markup

from placet.control.process import ProcessView, StageView
from placet.web.charts import fit, shortened, tag

BOX, HIGH, GAP, BETWEEN, EDGE = 150, 64, 36, 14, 8
LETTERS, LINES = 20, 2

SAYS = {"done": "Done", "current": "Now", "ahead": "Ahead", "failed": "Failed", "passed": "Passed over"}


@dataclass(frozen=True)
class Listed:
    """One stage of the list for small screens; `side_by_side` with the one before."""

    title: str
    state: str
    says: str
    id: str | None
    side_by_side: bool


def layers(stages: Sequence[StageView]) -> list[list[StageView]]:
    """The stages as columns: those of one group stand above each other."""
    found: list[list[StageView]] = []
    for stage in stages:
        if found and stage.group is not None and found[-1][-1].group == stage.group:
            found[-1].append(stage)
        else:
            found.append([stage])
    return found


def listed(process: ProcessView) -> list[Listed]:
    """The same in words, in order."""
    lines = [
        Listed(stage.title, stage.state, says(stage), stage.id, side_by_side=number > 0)
        for layer in layers(process.stages)
        for number, stage in enumerate(layer)
    ]
    return lines if process.whole else [*lines, Listed("…", "ahead", "What follows is not known yet", None, False)]


def says(stage: StageView) -> str:
    """The state in words, with how often and what else there is to say."""
    words = [SAYS[stage.state]]
    if stage.times > 1:
        words.append(f"{stage.times} times")
    elif stage.state == "ahead" and stage.repeats:
        words.append("may repeat")
    if stage.state == "ahead" and stage.optional:
        words.append("only if needed")
    if stage.note:
        words.append(stage.note)
    return ", ".join(words)


def picture(process: ProcessView, title: str) -> Markup:
    """The process from left to right, in layers; what runs side by side stands above each other."""
    columns = layers(process.stages)
    tallest = max((len(column) for column in columns), default=1)
    high = tallest * (HIGH + BETWEEN) - BETWEEN + 2 * EDGE
    parts: list[Markup] = []
    for at, column in enumerate(columns):
        if at:
            rows = product(range(len(columns[at - 1])), range(len(column)))
            parts += [_edge(at, one, other, columns, high) for one, other in rows]
        parts += [_box(stage, _x(at), _y(row, len(column), high)) for row, stage in enumerate(column)]
    wide = _x(len(columns)) - GAP + EDGE
    if not process.whole:
        parts.append(tag("text", "…", x=wide, y=high / 2 + 5, class_="more"))
        wide += GAP
    told = f"{fit(title)}: " + "; ".join(f"{one.title}: {one.says}" for one in listed(process))
    return tag(
        "svg",
        tag("title", told),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {max(wide, BOX)} {high}",
        role="img",
        aria_label=told,
        class_="process",
    )


def _box(stage: StageView, x: float, y: float) -> Markup:
    lines = wrapped(stage.title)
    first = y + HIGH / 2 + 5 - 8 * (len(lines) - 1)
    words = [
        tag("text", line, x=x + BOX / 2, y=first + 16 * number, class_="name middle")
        for number, line in enumerate(lines)
    ]
    again = f"↻ {stage.times}" if stage.times > 1 else "↻" if stage.repeats else ""
    if again:
        words.append(tag("text", again, x=x + BOX - 12, y=y + 14, class_="again end"))
    return tag(
        "g",
        tag("title", f"{stage.title}: {says(stage)}"),
        tag("rect", x=x, y=y, width=BOX, height=HIGH, rx=HIGH / 2 if stage.form == "step" else 8),
        *words,
        class_=" ".join(["stage", stage.state, stage.form, *(["optional"] if stage.optional else [])]),
    )


def _edge(at: int, one: int, other: int, columns: Sequence[Sequence[StageView]], high: float) -> Markup:
    before, here = columns[at - 1], columns[at]
    ahead = here[other].state == "ahead"
    return tag(
        "line",
        x1=_x(at - 1) + BOX,
        y1=_y(one, len(before), high) + HIGH / 2,
        x2=_x(at),
        y2=_y(other, len(here), high) + HIGH / 2,
        class_="edge ahead" if ahead else "edge",
    )


def wrapped(title: str) -> list[str]:
    """A title in at most two lines."""
    lines: list[str] = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > LETTERS:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    rest = " ".join(lines[LINES - 1 :])
    return [shortened(line, LETTERS) for line in [*lines[: LINES - 1], *([rest] if rest else [])]]


def _x(at: int) -> float:
    return EDGE + at * (BOX + GAP)


def _y(row: int, rows: int, high: float) -> float:
    taken = rows * (HIGH + BETWEEN) - BETWEEN
    return (high - taken) / 2 + row * (HIGH + BETWEEN)
