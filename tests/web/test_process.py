"""The picture of a process, and its list: what is done, where it is, what is ahead."""

from xml.etree import ElementTree

import pytest

from placet.control.process import ProcessView, StageView, State
from placet.web.process import listed, picture, wrapped
from web.test_charts import HOSTILE, SVG, assert_harmless, of_class, parsed


def stage(title: str, state: State = "ahead", group: int | None = None, **more: object) -> StageView:
    told = {"form": "task", "note": "", "times": int(state != "ahead"), "repeats": False, "optional": False, "id": None}
    return StageView.model_validate(
        {**told, "title": title, "state": state, "group": group, "began_at": None, "ended_at": None, **more}
    )


def process(*stages: StageView, whole: bool = True) -> ProcessView:
    return ProcessView(case_id="order-1", stages=list(stages), whole=whole)


BRANCHING = process(
    stage("Score", "done", form="step"),
    stage("Legal", "current", group=1, id="order-1.legal.1"),
    stage("Finance", "done", group=1, times=2),
    stage("Sign", repeats=True, optional=True),
)


def boxes(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [node.find(f"{SVG}rect") for node in of_class(root, "stage")]  # type: ignore[misc]


def test_what_runs_side_by_side_stands_above_each_other_and_is_joined_to_both_sides() -> None:
    root = parsed(picture(BRANCHING, "Order of pens"))
    places = [(float(box.attrib["x"]), float(box.attrib["y"])) for box in boxes(root)]
    assert places[1][0] == places[2][0] and places[1][1] < places[2][1]
    assert places[0][0] < places[1][0] < places[3][0] and places[0][1] == places[3][1]
    assert len(of_class(root, "edge")) == 4


def test_no_two_stages_lie_over_each_other_and_all_lie_within_the_picture() -> None:
    many = [stage(f"Stage {number}", group=number // 3 if number % 5 else None) for number in range(20)]
    root = parsed(picture(process(*many), "x"))
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    seen: list[tuple[float, float, float, float]] = []
    for box in boxes(root):
        x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and x + w <= wide and y + h <= high
        assert all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in seen)
        seen.append((x, y, w, h))


def test_a_long_process_goes_on_in_the_next_row() -> None:
    root = parsed(picture(process(*(stage(f"Stage {number}") for number in range(11))), "x"))
    places = [(float(box.attrib["x"]), float(box.attrib["y"])) for box in boxes(root)]
    assert [x for x, _ in places[6:]] == [x for x, _ in places[:5]]
    assert len({y for _, y in places[:6]}) == len({y for _, y in places[6:]}) == 1 and places[6][1] > places[0][1]
    bends = [len(edge.attrib["points"].split()) for edge in of_class(root, "edge")]
    assert bends == [2, 2, 2, 2, 2, 6, 2, 2, 2, 2]


def test_each_stage_shows_its_state_by_class_and_in_words() -> None:
    root = parsed(picture(BRANCHING, "Order of pens"))
    kinds = [node.attrib["class"].split()[1:] for node in of_class(root, "stage")]
    assert kinds == [["done", "step"], ["current", "task"], ["done", "task"], ["ahead", "task", "optional"]]
    told = root.attrib["aria-label"]
    assert told.startswith("Order of pens: Score: Done; Legal: Now; Finance: Done, 2 times;")
    assert root.attrib["role"] == "img" and root[0].text == told


def test_the_list_says_the_same_in_order() -> None:
    lines = listed(BRANCHING)
    assert [(line.title, line.says, line.side_by_side) for line in lines] == [
        ("Score", "Done", False),
        ("Legal", "Now", False),
        ("Finance", "Done, 2 times", True),
        ("Sign", "Ahead, may repeat, only if needed", False),
    ]
    assert lines[1].id == "order-1.legal.1"


def test_what_is_not_known_is_an_ellipsis() -> None:
    unknown = process(stage("Score", "done"), whole=False)
    assert listed(unknown)[-1].title == "…"
    assert of_class(parsed(picture(unknown, "x")), "more")[0].text == "…"
    assert_harmless(parsed(picture(process(), "nothing")))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_titles_stay_text(text: str) -> None:
    root = parsed(picture(process(stage(text, "done", note=text)), text))
    assert_harmless(root)


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Vote", ["Vote"]),
        ("Executive approval of terms", ["Executive approval", "of terms"]),
        ("One two three four five six seven eight nine ten", ["One two three four", "five six seven eigh…"]),
        ("W" * 60, ["W" * 19 + "…"]),
        ("", [""]),
    ],
)
def test_a_title_takes_at_most_two_lines(title: str, lines: list[str]) -> None:
    assert wrapped(title) == lines
