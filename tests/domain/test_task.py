"""The rules of a human task, against an oracle that plays every possible future."""

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from placet.domain.calendar import BusinessCalendar
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.task import (
    ANY,
    APPROVE,
    REFUSE,
    Outcome,
    Progress,
    Reason,
    RungAction,
    RungSpec,
    Seats,
    Standing,
    TaskRules,
    TaskSpec,
    all_of,
    answer_refusal,
    decided,
    due_at,
    freeze,
    n_of,
    next_at,
    on_silence,
    refusal,
    rungs_due,
    within_reach,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = Outcome(name="later", label="Later", favourable=False)
PARTLY = Outcome(name="partly", label="Partly")


def rules(seats: Seats = ANY, outcomes: tuple[Outcome, ...] = (APPROVE, REFUSE), **more: Any) -> TaskRules:
    return TaskRules(title="Review", outcomes=outcomes, seats=seats, subject_hash="hash", **more)


def frozen(**more: Any) -> TaskRules:
    return freeze(spec(**more), BusinessCalendar(), "hash", START)


def spec(**more: Any) -> TaskSpec:
    return TaskSpec(**({"name": "review", "title": "Review", "to": (Role(name="officer"),)} | more))


SEATS = st.integers(1, 5).flatmap(
    lambda total: st.builds(Seats, total=st.just(total), needed=st.integers(1, total), veto=st.booleans())
)
OUTCOMES = st.lists(
    st.sampled_from([APPROVE, PARTLY, REFUSE, LATER]), min_size=1, max_size=4, unique_by=lambda outcome: outcome.name
).map(tuple)


def oracle(rule: TaskRules, answers: list[str]) -> str | None:
    """Play every way in which the empty seats could still be filled, and see whether anything is left to decide."""
    good = [outcome.name for outcome in rule.outcomes if outcome.favourable]
    bad = [outcome.name for outcome in rule.outcomes if not outcome.favourable]
    if (last := answers[-1]) in good and answers.count(last) >= rule.seats.needed:
        return last
    if last in bad and rule.seats.veto:
        return last
    empty = rule.seats.total - len(answers)
    names = [outcome.name for outcome in rule.outcomes]
    futures = [answers + list(rest) for rest in combinations_with_replacement(names, empty)]
    if empty and good:
        open_yet = any(future.count(name) >= rule.seats.needed for future in futures for name in good)
        if open_yet or not bad:
            return None
    elif empty and answers.count(last) < rule.seats.total - rule.seats.needed + 1:
        return None
    return max(bad or [names[-1]], key=answers.count)


@given(SEATS, OUTCOMES, st.data())
def test_a_task_is_decided_exactly_when_no_future_could_change_it(
    seats: Seats, outcomes: tuple[Outcome, ...], data: st.DataObject
) -> None:
    rule, answers = rules(seats, outcomes), list[str]()
    for _ in range(seats.total):
        answers.append(data.draw(st.sampled_from([outcome.name for outcome in outcomes])))
        found = decided(rule, Progress(tally={name: answers.count(name) for name in answers}))
        assert (found.name if found else None) == oracle(rule, answers)
        if found:
            return
    raise AssertionError("all have answered, and nothing is decided")


TALLIES = st.dictionaries(st.sampled_from(["approve", "refuse", "later"]), st.integers(0, 4), max_size=3)


@given(SEATS, TALLIES, st.sampled_from(["approve", "refuse", "later"]))
def test_more_answers_never_undecide_and_without_veto_never_turn_the_verdict(
    seats: Seats, tally: dict[str, int], more: str
) -> None:
    if sum(tally.values()) >= seats.total:
        return
    rule = rules(seats, (APPROVE, REFUSE, LATER))
    before = decided(rule, Progress(tally=tally))
    after = decided(rule, Progress(tally=tally | {more: tally.get(more, 0) + 1}))
    if before is not None:
        assert after is not None
        assert seats.veto or after.favourable == before.favourable


@given(SEATS, TALLIES, st.integers(0, 9), st.timedeltas())
def test_the_ladder_and_a_pause_never_touch_the_seats(
    seats: Seats, tally: dict[str, int], rung: int, shift: timedelta
) -> None:
    rule = rules(seats, (APPROVE, REFUSE, LATER))
    plain, moved = Progress(tally=tally), Progress(tally=tally, rung=rung, shift=shift)
    assert decided(rule, moved) == decided(rule, plain)
    candidate = Standing(candidate=True)
    assert refusal(rule, moved, candidate) == refusal(rule, plain, candidate)


@pytest.mark.parametrize(
    ("seats", "tally", "outcome"),
    [
        (ANY, {}, None),
        (ANY, {"approve": 1}, "approve"),
        (all_of(3), {"approve": 2}, None),
        (all_of(3), {"approve": 2, "refuse": 1}, "refuse"),
        (n_of(2, 3), {"approve": 1, "refuse": 1}, None),
        (n_of(2, 3), {"refuse": 1, "later": 1}, "refuse"),
        (n_of(2, 3), {"later": 2}, "later"),
        (n_of(2, 3, veto=True), {"approve": 1, "later": 1}, "later"),
    ],
)
def test_how_seats_decide(seats: Seats, tally: dict[str, int], outcome: str | None) -> None:
    found = decided(rules(seats, (APPROVE, REFUSE, LATER)), Progress(tally=tally))
    assert (found.name if found else None) == outcome


def test_a_task_cannot_need_more_answers_than_it_has_seats() -> None:
    with pytest.raises(ValidationError, match="cannot need more answers"):
        n_of(3, 2)


@pytest.mark.parametrize(
    ("standing", "cast", "code"),
    [
        (Standing(candidate=True), 0, None),
        (Standing(candidate=True, holds_claim=True, claimed_by_others=1), 0, None),
        (Standing(candidate=False), 0, "not-asked"),
        (Standing(candidate=True, answered=True), 1, "already-answered"),
        (Standing(candidate=True), 2, "seats-taken"),
        (Standing(candidate=True, claimed_by_others=2), 0, "claimed"),
        (Standing(candidate=True, claimed_by_others=1), 1, "claimed"),
        (Standing(candidate=True, claimed_by_others=1), 0, None),
        # Separation of duties comes before everything else, whatever the person also is.
        (Standing(candidate=True, excluded="you asked for it", holds_claim=True), 0, "excluded"),
        (Standing(candidate=False, excluded="you asked for it", answered=True), 2, "excluded"),
    ],
)
def test_who_may_act(standing: Standing, cast: int, code: str | None) -> None:
    why = refusal(rules(n_of(2, 2)), Progress(tally={"approve": cast}), standing)
    assert (why.code if why else None) == code
    assert why is None or why.detail.endswith(".")


@pytest.mark.parametrize(
    ("outcome", "comment", "subject", "code", "field"),
    [
        ("approve", "", None, None, None),
        ("approve", "", "hash", None, None),
        ("approve", "", "other", "stale-subject", "subject_hash"),
        ("maybe", "", None, "unknown-outcome", "outcome"),
        ("refuse", "  \n", None, "comment-required", "comment"),
        ("refuse", "too dear", None, None, None),
    ],
)
def test_what_an_answer_must_be(
    outcome: str, comment: str, subject: str | None, code: str | None, field: str | None
) -> None:
    rule = rules(comment_on=("refuse",))
    why = answer_refusal(rule, Progress(), Standing(candidate=True), outcome, comment, subject)
    assert (why and why.code, why and why.field) == (code, field)


def test_who_may_not_act_is_told_so_whatever_the_answer() -> None:
    why = answer_refusal(rules(), Progress(), Standing(candidate=False), "maybe", "", "other")
    assert why is not None
    assert why.code == "not-asked"


def test_a_form_belongs_to_the_outcomes_it_names() -> None:
    form = {"type": "object"}
    assert rules(form=form).form_for("refuse") == form
    named = rules(form=form, form_on=("approve",))
    assert (named.form_for("approve"), named.form_for("refuse")) == (form, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": ()},
        {"outcomes": ()},
        {"outcomes": (APPROVE, APPROVE)},
        {"silence": "aprove"},
        {"comment_on": ("no",)},
        {"form_on": ("no",)},
        {"documents_on": ("no",)},
        {"signal_outcome": "no"},
    ],
)
def test_a_task_that_contradicts_itself_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        spec(**wrong)


def test_freezing_makes_every_time_absolute_and_keeps_the_rules() -> None:
    asked = spec(
        seats=n_of(2, 3),
        within=Span("3bd"),
        silence="approve",
        ladder=(RungSpec(action=RungAction.ESCALATE, after=Span("2d")), RungSpec(action="remind", after=Span("1d"))),
    )
    rule = freeze(asked, BusinessCalendar(), "hash", START)
    assert rule.due_at == datetime(2026, 3, 5, 17, 0, tzinfo=UTC)
    assert [(rung.action.value, rung.at - START) for rung in rule.ladder] == [
        ("remind", timedelta(days=1)),
        ("escalate", timedelta(days=2)),
    ]
    assert (rule.seats, rule.silence, rule.outcomes) == (asked.seats, "approve", asked.outcomes)
    assert TaskRules.model_validate_json(rule.model_dump_json()) == rule


def test_a_rung_at_the_deadline_or_after_it_is_never_climbed() -> None:
    rungs = tuple(RungSpec(action=RungAction.REMIND, after=Span(after)) for after in ("47h", "48h", "3d"))
    assert [rung.at - START for rung in frozen(within=Span("2d"), ladder=rungs).ladder] == [timedelta(hours=47)]


HOURS = st.lists(st.integers(1, 200), max_size=5)


@given(HOURS, st.none() | st.integers(1, 200), st.integers(0, 50), st.integers(0, 300))
def test_climbing_what_is_due_leaves_only_the_future(
    ladder: list[int], within: int | None, paused: int, passed: int
) -> None:
    rule = frozen(
        within=Span(f"{within}h") if within else None,
        ladder=tuple(RungSpec(action=RungAction.REMIND, after=Span(f"{hours}h")) for hours in ladder),
    )
    now, progress = START + timedelta(hours=passed), Progress(shift=timedelta(hours=paused))
    climbed = rungs_due(rule, progress, now)
    effective = sorted(hours + paused for hours in ladder if within is None or hours < within)
    assert len(climbed) == sum(1 for hours in effective if hours <= passed)
    after = progress.model_copy(update={"rung": len(climbed)})
    assert rungs_due(rule, after, now) == ()
    ahead = [hours for hours in effective if hours > passed] + ([within + paused] if within else [])
    assert next_at(rule, after) == (START + timedelta(hours=ahead[0]) if ahead else None)


def test_a_task_without_a_deadline_knows_no_silence() -> None:
    assert on_silence(frozen(), Progress()) is None


@pytest.mark.parametrize(("silence", "name", "good"), [("approve", "approve", True), (None, "expired", False)])
def test_silence_speaks_as_of_the_deadline_moved_by_the_pause(silence: str | None, name: str, good: bool) -> None:
    rule, progress = frozen(within=Span("1d"), silence=silence), Progress(shift=timedelta(hours=5))
    verdict = on_silence(rule, progress)
    assert verdict is not None
    assert (verdict.outcome, verdict.favourable, verdict.reason) == (name, good, Reason.SILENCE)
    assert verdict.at == due_at(rule, progress) == START + timedelta(hours=29)
    assert verdict.comment == "Nobody answered in time."


@pytest.mark.parametrize(
    ("within", "window", "hours", "reason"),
    [("1d", 48, 24, Reason.SILENCE), ("2d", 24, 24, Reason.WINDOW), (None, 24, 24, Reason.WINDOW)],
)
def test_the_window_of_the_case_ends_a_task_that_would_outlast_it(
    within: str | None, window: int, hours: int, reason: Reason
) -> None:
    asked = spec(within=Span(within) if within else None)
    rule = freeze(asked, BusinessCalendar(), "hash", START, START + timedelta(hours=window))
    verdict = on_silence(rule, Progress())
    assert verdict is not None
    assert (verdict.at - START, verdict.reason) == (timedelta(hours=hours), reason)


def test_silence_after_some_answers_does_not_claim_that_nobody_answered() -> None:
    rule = frozen(within=Span("1d"), seats=n_of(2, 3))
    verdict = on_silence(rule, Progress(tally={"approve": 1}))
    assert verdict is not None
    assert verdict.comment == "Too few people answered in time."


@pytest.mark.parametrize(
    ("seats", "outcomes", "tally", "able", "reached"),
    [
        (ANY, (APPROVE, REFUSE), {}, 1, True),
        (ANY, (APPROVE, REFUSE), {}, 0, False),
        (all_of(3), (APPROVE, REFUSE), {"approve": 1}, 2, True),
        (all_of(3), (APPROVE, REFUSE), {"approve": 1}, 1, False),
        # One can still refuse, but that is no way for the case to go on.
        (n_of(2, 3), (APPROVE, REFUSE), {"refuse": 1}, 1, False),
        (n_of(2, 3), (APPROVE, PARTLY, REFUSE), {"approve": 1, "partly": 1}, 1, True),
        (ANY, (REFUSE, LATER), {}, 1, True),
    ],
)
def test_whether_those_who_are_left_can_bring_a_favourable_outcome(
    seats: Seats, outcomes: tuple[Outcome, ...], tally: dict[str, int], able: int, reached: bool
) -> None:
    assert within_reach(rules(seats, outcomes), Progress(tally=tally), able) is reached
