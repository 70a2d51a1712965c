"""What an installation owes its people when it is killed, cut off from its engine, attacked, stopped or restored."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from placet.store.house import House
from proof.checker import check
from proof.conftest import LONGEST_SECONDS
from proof.harness import Installation, installed, until
from proof.office import Office

# Or, where the machine is busy, so many times what the same took while the engine ran.
QUICKLY_SECONDS, NOISE = 2.0, 10
ACCEPT = {"outcome": "accept", "comment": ""}
DONE = ["completed"]

pytestmark = [pytest.mark.server, pytest.mark.timeout(LONGEST_SECONDS)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation for the tests that leave it running."""
    place = Installation(tmp_path_factory.mktemp("shared"))
    try:
        asyncio.run(place.up())
        yield place
    finally:
        place.clean_up()


@pytest.fixture
async def office(shared: Installation) -> AsyncIterator[Office]:
    async with Office(shared) as people:
        yield people


def judged(place: Installation) -> list[str]:
    """What the independent checker finds, when every case of the installation has ended in activation."""
    partners = {op["subject"]: DONE for op in place.history if op["f"] == "start"}
    return check(place.database, place.export(f"audit-{len(place.history)}.jsonl"), place.history, partners)


async def settled(place: Installation) -> None:
    """Everything owed to the engine and to the postbox has left."""
    query = """SELECT (SELECT count(*) FROM outbox)
        + (SELECT count(*) FROM message WHERE state IN ('queued', 'sending')) AS left"""
    await until(lambda: place.rows(query)[0]["left"] == 0, "an empty outbox and postbox")


async def at_legal_review(office: Office, partner: str) -> tuple[str, dict[str, Any]]:
    """A new case, and its task in the inbox of legal."""
    case_id = await office.opened(partner, partner)
    await office.decide("marta", case_id)
    return case_id, await office.task_of("leo", case_id)


async def test_a_kill_of_the_whole_group_in_a_legal_review_changes_neither_task_nor_deadline(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        async with Office(place) as office:
            case_id, before = await at_legal_review(office, "acme")
            place.kill_everything()
        await until(lambda: not place.left_over(), "the death of all children")
        await place.up()
        async with Office(place) as office:
            after = await office.task_of("leo", case_id)
            assert (after["id"], after["due_at"]) == (before["id"], before["due_at"])
            await office.to_the_end(case_id)
        await settled(place)
        assert judged(place) == []
        # Ctrl-C, as the last thing that happens to this installation.
        assert await place.down(signal.SIGINT) == 0
        assert place.left_over() == []
        assert place.children() == {}


async def test_people_are_served_while_temporal_stands_still_and_every_consequence_follows_once(
    shared: Installation, office: Office
) -> None:
    first, legal = await at_legal_review(office, "paused-engine")
    begun = await office.start("paused-too", "paused-too")
    second = begun.body["id"]
    manager = await office.task_of("marta", second)
    shared.signal("temporal", signal.SIGSTOP)
    try:
        acts = [
            await office.answer("leo", legal["id"], "approve"),
            await office.answer("marta", manager["id"], "approve"),
            await office.start("started-alone", "started-alone"),
        ]
        third = acts[-1].body["id"]
        reads = [
            await office.call("leo", "GET", "/api/v1/tasks"),
            await office.call("ada", "GET", f"/api/v1/cases/{third}"),
            await office.call("kofi", "GET", f"/api/v1/cases/{first}/events"),
        ]
        ready = await office.call(None, "GET", "/readyz")
        assert [answer.status for answer in acts + reads] == [200, 200, 201, 200, 200, 200]
        times = {answer.seconds for answer in acts + reads}
        print(f"slowest answer without the engine: {max(times) * 1000:.0f} ms")
        assert max(times) < max(QUICKLY_SECONDS, NOISE * begun.seconds)
        assert (ready.status, ready.body["engine"]) == (200, "down")
        assert (await office.case(third))["state"] == "starting"
    finally:
        shared.signal("temporal", signal.SIGCONT)
    # Both consequences of what was decided meanwhile, and the new case, go their way to the end.
    assert (await office.follow_link(first, await office.link_of(first), ACCEPT)).status == 200
    await office.decide("eva", first)
    await office.decide("marta", third)
    await asyncio.gather(office.closed(first), office.to_the_end(second), office.to_the_end(third))
    await settled(shared)
    assert judged(shared) == []


async def test_a_killed_part_is_started_again_while_the_others_go_on(shared: Installation, office: Office) -> None:
    case_id, _ = await at_legal_review(office, "restarts")
    for child in ("api", "worker", "temporal"):
        before = shared.children()
        shared.signal(child, signal.SIGKILL)

        async def serves_again(child: str = child, before: dict[str, int] = before) -> bool:
            now = shared.children()
            return now.get(child, before[child]) != before[child] and await shared.is_serving(child)

        await until(serves_again, f"a new {child}")
        after = shared.children()
        assert {name for name in before if before[name] != after[name]} == {child}
        assert f"{child}: died. killed by signal 9" in shared.output.read_text()
    await office.to_the_end(case_id)
    await settled(shared)
    assert judged(shared) == []


async def test_a_second_placet_on_the_same_directory_is_refused(shared: Installation) -> None:
    second = shared.placet("up", "--data", str(shared.data), "--port", str(shared.port + 1))
    assert second.returncode == 1
    assert "Another Placet" in second.stderr and "Stop that one first" in second.stderr
    assert set(shared.children()) == {"temporal", "worker", "api", "executor"}


async def test_wrong_input_on_a_live_case_is_refused_and_changes_nothing(shared: Installation, office: Office) -> None:
    case_id, legal = await at_legal_review(office, "wrong-input")
    closed = f"{case_id}.manager-approval.1"
    await settled(shared)
    before = state_of(shared, case_id)
    good = {"partner_id": "x", "name": "X", "contact_name": "X", "contact_email": "x@x.example"}
    start, answer = "/api/v1/workflows/partner-approval/cases", f"/api/v1/tasks/{legal['id']}/answer"
    yes = {"outcome": "approve", "comment": ""}
    wrong: list[tuple[str, str, str, Any, int, str]] = [
        ("ada", "POST", "/api/v1/workflows/nope/cases", {"request": good}, 404, "unknown-kind"),
        ("ada", "POST", "/api/v1/workflows/..%2f..%2fetc/cases", {"request": good}, 404, "not-found"),
        ("ada", "POST", start, {"scope": "deals", "request": good}, 422, "invalid-request"),
        ("ada", "POST", start, {"scope": "../../etc", "request": good}, 422, "invalid-request"),
        ("leo", "POST", answer, {"comment": "no outcome"}, 422, "invalid-request"),
        ("leo", "POST", answer, yes | {"outcome": "perhaps"}, 422, "unknown-outcome"),
        ("leo", "POST", answer, yes | {"comment": "x" * 3_000_000}, 413, "too-large"),
        ("leo", "POST", answer, yes | {"subject_hash": "../../etc/passwd"}, 409, "stale-subject"),
        ("marta", "POST", answer, yes, 403, "not-asked"),
        ("ada", "POST", answer, yes, 403, "excluded"),
        (
            "marta",
            "POST",
            f"/api/v1/tasks/{closed}/answer",
            {"outcome": "refuse", "comment": "late"},
            409,
            "task-closed",
        ),
        ("leo", "POST", "/api/v1/tasks/..%2f..%2f..%2fetc%2fpasswd/answer", yes, 404, "not-found"),
        ("leo", "GET", "/api/v1/cases/..%2f..%2f..%2fetc%2fpasswd", None, 404, "not-found"),
        ("leo", "GET", f"/api/v1/cases/{case_id}/documents/..%2f..%2fadmin-token", None, 404, "not-found"),
        ("leo", "POST", f"/api/v1/cases/{case_id}/cancel", {"reason": "not mine to cancel"}, 403, "forbidden"),
    ]
    for who, method, path, body, status, code in wrong:
        refused = await office.call(who, method, path, body)
        assert (refused.status, refused.body["code"]) == (status, code), (path, refused.text[:300])
        assert refused.body["detail"].endswith("."), refused.text
    assert state_of(shared, case_id) == before
    await office.decide("leo", case_id)
    link = await office.link_of(case_id)
    for bad, status in ((damaged(link), 404), (expired(shared, case_id), 410), ("/l/..%2f..%2fsecret", 404)):
        refused = await office.call(None, "POST", bad, data=ACCEPT)
        assert refused.status == status, (bad, refused.text[:300])
    opened = await office.call(None, "GET", link)
    assert opened.status == 200
    assert state_of(shared, case_id)["acts"] == before["acts"] + 1
    assert (await office.follow_link(case_id, link, ACCEPT)).status == 200
    await office.decide("eva", case_id)
    assert (await office.closed(case_id))["state"] == "completed"
    await settled(shared)
    assert judged(shared) == []


async def test_malformed_and_forged_signals_are_refused_audited_and_block_nobody(
    shared: Installation, office: Office
) -> None:
    other, _ = await at_legal_review(office, "other-case")
    case_id, legal = await at_legal_review(office, "signals")
    issued = await office.call("leo", "POST", f"/api/v1/tasks/{legal['id']}/signal-token", {})
    assert issued.status == 201, issued.text
    token = issued.body["token"]
    await settled(shared)
    before = state_of(shared, case_id)
    mine = f'{{"token":"{token}","outcome":"approve"}}'
    sent = [
        signalled(shared, case_id, "answer"),
        signalled(shared, case_id, "answer", "17"),
        signalled(shared, case_id, "answer", '"approve"'),
        signalled(shared, case_id, "answer", '{"outcome":"approve"}'),
        signalled(shared, case_id, "answer", '{"token":"sig_forged","outcome":"approve"}'),
        signalled(shared, case_id, "answer", f'{{"token":"{token}","outcome":"approve","officer":"marta"}}'),
        signalled(shared, case_id, "answer", f'{{"token":"{token}","outcome":["approve"]}}'),
        signalled(shared, case_id, "../../officer_decision", mine),
        signalled(shared, case_id, "answer", mine, mine),
        signalled(shared, other, "answer", mine),
        signalled(shared, case_id, "wake", '{"what":"ever"}'),
    ]
    assert sent == [0] * len(sent)
    refused = "SELECT count(*) AS n FROM audit WHERE chain = '@refused' AND action = 'signal'"
    # All but the wake-up, which means nothing to anybody.
    await until(lambda: shared.rows(refused)[0]["n"] == len(sent) - 1, "an audit line for every refused signal")
    assert state_of(shared, case_id) == before
    codes = {row["code"] for row in shared.rows(f"{refused.replace('count(*) AS n', CODE)}")}
    assert codes == {"unreadable", "no-token", "unknown-token", "not-your-token", "malformed", "wrong-signal"}
    asked = shared.temporal("workflow", "query", "--workflow-id", case_id, "--type", "get_status")
    assert asked.returncode == 0 and "Legal review" in asked.stdout
    # The real token counts still, once.
    assert signalled(shared, case_id, "answer", mine) == 0
    link = await office.link_of(case_id)
    acts = "SELECT door, person_id FROM act WHERE decision_id = ?"
    assert shared.rows(acts, legal["id"]) == [{"door": "signal", "person_id": "leo"}]
    assert (await office.follow_link(case_id, link, ACCEPT)).status == 200
    await office.decide("eva", case_id)
    await office.closed(case_id)
    await office.to_the_end(other)
    await settled(shared)
    assert judged(shared) == []


async def test_a_backup_of_the_running_installation_is_restored_and_works(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        copy = tmp_path / "copy.tar"
        async with Office(place) as office:
            case_id, legal = await at_legal_review(office, "restored")
            saved = place.placet("backup", str(copy))
            assert saved.returncode == 0, saved.stderr
            await office.decide("leo", case_id)
            await office.link_of(case_id)
            refused = place.placet("restore", str(copy))
            assert refused.returncode == 1 and "Stop that one first" in refused.stderr
        assert await place.down() == 0
        # Everything goes back: the review is open again.
        assert place.placet("restore", str(copy)).returncode == 0
        place.history[:] = [op for op in place.history if op["f"] == "start" or op.get("who") == "marta"]
        await place.up()
        async with Office(place) as office:
            assert (await office.task_of("leo", case_id))["due_at"] == legal["due_at"]
            await office.to_the_end(case_id)
            await settled(place)
            assert judged(place) == []
            await engine_ahead(place, office, tmp_path / "older.tar")
        async with Office(place) as office:
            await coordinator_lets_it_go_on(place, office)
        assert place.placet("verify").returncode == 0


async def engine_ahead(place: Installation, office: Office, copy: Path) -> None:
    """The database alone goes back, to before something that the engine has seen."""
    case_id, _ = await at_legal_review(office, "ahead")
    await settled(place)
    assert place.placet("backup", str(copy)).returncode == 0
    await office.decide("leo", case_id)
    await office.link_of(case_id)
    assert await place.down() == 0
    assert place.placet("restore", "--keep-engine", str(copy)).returncode == 0
    await place.up()


async def coordinator_lets_it_go_on(place: Installation, office: Office) -> None:
    case_id = place.rows("SELECT id FROM case_ WHERE title = 'ahead'")[0]["id"]
    task = await office.task_of("cora", case_id)
    case = await office.case(case_id)
    assert (task["title"], case["state"]) == ("The database is older than this case", "needs-attention")
    done = "SELECT name, ordinal FROM step WHERE case_id = ? ORDER BY planned_at"
    before = place.rows(done, case_id)
    assert {"name": "mail.send", "ordinal": 2} not in before
    assert (await office.answer("cora", task["id"], "continue")).status == 200
    # It goes on with the negotiation: the offer, sent after the copy was made, is not sent again.
    assert (await office.follow_link(case_id, await office.link_of(case_id), ACCEPT)).status == 200
    await office.decide("eva", case_id)
    assert (await office.closed(case_id))["state"] == "completed"
    sent = place.rows("SELECT key FROM message WHERE case_id = ? AND key LIKE '%/mail.send/%'", case_id)
    assert sorted(row["key"].rpartition("/")[2] for row in sent) == ["1", "3"]
    changes = place.rows("SELECT to_status FROM crm_change WHERE partner_id = 'ahead' ORDER BY at")
    assert [row["to_status"] for row in changes] == ["in-approval", "active"]


CODE = "json_extract(detail, '$.code') AS code"


def state_of(place: Installation, case_id: str) -> dict[str, Any]:
    """All that a refused act must leave alone."""
    counted = ("act", "decision", "step", "outbox")
    seen = {
        table + "s": place.rows(f"SELECT count(*) AS n FROM {table} WHERE case_id = ?", case_id)[0]["n"]
        for table in counted
    }
    case = place.rows("SELECT state, audit_seq, audit_head FROM case_ WHERE id = ?", case_id)[0]
    return seen | case | {"cases": place.rows("SELECT count(*) AS n FROM case_")[0]["n"]}


def signalled(place: Installation, case_id: str, name: str, *inputs: str) -> int:
    given = [word for value in inputs for word in ("--input", value)]
    return place.temporal("workflow", "signal", "--workflow-id", case_id, "--name", name, *given).returncode


def damaged(link: str) -> str:
    return link[:-5] + ("aaaaa" if link[-5:] != "aaaaa" else "bbbbb")


def expired(place: Installation, case_id: str) -> str:
    """A link that this installation has signed, and whose time is over."""
    person = place.rows("SELECT person_id FROM candidate WHERE case_id = ? AND person_id LIKE 'ext:%'", case_id)
    house = House(secret=(place.data / "secret").read_text().strip(), link_life=timedelta(days=1))
    task = f"{case_id}.negotiation.1"
    return f"/l/{house.link_token(task, person[0]['person_id'], datetime.now(UTC) - timedelta(days=2))}"
