"""The picture of a case's process, and the same as a list: what is done, where it is, what is ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from markupsafe import Markup

from placet.control.outline import plain
from placet.control.process import ProcessView, StageView
from placet.web.charts import fit, n, shortened, tag, words_at
from placet.web.words import _, later, reader

BOX, HIGH, GAP, BETWEEN, EDGE = 150, 64, 36, 14, 20
ACROSS = 6
"""So many layers stand in a row; a longer process goes on in the next, so that its words stay readable."""

LETTERS, LINES = 20, 2

SAYS = {
    "done": later("Done"),
    "current": later("Now"),
    "ahead": later("Ahead"),
    "failed": later("Failed"),
    "passed": later("Passed over"),
}
NAMES = {
    "Send": later("Mail"),
    "Set status": later("Update the partner's status"),
    "Term sheet": later("Draft the term sheet"),
    "Partner fit": later("Score the fit"),
    "Text": later("Read the document"),
    "Investigate": later("Screen the customer"),
    "Begin": later("Begin the work"),
}
"""Steps whose plain name a reader would not guess the meaning of."""


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
        Listed(name_of(stage), stage.state, says(stage), stage.id, side_by_side=number > 0)
        for layer in layers(process.stages)
        for number, stage in enumerate(layer)
    ]
    return lines if process.whole else [*lines, Listed("…", "ahead", _("What follows is not known yet"), None, False)]


def name_of(stage: StageView) -> str:
    return _(NAMES.get(stage.title, stage.title) if stage.form == "step" else stage.title)


def step_name(activity: str) -> str:
    """The name of an activity as people read it."""
    return _(NAMES.get(plain(activity), plain(activity)))


def says(stage: StageView) -> str:
    """The state in words, with how often and what else there is to say."""
    words = [_(SAYS[stage.state])]
    if stage.times > 1:
        words.append(_("%(times)s times", times=stage.times))
    elif stage.state == "ahead" and stage.repeats:
        words.append(_("may repeat"))
    if stage.state == "ahead" and stage.optional:
        words.append(_("only if needed"))
    if stage.note:
        words.append(_(stage.note))
    return ", ".join(words)


@dataclass(frozen=True)
class _Placed:
    stage: StageView
    x: float
    y: float

    @property
    def middle(self) -> float:
        return self.y + HIGH / 2


def picture(process: ProcessView, title: str) -> Markup:
    """The process from left to right, in layers; what runs side by side stands above each other."""
    placed, high = _placed(layers(process.stages))
    wide = max((one.x for layer in placed for one in layer), default=0) + BOX + EDGE
    # In languages that are read from the right, so is the picture.
    mirror = wide if reader().direction == "rtl" else 0.0
    parts = [_edge(*pair, mirror) for before, here in pairwise(placed) for pair in product(before, here)]
    parts += [_box(one, mirror) for layer in placed for one in layer]
    if placed and not process.whole:
        parts.append(words_at(abs(mirror - placed[-1][0].x - BOX - 10), placed[-1][0].middle, "…", "more", "middle"))
    told = f"{fit(title)}: " + "; ".join(f"{one.title}: {one.says}" for one in listed(process))
    return tag(
        "svg",
        tag("title", told),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        width=wide,
        height=high,
        viewBox=f"0 0 {n(wide)} {n(high)}",
        role="img",
        aria_label=told,
        class_="process",
    )


def _placed(columns: Sequence[Sequence[StageView]]) -> tuple[list[list[_Placed]], float]:
    """Where each stage stands, layer by layer, and how high the picture is."""
    found: list[list[_Placed]] = []
    top = float(EDGE)
    for start in range(0, len(columns), ACROSS):
        row = columns[start : start + ACROSS]
        tallest = max(_height(column) for column in row)
        for at, column in enumerate(row):
            first = top + (tallest - _height(column)) / 2
            x = EDGE + at * (BOX + GAP)
            found.append([_Placed(one, x, first + number * (HIGH + BETWEEN)) for number, one in enumerate(column)])
        top += tallest + GAP
    return found, max(top - GAP, HIGH) + EDGE


def _height(column: Sequence[StageView]) -> float:
    return len(column) * (HIGH + BETWEEN) - BETWEEN


def _box(placed: _Placed, mirror: float) -> Markup:
    stage, y = placed.stage, placed.y
    x = mirror - placed.x - BOX if mirror else placed.x
    lines = wrapped(name_of(stage))
    first = y + HIGH / 2 + 5 - 8 * (len(lines) - 1)
    words = [words_at(x + BOX / 2, first + 16 * number, line, "name", "middle") for number, line in enumerate(lines)]
    again = f"↻ {stage.times}" if stage.times > 1 else "↻" if stage.repeats else ""
    if again:
        words.append(words_at(x + BOX - 12, y + 14, again, "again", "end"))
    return tag(
        "g",
        tag("title", f"{name_of(stage)}: {says(stage)}"),
        tag("rect", x=x, y=y, width=BOX, height=HIGH, rx=HIGH / 2 if stage.form == "step" else 8),
        *words,
        class_=" ".join(["stage", stage.state, stage.form, *(["optional"] if stage.optional else [])]),
    )


def _edge(before: _Placed, here: _Placed, mirror: float) -> Markup:
    points = [(before.x + BOX, before.middle), (here.x, here.middle)]
    if here.x <= before.x:
        # On to the next row: out to the right, back between the rows, in from the left.
        half, between = GAP / 3, here.y - GAP / 2
        right, left = before.x + BOX + half, here.x - half
        points[1:1] = [(right, before.middle), (right, between), (left, between), (left, here.middle)]
    told = " ".join(f"{n(abs(mirror - x))},{n(y)}" for x, y in points)
    return tag("polyline", points=told, class_="edge ahead" if here.stage.state == "ahead" else "edge")


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
