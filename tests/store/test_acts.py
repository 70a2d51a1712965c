"""The acts of people on a task, on both databases."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, HOUR, Scene, code

from placet.domain.people import External, Named, Role
from placet.domain.span import Span
from placet.domain.task import APPROVE, REFUSE, Outcome, Seats, all_of, n_of
from placet.store import tables as t
from placet.store.acts import Answer, Counted, NotCounted, NotVisible
from placet.store.decisions import NoSuchTask


def test_an_answer_counts_and_decides_a_task_of_one_seat(scene: Scene) -> None:
    scene.ask()
    scene.drain()
    result = scene.answer("olga", comment="fine")
    assert isinstance(result, Counted)
    assert result.receipt is not None
    assert result.verdict is not None
    assert (result.verdict.outcome, result.verdict.by, result.verdict.comment) == ("approve", ("olga",), "fine")
    assert scene.lines()[-2:] == ["task.answered", "task.closed"]
    assert scene.waiting() == [("case-1", "wake")]
    receipts = scene.rows(sa.select(t.audit.c.hash).where(t.audit.c.action == "task.answered"))
    assert [row["hash"] for row in receipts] == [result.receipt.receipt]


def test_the_same_answer_again_returns_the_same_receipt_and_writes_nothing(scene: Scene) -> None:
    scene.ask()
    first, lines = scene.answer("olga", data={}), scene.lines()
    scene.clock.move(HOUR)
    again = scene.answer("olga", data={})
    assert isinstance(first, Counted)
    assert isinstance(again, Counted)
    assert again.receipt == first.receipt
    assert again.verdict == first.verdict
    assert scene.lines() == lines
    assert scene.refused() == []


def test_an_answer_cannot_be_changed(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 3))
    scene.answer("olga")
    assert code(scene.answer("olga", "refuse")) == "already-answered"
    assert code(scene.answer("olga", comment="on second thought")) == "already-answered"
    assert scene.decision()["tally"] == {"approve": 1}
    assert scene.refused() == ["already-answered", "already-answered"]


@pytest.mark.parametrize(("before", "counts"), [(timedelta(microseconds=1), True), (timedelta(), False)])
def test_an_answer_counts_only_before_the_deadline(scene: Scene, before: timedelta, counts: bool) -> None:
    scene.ask(within=Span("1d"), silence="refuse")
    scene.clock.move(DAY - before)
    result = scene.answer("olga")
    assert (code(result) == "counted") is counts
    assert result.verdict is not None
    assert result.verdict.outcome == ("approve" if counts else "refuse")
    if not counts:
        assert code(result) == "task-closed"
        assert scene.rows(sa.select(t.act)) == []


def test_who_is_excluded_cannot_answer_whatever_their_role(scene: Scene) -> None:
    scene.ask(excluded={"olga": "you asked for it"})
    result = scene.answer("olga")
    assert code(result) == "excluded"
    assert isinstance(result, NotCounted)
    assert result.refusal.detail == "You cannot decide this: you asked for it."
    assert code(scene.act("claim", "olga")) == "excluded"
    assert code(scene.act("delegate", "olga", "omar")) == "excluded"
    assert code(scene.act("delegate", "omar", "olga")) == "unfit-person"
    assert code(scene.act("reassign", "cora", "olga")) == "unfit-person"
    assert scene.decision()["state"] == "open"


def test_who_was_not_asked_may_see_but_not_answer_and_strangers_learn_nothing(scene: Scene) -> None:
    scene.ask()
    assert code(scene.answer("carl")) == "not-asked"
    scene.person("stan", "member")
    with pytest.raises(NotVisible):
        scene.answer("stan")
    scene.task = "case-9.review.1"
    with pytest.raises(NoSuchTask):
        scene.answer("stan")


def test_a_role_counts_at_the_act_and_not_when_the_task_opened(scene: Scene) -> None:
    scene.ask(Role(name="officer"))
    late = scene.person("lena", "officer@deals")
    away = scene.person("lars", "officer@funds")
    assert code(scene.answer(late.id)) == "counted"
    with pytest.raises(NotVisible):
        scene.answer(away.id)


def test_a_person_who_has_left_counts_no_more(scene: Scene) -> None:
    scene.ask(*scene.named("olga"))
    scene.do(lambda tx: tx.conn.execute(t.person.update().where(t.person.c.id == "olga").values(active=False)))
    scene.know("olga")
    with pytest.raises(NotVisible):
        scene.answer("olga")


@pytest.mark.parametrize(
    ("answers", "seats", "verdict", "by"),
    [
        ([("olga", "approve"), ("omar", "approve")], n_of(2, 3), "approve", {"olga", "omar"}),
        ([("olga", "refuse"), ("omar", "refuse")], n_of(2, 3), "refuse", {"olga", "omar"}),
        ([("olga", "approve"), ("omar", "refuse"), ("otto", "approve")], n_of(2, 3), "approve", {"olga", "otto"}),
        ([("olga", "approve"), ("omar", "refuse")], n_of(2, 3, veto=True), "refuse", {"omar"}),
        (
            [("olga", "approve"), ("omar", "approve"), ("otto", "approve")],
            all_of(3),
            "approve",
            {"olga", "omar", "otto"},
        ),
        ([("olga", "approve"), ("omar", "refuse")], all_of(3), "refuse", {"omar"}),
    ],
)
def test_several_seats_close_with_the_answer_that_decides(
    scene: Scene, answers: list[tuple[str, str]], seats: Seats, verdict: str, by: set[str]
) -> None:
    scene.ask(seats=seats)
    *early, last = [scene.answer(who, outcome) for who, outcome in answers]
    assert all(code(result) == "counted" and result.verdict is None for result in early)
    assert last.verdict is not None
    assert (last.verdict.outcome, set(last.verdict.by)) == (verdict, by)
    assert code(scene.answer("otto", "refuse", "late")) == "task-closed"


def test_the_data_of_the_verdict_belongs_to_its_outcome(scene: Scene) -> None:
    form = {"type": "object", "properties": {"amount": {"type": "integer"}}}
    partly = Outcome(name="partly", label="Partly", favourable=False)
    scene.ask(seats=n_of(2, 3), outcomes=(APPROVE, REFUSE, partly), form=form)
    scene.answer("olga", "refuse", data={"amount": 1})
    verdict = scene.answer("omar", "partly", data={"amount": 2}).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.by, verdict.data) == ("refuse", ("olga",), {"amount": 1})


def test_an_answer_must_fill_in_the_form_and_say_why_where_asked(scene: Scene) -> None:
    form = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}
    scene.ask(form=form, form_on=("approve",), comment_on=("refuse",))
    result = scene.answer("olga", data={"amount": "much"})
    assert isinstance(result, NotCounted)
    assert (result.refusal.field, [fault.pointer for fault in result.faults]) == ("/data/amount", ["/data/amount"])
    assert code(scene.answer("olga", "refuse", "why not", data={"amount": 1})) == "invalid-data"
    assert code(scene.answer("olga", "refuse", "  ")) == "comment-required"
    assert code(scene.answer("olga", "maybe")) == "unknown-outcome"
    assert code(scene.answer("olga", subject_hash="another")) == "stale-subject"
    assert code(scene.answer("olga", data={"amount": 5})) == "counted"


@pytest.mark.parametrize("text", ["nul \x00 inside", "half \ud800 a pair"])
def test_text_that_cannot_be_kept_is_refused_before_it_reaches_the_database(text: str) -> None:
    for wrong in ({"outcome": "approve", "comment": text}, {"outcome": "approve", "data": {"a": [text]}}):
        with pytest.raises(ValueError):
            Answer.model_validate(wrong)


def test_a_claim_keeps_the_seat_until_it_is_released(scene: Scene) -> None:
    scene.ask()
    assert code(scene.act("claim", "olga")) == "counted"
    assert code(scene.act("claim", "olga")) == "counted"
    assert code(scene.answer("omar")) == "claimed"
    assert code(scene.act("claim", "omar")) == "claimed"
    assert code(scene.act("release", "omar")) == "counted"
    assert code(scene.answer("omar")) == "claimed"
    scene.act("release", "olga")
    scene.act("release", "olga")
    assert code(scene.answer("omar")) == "counted"
    assert [line for line in scene.lines() if "claim" in line or "release" in line] == ["task.claimed", "task.released"]


def test_claims_never_take_more_seats_than_there_are(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 2))
    scene.act("claim", "olga")
    scene.act("claim", "omar")
    assert code(scene.answer("otto")) == "claimed"
    assert [code(scene.answer(who)) for who in ("olga", "omar")] == ["counted", "counted"]


def test_delegating_passes_the_right_on_and_keeps_the_number_of_seats(scene: Scene) -> None:
    scene.person("dora", "member")
    scene.ask(*scene.named("olga"))
    assert code(scene.act("delegate", "olga", "dora", "on leave")) == "counted"
    assert code(scene.answer("olga")) == "excluded"
    assert scene.mails("passed-on") == ["dora"]
    assert code(scene.answer("dora")) == "counted"
    assert scene.decision()["state"] == "closed"


def test_a_task_can_be_delegated_back_and_forth(scene: Scene) -> None:
    scene.ask(*scene.named("olga"))
    scene.act("claim", "olga")
    scene.act("delegate", "olga", "omar")
    assert code(scene.act("delegate", "omar", "olga")) == "counted"
    assert code(scene.answer("omar")) == "excluded"
    scene.act("delegate", "olga", "omar")
    assert scene.mails("passed-on") == ["omar", "olga", "omar"]
    assert [row["person_id"] for row in scene.rows(sa.select(t.claim))] == ["omar"]
    assert code(scene.answer("omar")) == "counted"


def test_a_claim_can_be_passed_on_to_somebody_who_holds_one_already(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 3))
    scene.act("claim", "olga")
    scene.act("claim", "omar")
    assert code(scene.act("delegate", "olga", "omar")) == "counted"
    assert code(scene.answer("omar")) == "counted"
    assert code(scene.answer("otto")) == "counted"
    assert scene.decision()["state"] == "closed"


@pytest.mark.parametrize(
    ("to", "why"), [("olga", "unfit-person"), ("nobody", "unknown-person"), ("ext:ann@example.org", "unknown-person")]
)
def test_a_task_goes_only_to_somebody_else_in_the_organisation(scene: Scene, to: str, why: str) -> None:
    scene.ask(*scene.named("olga"), External(name="Ann", email="Ann@example.org"))
    assert code(scene.act("delegate", "olga", to)) == why
    assert code(scene.answer("olga")) == "counted"


def test_people_outside_cannot_pass_a_task_on(scene: Scene) -> None:
    scene.ask(External(name="Ann", email="Ann@example.org"))
    scene.know("ext:ann@example.org")
    assert code(scene.act("delegate", "ext:ann@example.org", "olga")) == "unfit-person"
    assert code(scene.answer("ext:ann@example.org")) == "counted"


def test_who_has_answered_cannot_receive_another_seat(scene: Scene) -> None:
    scene.ask(seats=n_of(2, 3))
    scene.answer("olga")
    assert code(scene.act("delegate", "omar", "olga")) == "unfit-person"


def test_reassigning_ends_earlier_candidacies_and_claims(scene: Scene) -> None:
    scene.person("dora", "member")
    scene.ask()
    scene.act("claim", "olga")
    assert code(scene.act("reassign", "cora", "dora", "she knows it")) == "counted"
    assert code(scene.answer("olga")) == "not-asked"
    assert code(scene.answer("dora")) == "counted"


def test_a_task_reassigned_to_who_passed_it_on_can_be_answered(scene: Scene) -> None:
    scene.ask(*scene.named("olga"))
    scene.act("delegate", "olga", "omar")
    scene.act("reassign", "cora", "olga")
    assert code(scene.answer("omar")) == "not-asked"
    assert code(scene.answer("olga")) == "counted"


def test_nothing_is_taken_while_the_case_is_paused(scene: Scene) -> None:
    scene.ask()
    scene.steer("pause")
    assert code(scene.answer("olga")) == "case-paused"
    for name, rest in (("claim", ()), ("release", ()), ("delegate", ("omar",)), ("reassign", ("omar",))):
        assert code(scene.act(name, "cora" if name == "reassign" else "olga", *rest)) == "case-paused"
    scene.steer("resume")
    assert code(scene.answer("olga")) == "counted"


def test_a_candidate_by_name_of_another_scope_sees_the_case_and_answers(scene: Scene) -> None:
    scene.person("nina", "officer@funds")
    scene.ask(Named(person="nina"))
    assert code(scene.answer("nina")) == "counted"


def test_whoever_may_not_decide_may_not_choose_who_does(scene: Scene) -> None:
    scene.ask(*scene.named("olga"), excluded={"cora": "you asked for it"})
    assert code(scene.act("reassign", "cora", "omar")) == "excluded"


def test_a_task_of_several_seats_is_not_reassigned_as_a_whole(scene: Scene) -> None:
    scene.ask(*scene.named("olga", "omar"), seats=n_of(2, 2))
    assert code(scene.act("reassign", "cora", "otto")) == "several-seats"


def test_a_seat_is_not_passed_to_somebody_who_has_one_of_their_own(scene: Scene) -> None:
    scene.ask(*scene.named("olga", "omar"), seats=n_of(2, 2))
    assert code(scene.act("delegate", "olga", "omar")) == "unfit-person"
    assert code(scene.act("delegate", "olga", "otto")) == "counted"
    assert code(scene.answer("otto")) == code(scene.answer("omar")) == "counted"


def test_whoever_is_excluded_cannot_come_in_by_another_door(scene: Scene) -> None:
    scene.ask(External(name="Olga", email="Olga@Example.org"), excluded={"olga": "you asked for it"})
    scene.know("ext:olga@example.org")
    assert code(scene.answer("ext:olga@example.org")) == "excluded"
