"""The audit log as the database keeps it: chains, checkpoints, export, erasure."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from tests.store.conftest import DAY, Scene, code, escalate, remind

from placet.domain.audit import REFUSED, REGISTRY, Checkpoint, verify
from placet.domain.people import Role
from placet.domain.span import Span
from placet.domain.step import Step, StepState
from placet.domain.task import n_of
from placet.store import acts, audit, journal
from placet.store import tables as t
from placet.store.house import RefusalBudget


def checkpoint(scene: Scene) -> Checkpoint | None:
    return scene.do(audit.take_checkpoint)


def eventful(scene: Scene) -> None:
    """Something of everything: answers, a pause, escalation, steps, refusals, an end."""
    step = Step(case_id="case-1", name="score")
    scene.do(lambda tx: journal.plan(tx, step, {"rate": 0.1, "big": 1e22}))
    scene.do(lambda tx: journal.finish(tx, step, StepState.DONE, {"score": 0.25}))
    scene.ask(seats=n_of(2, 3), ladder=(remind("1d"), escalate("2d", Role(name="chief"))), within=Span("9d"))
    scene.answer("olga", comment="fine “by” me\n— ünïcode 🖋")
    scene.answer("rita")
    scene.steer("pause", reason="holidays")
    scene.clock.move(DAY / 7)
    scene.answer("omar")
    scene.steer("resume", reason="back")
    scene.clock.move(3 * DAY)
    scene.act("delegate", "omar", "otto", "please")
    scene.answer("otto", comment="yes", data={})
    scene.close(amount=1e22, note="x")


def test_the_log_of_everything_verifies(scene: Scene) -> None:
    eventful(scene)
    point = checkpoint(scene)
    assert point is not None
    found = verify(scene.export(), point.hash)
    assert found.problems == ()
    assert (found.chains, found.checkpoints, found.last_checkpoint) == (3, 1, point.hash)
    assert found.texts > 5
    assert {"case.opened", "task.escalated", "case.resumed", "case.completed"} <= set(scene.lines())
    assert scene.refused() == ["not-asked", "case-paused"]


def test_erased_texts_leave_the_chain_whole(scene: Scene) -> None:
    eventful(scene)
    point = checkpoint(scene)
    assert point is not None
    erased = scene.do(lambda tx: audit.erase_texts(tx, "case-1"))
    found = verify(scene.export(), point.hash)
    assert found.problems == ()
    assert found.erased == erased > 3
    assert "fine “by” me" not in str(scene.rows(sa.select(t.audit))) + str(scene.rows(sa.select(t.audit_text)))
    assert scene.do(lambda tx: audit.erase_texts(tx, "case-1")) == 0


Tamper = Callable[[Any], Any]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda conn: conn.execute(t.audit.update().where(t.audit.c.action == "task.answered").values(actor="omar")),
        lambda conn: conn.execute(t.audit.update().where(t.audit.c.seq == 2).values(detail={})),
        lambda conn: conn.execute(t.audit.delete().where(t.audit.c.action == "case.paused")),
        lambda conn: conn.execute(t.audit.delete().where(t.audit.c.chain == "@refused")),
        lambda conn: conn.execute(t.audit_text.update().values(text="other words")),
        lambda conn: conn.execute(t.audit_text.delete()),
        lambda conn: conn.execute(t.checkpoint.delete()),
        lambda conn: conn.execute(t.checkpoint.update().values(at="2026-01-01T00:00:00.000000Z")),
    ],
)
def test_whatever_is_changed_in_the_database_shows(scene: Scene, tamper: Tamper) -> None:
    eventful(scene)
    point = checkpoint(scene)
    assert point is not None
    scene.do(lambda tx: tamper(tx.conn))
    assert not verify(scene.export(), point.hash).ok


def test_a_checkpoint_does_not_look_at_cases_without_new_lines(scene: Scene) -> None:
    eventful(scene)
    assert checkpoint(scene) is not None
    scene.do(lambda tx: tx.conn.execute(t.checkpointed.delete()))
    scene.open("case-2")
    point = checkpoint(scene)
    assert point is not None and [head.chain for head in point.heads] == ["case-2"]


def test_a_line_that_is_committed_behind_a_checkpoint_is_covered_by_the_next(scene: Scene, database_url: str) -> None:
    checkpoint(scene)
    if not scene.do(lambda tx: tx.on_postgres):
        pytest.skip("SQLite writes one transaction after the other")
    with sa.create_engine(database_url).begin() as slow:
        slow.execute(sa.text("SELECT pg_current_xact_id()"))
        scene.open("case-2")
        assert checkpoint(scene) is not None
        slow.execute(
            sa.text(
                "INSERT INTO chain_head (chain, seq, hash) VALUES ('@slow', 1, 'x');"
                "INSERT INTO audit (txid, chain, seq, at, actor, action, detail, prev, hash) SELECT "
                "pg_current_xact_id()::text::bigint, '@slow', 1, at, actor, action, detail, prev, hash "
                "FROM audit LIMIT 1"
            )
        )
    point = checkpoint(scene)
    assert point is not None and "@slow" in [head.chain for head in point.heads]


def test_a_checkpoint_covers_only_what_grew(scene: Scene) -> None:
    first = checkpoint(scene)
    assert checkpoint(scene) is None
    scene.ask()
    second = checkpoint(scene)
    assert first is not None
    assert second is not None
    assert {head.chain for head in first.heads} == {"case-1", REGISTRY}
    assert [(head.chain, head.seq) for head in second.heads] == [("case-1", 2)]
    assert (second.number, second.prev) == (2, first.hash)
    assert verify(scene.export(), first.hash).ok


def test_the_export_of_one_case_verifies_by_itself(scene: Scene) -> None:
    eventful(scene)
    scene.open("case-2")
    lines = scene.store.read_now(lambda tx: list(audit.export(tx, "case-1")))
    assert {line["chain"] for line in lines} == {"case-1"}
    found = verify(lines)
    assert found.problems == ()
    assert found.events == len(scene.lines("case-1"))


def test_every_text_stands_in_the_export_after_its_line(scene: Scene) -> None:
    eventful(scene)
    seen = set[tuple[str, int]]()
    for line in scene.export():
        if line["type"] == "event":
            seen.add((line["chain"], line["seq"]))
        elif line["type"] == "text":
            assert (line["chain"], line["seq"]) in seen


def test_the_chain_holds_no_personal_text(scene: Scene) -> None:
    scene.ask(title="A title")
    scene.answer("olga", comment="something personal")
    assert "something personal" not in str(scene.rows(sa.select(t.audit.c.detail)))
    assert "something personal" in str(scene.rows(sa.select(t.audit_text)))


def test_people_and_their_grants_have_a_chain_of_their_own(scene: Scene) -> None:
    assert scene.lines(REGISTRY) == ["person.added"] * 7
    assert "olga@example.org" not in str(scene.rows(sa.select(t.audit.c.detail)))


def test_noise_cannot_flood_the_log(scene: Scene) -> None:
    scene.ask()
    budget = RefusalBudget(per_minute=3)
    object.__setattr__(scene.store.house, "refusals", budget)
    assert {code(scene.answer("rita")) for _ in range(10)} == {"not-asked"}
    assert len(scene.lines(REFUSED)) == 3
    assert budget.dropped == 7
    # Others still have their own.
    assert code(scene.answer("carl")) == "not-asked"
    assert len(scene.lines(REFUSED)) == 4


def test_a_refusal_is_audited_on_its_own_chain_and_leaves_the_case_alone(scene: Scene) -> None:
    scene.ask()
    lines = scene.lines()
    scene.do(lambda tx: acts.audit_refusal(tx, "stan", "case.read", "forbidden", {"case": "case-1"}))
    assert scene.lines(REFUSED) == ["case.read"]
    assert scene.lines() == lines
