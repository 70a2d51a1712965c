"""The sentence of a waiting case."""

from datetime import UTC, datetime, timedelta

import pytest

from placet.domain.calendar import BusinessCalendar
from placet.domain.explain import listed, silence_sentence, task_sentence
from placet.domain.people import Audience, External, Named, Role
from placet.domain.span import Span
from placet.domain.task import Progress, RungAction, RungSpec, TaskRules, TaskSpec, freeze, n_of

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OFFICER, CHIEF = Role(name="officer"), Role(name="chief", scope="hq")


def frozen_of(window_at: datetime | None = None, **rules: object) -> TaskRules:
    spec = TaskSpec.model_validate({"name": "review", "title": "Review", "to": (OFFICER,)} | rules)
    return freeze(spec, BusinessCalendar(), "hash", START, window_at)


def say(
    *to: Audience, progress: Progress | None = None, claimed: str | None = None, passed: int = 0, **rules: object
) -> str:
    frozen = frozen_of(**rules)
    now = START + timedelta(hours=passed)
    return task_sentence(frozen, progress or Progress(), to or (OFFICER,), "deals", now, claimed)


def test_without_a_deadline_it_waits_until_somebody_acts() -> None:
    assert say() == "Waiting for somebody with the role officer in deals: Review. It waits until somebody acts."


def test_everybody_who_may_answer_is_named() -> None:
    outside = External(name="Ann Outside", email="ann@example.org")
    sentence = say(OFFICER, CHIEF, Named(person="olga"), outside)
    first = "somebody with the role officer in deals, somebody with the role chief in hq"
    assert f"{first}, olga or Ann Outside (outside the organisation)" in sentence


def test_whoever_claimed_the_task_is_the_one_it_waits_for() -> None:
    assert say(claimed="olga").startswith("Waiting for olga, who claimed it: Review.")


def test_several_seats_tell_how_far_they_have_come() -> None:
    sentence = say(progress=Progress(tally={"approve": 1}), seats=n_of(2, 3))
    assert sentence.startswith(
        "Waiting for 2 of 3 answers from somebody with the role officer in deals (1 so far): Review."
    )


@pytest.mark.parametrize(
    ("rung", "passed", "end"),
    [
        (0, 0, "a reminder goes out on 3 March 2026 09:00 UTC, then on 4 March 2026 09:00 UTC somebody with the role"),
        (1, 30, "on 4 March 2026 09:00 UTC somebody with the role chief in hq will be asked as well, then it expires"),
        (2, 50, "If nobody acts, it expires and the case is refused on 5 March 2026 09:00 UTC (in 22 hours)."),
        (2, 80, "(now)."),
    ],
)
def test_the_next_rung_and_the_deadline_are_foretold(rung: int, passed: int, end: str) -> None:
    ladder = (
        RungSpec(action=RungAction.REMIND, after=Span("1d")),
        RungSpec(action=RungAction.ESCALATE, after=Span("2d"), to=(CHIEF,)),
    )
    assert end in say(progress=Progress(rung=rung), passed=passed, within="3d", ladder=ladder)


def test_silence_is_told_by_the_label_of_its_outcome() -> None:
    assert "it counts as “Approve” on 3 March 2026 09:00 UTC (in 1 day)" in say(within="1d", silence="approve")


@pytest.mark.parametrize(("window", "follows"), [(5, "it is asked again"), (2, "the case is escalated")])
def test_what_follows_a_deadline_that_refuses_nothing_is_told(window: int, follows: str) -> None:
    frozen = frozen_of(
        START + timedelta(days=window), within="3d", lapse="it is asked again", window_lapse="the case is escalated"
    )
    at = f"{START + timedelta(days=min(window, 3)):%-d} March 2026 09:00 UTC"
    sentence = task_sentence(frozen, Progress(), (OFFICER,), "deals", START)
    assert sentence.endswith(f"If nobody acts, {follows} on {at} (in {min(window, 3)} days).")
    assert silence_sentence(frozen, Progress()) == f"If nobody acts, {follows} on {at}."


def test_rules_from_before_tell_what_they_always_told() -> None:
    known = frozen_of(within="3d").model_dump(mode="json")
    del known["lapse"]
    told = silence_sentence(TaskRules.model_validate(known), Progress())
    assert told == "If nobody acts, it expires and the case is refused on 5 March 2026 09:00 UTC."


def test_a_pause_moves_what_is_foretold() -> None:
    assert "4 March 2026 09:00 UTC" in say(within="1d", progress=Progress(shift=timedelta(days=1)))


@pytest.mark.parametrize(
    ("names", "words"), [([], "nobody"), (["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_names_are_listed_as_people_list_them(names: list[str], words: str) -> None:
    assert listed(names) == words
