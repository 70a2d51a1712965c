"""Documents of a case: who may give them, when, how many, and each only once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.store.conftest import Scene

from placet.domain import audit as log
from placet.domain.collection import DocumentRequest
from placet.domain.people import Named
from placet.domain.span import Span
from placet.domain.task import Outcome
from placet.store import collecting, documents
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.store.documents import Kept, Stored

SUBMIT = Outcome(name="submit", label="Submit")
WANTED = (DocumentRequest(name="passport", title="Passport"), DocumentRequest(name="address", reason="Not older."))


def file(name: str = "passport", mark: str = "a", size: int = 100) -> Stored:
    return Stored(name=name, hash=mark * 64, filename=f"{name}.pdf", media_type="application/pdf", size=size)


@pytest.fixture
def collecting_scene(scene: Scene) -> Scene:
    """Rosa is asked for two documents."""
    scene.person("rosa")
    ask(scene)
    return scene


def ask(scene: Scene, round: int = 1, **more: object) -> str:
    given = {"name": "collect", "outcomes": (SUBMIT,), "documents": WANTED, "round": round, "within": Span("3d")}
    return scene.ask(Named(person="rosa"), ordinal=round, **(given | more))


def give(scene: Scene, who: str, *given: Stored, round: int | None = None) -> tuple[Kept, ...] | NotCounted:
    person = scene.know(who)
    return scene.do(lambda tx: documents.receive(tx, person, scene.case, given or (file(),), round))


def code(result: tuple[Kept, ...] | NotCounted) -> str:
    return result.refusal.code if isinstance(result, NotCounted) else "counted"


def names(scene: Scene) -> list[tuple[str, int, str]]:
    came = scene.store.read_now(lambda tx: collecting.received(tx, scene.case))
    return [(one.name, one.round, one.hash[0]) for one in came]


def test_a_document_is_taken_with_a_receipt_and_an_audit_line(collecting_scene: Scene) -> None:
    scene = collecting_scene
    taken = give(scene, "rosa", file(), file("address", "b", 5))
    assert not isinstance(taken, NotCounted)
    assert [(one.document.name, one.document.by, one.document.round, one.new) for one in taken] == [
        ("passport", "rosa", 1, True),
        ("address", "rosa", 1, True),
    ]
    rows = scene.rows(sa.select(t.audit).where(t.audit.c.action == "document.received").order_by(t.audit.c.seq))
    assert [row["hash"] for row in rows] == [one.receipt for one in taken]
    told = {key: value for key, value in rows[1]["detail"].items() if key != "filename"}
    assert told == {"name": "address", "hash": "b" * 64, "size": 5, "media_type": "application/pdf", "round": 1}
    assert set(rows[1]["detail"]["filename"]) == {"digest"}
    assert log.verify(iter(scene.export())).ok


def test_the_same_content_again_is_the_same_receipt(collecting_scene: Scene) -> None:
    scene = collecting_scene
    first, again = give(scene, "rosa"), give(scene, "rosa")
    assert isinstance(first, tuple) and isinstance(again, tuple)
    assert again == (first[0].model_copy(update={"new": False}),)
    twice = give(scene, "rosa", file("address", "c"), file("address", "c"))
    assert isinstance(twice, tuple) and [one.new for one in twice] == [True, False]
    other = give(scene, "rosa", file("address", "a"))
    assert isinstance(other, tuple) and other[0].document.id != first[0].document.id
    assert names(scene) == [("passport", 1, "a"), ("address", 1, "c"), ("address", 1, "a")]


def test_many_at_once_leave_one_document(collecting_scene: Scene) -> None:
    scene = collecting_scene
    with ThreadPoolExecutor(8) as pool:
        done = [one.result(60) for one in [pool.submit(give, scene, "rosa") for _ in range(16)]]
    assert {code(one) for one in done} == {"counted"}
    assert sum(one[0].new for one in done if isinstance(one, tuple)) == 1
    assert names(scene) == [("passport", 1, "a")]


@pytest.mark.parametrize(
    ("who", "given", "told"),
    [
        ("rosa", file("minutes"), "unknown-document"),
        ("rosa", file("../x"), "unknown-document"),
        ("olga", file(), "not-asked"),
        ("rita", file(), "not-asked"),
        ("carl", file(), "not-asked"),
        ("cora", file(), "counted"),
        ("cora", file("minutes"), "counted"),
        ("cora", file("Minutes of the board"), "unknown-document"),
    ],
)
def test_who_may_give_what(collecting_scene: Scene, who: str, given: Stored, told: str) -> None:
    scene = collecting_scene
    assert code(give(scene, who, given)) == told
    assert (scene.refused(), len(names(scene))) == (([], 1) if told == "counted" else ([told], 0))


def test_one_wrong_file_among_several_and_none_is_taken(collecting_scene: Scene) -> None:
    assert code(give(collecting_scene, "rosa", file(), file("minutes", "b"))) == "unknown-document"
    assert names(collecting_scene) == []


def test_who_is_excluded_gives_nothing(scene: Scene) -> None:
    scene.person("rosa")
    ask(scene, excluded={"rosa": "you asked for it"})
    assert code(give(scene, "rosa")) == "excluded"


def test_nothing_is_taken_while_nothing_is_asked_for(scene: Scene) -> None:
    scene.person("rosa")
    scene.ask(Named(person="rosa"))
    assert code(give(scene, "rosa")) == "not-collecting"
    assert code(give(scene, "cora")) == "counted"


def test_the_deadline_ends_the_taking_whoever_notices_first(collecting_scene: Scene) -> None:
    scene = collecting_scene
    due = scene.decision()["due_at"]
    scene.clock.set(due - timedelta(microseconds=1))
    assert code(give(scene, "rosa")) == "counted"
    scene.clock.set(due)
    assert code(give(scene, "rosa", file("address", "b"))) == "not-collecting"
    assert scene.decision()["state"] == "closed"


def test_a_paused_or_closed_case_takes_nothing(collecting_scene: Scene) -> None:
    scene = collecting_scene
    scene.steer("pause")
    assert [code(give(scene, who)) for who in ("rosa", "cora")] == ["case-paused"] * 2
    scene.steer("resume")
    scene.close()
    assert [code(give(scene, who)) for who in ("rosa", "cora")] == ["case-closed"] * 2


def test_each_round_is_collected_anew(collecting_scene: Scene) -> None:
    scene = collecting_scene
    give(scene, "rosa", file(), file("address", "b"))
    scene.answer("rosa", "submit")
    assert code(give(scene, "rosa", file("address", "c"))) == "not-collecting"
    assert code(give(scene, "cora", file("address", "d"))) == "counted"
    ask(scene, 2, documents=WANTED[:1])
    assert code(give(scene, "rosa", round=1)) == "round-over"
    assert code(give(scene, "rosa", round=2)) == "counted"
    assert names(scene)[-1] == ("passport", 2, "a")
    shown = scene.store.read_now(lambda tx: documents.entries(tx, scene.case))
    assert [(entry.name, entry.state, len(entry.files)) for entry in shown] == [
        ("passport", "received", 2),
        ("address", "accepted", 2),
    ]


def test_an_answer_waits_for_the_documents_that_it_needs(scene: Scene) -> None:
    scene.person("rosa")
    ask(scene, documents_on=("submit",))
    missing = scene.answer("rosa", "submit")
    assert isinstance(missing, NotCounted) and missing.refusal.code == "documents-missing"
    give(scene, "rosa", file(), file("address", "b"))
    done = scene.answer("rosa", "submit")
    assert not isinstance(done, NotCounted) and done.verdict is not None
    assert [one["name"] for one in done.verdict.data["documents"]] == ["passport", "address"]


def test_a_case_takes_only_so_many_files(collecting_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = collecting_scene
    monkeypatch.setattr(documents, "MOST_FILES", 2)
    assert code(give(scene, "rosa", file("passport", "a"), file("passport", "b"), file("passport", "c"))) == (
        "too-many-documents"
    )
    assert code(give(scene, "rosa", file("passport", "a"), file("passport", "b"))) == "counted"
    assert code(give(scene, "rosa", file("passport", "b"))) == "counted"
    assert code(give(scene, "rosa", file("passport", "c"))) == "too-many-documents"


def test_a_case_takes_only_so_many_bytes(collecting_scene: Scene) -> None:
    scene = collecting_scene
    half = documents.MOST_BYTES // 2
    assert code(give(scene, "rosa", file("passport", "a", half), file("passport", "b", half))) == "counted"
    assert code(give(scene, "rosa", file("passport", "c", 1))) == "too-many-documents"
    person, stranger = scene.know("rosa"), scene.know("olga")
    refused = scene.do(lambda tx: documents.would_refuse(tx, person, scene.case, (), 1))
    assert refused is not None and "250 MB" in refused.refusal.detail
    assert scene.do(lambda tx: documents.would_refuse(tx, person, scene.case, ())) is None
    assert scene.do(lambda tx: documents.would_refuse(tx, stranger, scene.case, ())) is not None
