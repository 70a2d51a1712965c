"""Charts: well-formed, readable without seeing them, harmless whatever they are told, and true to their figures."""

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.web import charts
from placet.web.charts import Figure, Series

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload='alert(1)",
    "</title></svg><script>1</script>",
    "]]><!--",
    "&lt;b&gt; &amp; {0} {x}",
    "a\x00b\x0bc\ud800\uffff",
    "עברית \u202e<b>",
)
KINDS: dict[str, Callable[[str], Figure]] = {
    "bars": lambda text: charts.bars(text, [text, "b"], [Series(text, (1, 2)), Series("other", (0, 3))]),
    "spans": lambda text: charts.spans(text, [(text, 3, 9), ("b", 1, 1)]),
}
ALLOWED = {"svg", "title", "g", "rect", "circle", "line", "polyline", "text", "path"}
ATTRIBUTES = {"viewBox", "role", "aria-label", "class", "x", "y", "x1", "y1", "x2", "y2", "width", "height"}
ATTRIBUTES |= {"cx", "cy", "r", "rx", "pathLength", "stroke-dasharray", "points", "text-anchor", "d"}


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def assert_harmless(root: ElementTree.Element) -> None:
    for node in root.iter():
        assert node.tag.removeprefix(SVG) in ALLOWED
        assert set(node.attrib) <= ATTRIBUTES


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_text_stays_text(kind: str, text: str) -> None:
    figure = KINDS[kind](text)
    root = parsed(figure.svg)
    assert_harmless(root)
    table = parsed(figure.table())
    assert {node.tag for node in table.iter()} == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert charts.fit(text) in "".join(root.itertext()) + root.attrib["aria-label"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_says_in_words_what_it_shows(kind: str) -> None:
    root = parsed(KINDS[kind]("Turnout").svg)
    assert (root.attrib["role"], root[0].tag, root[0].text) == ("img", f"{SVG}title", root.attrib["aria-label"])
    assert root.attrib["aria-label"].startswith("Turnout")
    assert root.attrib["class"].split() == ["chart", kind]


@pytest.mark.parametrize("kind", KINDS)
def test_no_chart_needs_a_style_or_script(kind: str) -> None:
    assert not re.search(r"style|<script|\son\w+=|fill=|#[0-9a-f]{3}|href", KINDS[kind]("t").svg)


BAR = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z")


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [node for node in root.iter() if name in node.attrib.get("class", "").split()]


def test_bars_are_as_high_as_their_figures_and_stand_on_each_other() -> None:
    figure = charts.bars("Cases", ["Mo", "Tu"], [Series("opened", (2, 4)), Series("closed", (2, 0))])
    root = parsed(figure.svg)
    opened, closed = ([tuple(map(float, at)) for at in BAR.findall(bar.attrib["d"])] for bar in of_class(root, "bar"))
    assert [len(opened), len(closed)] == [2, 1]
    (x, y, width, high), (other, _, _, twice) = opened
    assert math.isclose(high * 2, twice, abs_tol=0.02) and other > x + width
    assert closed[0] == pytest.approx((x, y - high, width, high), abs=0.02)
    assert [hint[0].text for hint in of_class(root, "hint")] == ["Mo\nopened: 2\nclosed: 2", "Tu\nopened: 4\nclosed: 0"]
    assert figure.columns == ("", "opened", "closed")
    assert figure.rows == (("Mo", "2", "2"), ("Tu", "4", "0"))


def test_spans_show_the_median_within_the_ninth_of_ten() -> None:
    figure = charts.spans("Waiting", [("Legal review", 2, 8), ("Vote", 1, 4)], say=lambda value: f"{value} h")
    root = parsed(figure.svg)
    long = [float(bar.attrib["width"]) for bar in of_class(root, "p90")]
    short = [float(bar.attrib["width"]) for bar in of_class(root, "median")]
    assert math.isclose(long[0], 2 * long[1], abs_tol=0.02) and math.isclose(long[0], 4 * short[0], abs_tol=0.02)
    assert figure.rows[0] == ("Legal review", "2 h", "8 h")


EMPTY = (
    charts.bars("t", [], []),
    charts.bars("t", ["a"], []),
    charts.spans("t", []),
)


@pytest.mark.parametrize("figure", EMPTY, ids=lambda figure: figure.svg[:1])
def test_nothing_to_show_is_shown_as_nothing(figure: Figure) -> None:
    assert_harmless(parsed(figure.svg))
    assert parsed(figure.table()).tag == "table"


FIGURES = st.floats(allow_nan=True, allow_infinity=True)


@given(values=st.lists(FIGURES, max_size=6), whole=FIGURES)
def test_whatever_the_figures_are_every_coordinate_is_a_number(values: list[float], whole: float) -> None:
    labels = [str(number) for number in range(len(values))]
    made = (
        charts.bars("t", labels, [Series("s", tuple(values))]),
        charts.spans("t", [(label, value, whole) for label, value in zip(labels, values, strict=True)]),
    )
    for figure in made:
        root = parsed(figure.svg)
        for node in root.iter():
            for name in ("x", "y", "width", "height", "cx", "cy", "x1", "y1", "x2", "y2"):
                assert name not in node.attrib or math.isfinite(float(node.attrib[name]))
            for name in ("width", "height"):
                assert float(node.attrib.get(name, 0)) >= 0
