"""The control layer on SQLite and on a real Postgres: lists, keys, races, the log as it grows."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.datastructures import UploadFile
from tests.samples import files

from api.office import Office, review
from api.test_disbursement import TO
from control.test_lists_at_scale import SUBQUERY, plans
from placet.connectors.blobs.stored import StoredBlobs
from placet.control.csv_export import CaseExport
from placet.control.documents import Sending
from placet.control.door import Once
from placet.control.errors import Problem
from placet.control.events import Place
from placet.control.faucet import GivenDeposit
from placet.control.listing import CaseFilter, Narrowing
from placet.control.overview_views import Period
from placet.control.policies import GivenPolicy
from placet.control.roster import GivenGrant, GivenGrants
from placet.control.sent import Because, Paging
from placet.control.tasks import GivenAnswer
from placet.control.workflows import Start
from placet.domain.people import Grant, Person, Role
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec, n_of
from placet.store import people, uploads
from placet.store.audit import append
from placet.store.engine import Store

ESCALATION = RungSpec(action=RungAction.ESCALATE, after=Span("1d"), to=(Role(name="chief"),))


@pytest.fixture
async def office(store: Store, clock: Any) -> Office:
    made = Office(store, clock)
    await made.hire("root", "admin")
    await made.hire("rita", "member@deals", "member@labs")
    for number in range(20):
        await made.hire(f"b{number}", "buyer@deals")
    await made.hire("cora", "coordinator@deals")
    return made


async def person(office: Office, who: str) -> Person:
    found = await office.store.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def test_pages_of_cases_and_tasks_are_complete_and_in_order(office: Office) -> None:
    rita, buyer = await person(office, "rita"), await person(office, "b0")
    tasks = []
    for number in range(7):
        # Some at the same moment, some without a deadline.
        office.clock.move(timedelta(seconds=number % 2))
        within = None if number % 3 == 0 else Span(f"{number}d")
        tasks.append(await office.task(review(within=within)))
    cases, cursor = [], None
    while True:
        page = await office.control.cases.listed(rita, CaseFilter(limit=2, cursor=cursor))
        cases += [line.id for line in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert len(cases) == 7 and set(cases) == {task.partition(".")[0] for task in tasks}
    lines = []
    while True:
        inbox = await office.control.tasks.mine(buyer, Paging(limit=2, cursor=cursor))
        lines += inbox.items
        if (cursor := inbox.next_cursor) is None:
            break
    assert {line.id for line in lines} == set(tasks) and len(lines) == 7
    dues = [line.due_at for line in lines]
    assert dues[4:] == [None, None, None] and dues[:4] == sorted(dues[:4])
    found = await office.control.cases.listed(rita, CaseFilter(q="PENS", kind="order", scope="deals", state="open"))
    assert len(found.items) == 7
    shown = await office.control.cases.get(rita, cases[0])
    assert shown.tasks[0].state == "open"


async def test_one_key_at_once_from_many_sides_opens_one_case(office: Office) -> None:
    rita = await person(office, "rita")
    start = Start(scope="deals", request={"name": "Pens", "amount": 1})
    once = Once(key="k", fingerprint="f")
    done = await asyncio.gather(*(office.control.workflows.start(rita, "order", start, once) for _ in range(16)))
    assert len({answer.value["id"] for answer in done}) == 1
    assert sum(not answer.replayed for answer in done) == 1
    with pytest.raises(Problem) as wrong:
        await office.control.workflows.start(rita, "order", start, Once(key="k", fingerprint="other"))
    assert wrong.value.code == "idempotency-mismatch"


async def test_of_many_answers_at_once_exactly_the_seats_count(office: Office) -> None:
    task = await office.task(review(seats=n_of(3, 3), to=(Role(name="buyer"),)))
    buyers = [await person(office, f"b{number}") for number in range(20)]

    async def try_(buyer: Person) -> str:
        try:
            await office.control.tasks.answer(buyer, task, GivenAnswer(outcome="approve"), "api")
        except Problem as problem:
            return problem.code
        return "counted"

    results = await asyncio.gather(*(try_(buyer) for buyer in buyers))
    assert results.count("counted") == 3
    assert set(results) == {"counted", "task-closed"}


@pytest.mark.parametrize("how", ["grants", "deactivate"])
async def test_two_administrators_cannot_remove_each_other(office: Office, how: str) -> None:
    await office.hire("ruth", "admin")
    root, ruth = await person(office, "root"), await person(office, "ruth")

    async def remove(by: Person, whom: str) -> str:
        try:
            if how == "grants":
                await office.control.people.set_grants(by, whom, GivenGrants(grants=[GivenGrant(role="member")]))
            else:
                await office.control.people.deactivate(by, whom, Because(reason="A coup."))
        except Problem as problem:
            return problem.code
        return "done"

    results = await asyncio.gather(remove(root, "ruth"), remove(ruth, "root"))
    everybody = [await person(office, "root"), await person(office, "ruth")]
    assert len([one for one in everybody if one.active and one.holds_any("admin")]) == 1
    refused = {"grants": ("forbidden", "last-admin"), "deactivate": ("unauthenticated", "last-admin")}
    assert sorted(results) in [sorted(("done", one)) for one in refused[how]]


async def test_of_two_who_change_one_version_of_a_policy_at_once_one_is_told_that_it_did_not_count(
    office: Office,
) -> None:
    root = await person(office, "root")

    async def put(review: str) -> str:
        try:
            await office.control.policies.put(root, "order", GivenPolicy(values={"review": review}, base_version=0))
        except Problem as problem:
            return problem.code
        return review

    told = await asyncio.gather(*(put(f"{days}d") for days in range(3, 9)))
    (counted,) = [one for one in told if one != "stale-policy"]
    shown = next(one for one in (await office.control.policies.listed(root)).items if one.name == "order")
    assert (shown.version, shown.values["review"]) == (1, counted)


async def test_reading_past_a_deadline_applies_it_from_many_sides_once(office: Office) -> None:
    task = await office.task()
    office.clock.move(timedelta(days=4))
    rita = await person(office, "rita")
    shown = await asyncio.gather(*(office.control.tasks.get(rita, task) for _ in range(8)))
    assert {view.state for view in shown} == {"closed"}
    closings = [line for line in await office.lines(task.partition(".")[0]) if line[1] == "task.closed"]
    assert len(closings) == 1


async def test_the_log_is_followed_without_gaps_while_writers_race(office: Office) -> None:
    """Transactions finish in another order than they began; a follower still gets every line, once."""
    root = await person(office, "root")
    place = await office.control.events.now()
    seen: list[str] = []

    def line(tx: Any, chain: str) -> None:
        append(tx, chain, "x", "tick", {})

    writing = [asyncio.ensure_future(office.store.write(lambda tx, n=n: line(tx, f"@c{n % 5}"))) for n in range(200)]
    # On Postgres a line shows once no older transaction is open any more.
    async with asyncio.timeout(60):
        while len(seen) < 200:
            events, place = await office.control.events.after(root, place)
            seen += [event.id for event in events]
    await asyncio.gather(*writing)
    assert len(set(seen)) == 200
    assert seen == sorted(seen, key=lambda text: (Place.parse(text).txid, Place.parse(text).line))
    assert await office.control.events.after(root, place) == ([], place)


async def test_a_follower_sees_only_what_it_may(office: Office) -> None:
    place = await office.control.events.now()
    mine, hidden = await office.start(scope="deals"), await office.start(scope="labs")
    await office.store.write(lambda tx: append(tx, "@registry", "root", "tick", {}))

    async def chains(who: str) -> list[str | None]:
        found: list[str | None] = []
        caller = await person(office, who)
        events, _ = await office.control.events.after(caller, place)
        found += [event.case_id for event in events]
        return found

    assert (await chains("cora"), await chains("root")) == ([mine], [mine, hidden, None])


# The planner of an almost empty Postgres prefers to read everything.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_inbox_is_found_by_its_indexes(office: Office) -> None:
    """The plan, not the time: no reason why a task is the person's is looked for row by row."""
    caller = Person(id="b0", name="B", email="b@x.yz", grants=(Grant(role="buyer", scope="deals"), Grant(role="x")))
    with plans(office.store) as plan:
        await office.control.tasks.mine(caller, Paging())
    assert [step for step in plan if step.startswith("SCAN") and not SUBQUERY.fullmatch(step)] == []
    used = " ".join(plan)
    reasons = "person_id_due_at", "role_scope_due_at", "role_due_at"
    assert all(f"USING INDEX ix_candidate_{reason}" in used for reason in reasons)


async def test_figures_counts_and_tables_are_the_same_on_both(office: Office) -> None:
    office.clock.move(datetime(2027, 3, 3, 12, tzinfo=UTC) - office.clock.time)
    first, second = await office.task(), await office.task(review("audit", ladder=(ESCALATION,)))
    office.clock.move(timedelta(hours=3))
    b0, cora = await person(office, "b0"), await person(office, "cora")
    await office.control.tasks.answer(b0, first, GivenAnswer(outcome="approve"), "api")
    office.clock.move(timedelta(days=1))
    await office.control.tasks.mine(b0, Paging())
    case_ids = [task.partition(".")[0] for task in (first, second)]
    for who in (cora, await person(office, "rita"), await person(office, "root")):
        view = await office.control.overview.show(who, Period(days=7))
        assert [(str(line.begins), line.opened, line.closed) for line in view.throughput] == [("2027-03-03", 2, 0)]
        assert [(line.name, line.decided, line.median) for line in view.waiting] == [("review", 1, 3 * 3600)]
        assert [(line.task, line.escalated) for line in view.overdue] == [(second, True)]
        assert (await office.control.cases.counts(who, Narrowing(q="PENS"))).total == 2
        table = b"".join([piece async for piece in await office.control.csv.cases(who, CaseExport())]).decode()
        assert all(case_id in table for case_id in case_ids)
    root = await person(office, "root")
    await office.control.faucet.deposit(root, GivenDeposit(amount=70))
    budget = (await office.control.overview.show(root, Period(days=2))).budget
    assert budget is not None and [line.balance for line in budget] == [0, 70]
    weeks = (await office.control.overview.show(root, Period(days=15, by="week"))).budget
    assert weeks is not None and [(str(line.day), line.balance) for line in weeks] == [
        ("2027-02-21", 0),
        ("2027-02-28", 0),
        ("2027-03-04", 70),
    ]


def sending(content: bytes, filename: str) -> Sending:
    return Sending("", UploadFile(io.BytesIO(content), size=len(content), filename=filename))


async def test_of_cases_started_at_once_with_one_file_exactly_one_has_it(office: Office) -> None:
    for name in ("kaia", "koji"):
        await office.hire(name, "council")
    rita = await person(office, "rita")
    for _ in range(2):
        sent = await office.control.documents.stage(rita, [sending(files.pdf(), "Bill.pdf")])
    invoice = sent.value["items"][0]["hash"]
    start = Start(scope="deals", request={"to": TO, "amount": "5", "invoice": invoice})

    async def pay() -> str:
        try:
            return str((await office.control.workflows.start(rita, "treasury-disbursement", start)).value["id"])
        except Problem as problem:
            return problem.code

    told = await asyncio.gather(*(pay() for _ in range(6)))
    (case_id,) = [one for one in told if one != "unknown-document"]
    (entry,) = (await office.control.documents.listed(rita, case_id)).items
    assert (entry.name, entry.files[0].hash, entry.files[0].filename) == ("invoice", invoice, "Bill.pdf")
    assert (await office.control.documents.get(rita, case_id, invoice)).content == files.pdf()
    assert await office.control.documents.staged(rita) == {}


async def test_of_files_sent_at_once_no_more_wait_than_may(office: Office) -> None:
    rita = await person(office, "rita")

    async def send(number: int) -> str:
        try:
            await office.control.documents.stage(rita, [sending(f"File {number}.".encode(), f"{number}.txt")])
        except Problem as problem:
            return problem.code
        return "kept"

    told = await asyncio.gather(*(send(number) for number in range(54)))
    assert (told.count("kept"), told.count("too-many-documents")) == (50, 4)
    assert len(await office.control.documents.staged(rita)) == 50
    office.clock.move(timedelta(hours=24))
    assert await office.control.documents.staged(rita) == {}
    # Those that were refused last had their content stored already; it goes as well.
    office.clock.move(timedelta(hours=24))
    assert 50 <= len(await office.store.write(uploads.sweep)) <= 54


async def test_content_is_deleted_only_while_nobody_stores_it_again(office: Office) -> None:
    """Many send the same file while it is swept: whoever was told that it is here has it."""
    blobs = StoredBlobs(office.store)
    someone = await person(office, "rita")
    for turn in range(6):
        bill = UploadFile(io.BytesIO(f"Bill {turn}".encode()), size=6, filename="bill.txt")
        (sent,) = (await office.control.documents.stage(someone, [Sending("", bill)])).value["items"]
        office.clock.move(timedelta(days=2))

        async def sweep() -> None:
            for hash in await office.store.write(uploads.sweep):
                await blobs.delete(hash)
                await office.store.write(lambda tx, hash=hash: uploads.gone(tx, {hash}))

        async def send(who: str, turn: int = turn) -> bool:
            again = UploadFile(io.BytesIO(f"Bill {turn}".encode()), size=6, filename="bill.txt")
            try:
                await office.control.documents.stage(await person(office, who), [Sending("", again)])
            except Problem as problem:
                assert problem.code == "unavailable"
                return False
            return True

        _, *came = await asyncio.gather(sweep(), *(send(f"b{number}") for number in range(4)))
        if any(came):
            assert await blobs.get(sent["hash"]) == f"Bill {turn}".encode()
        assert await send("cora")
        assert await blobs.get(sent["hash"]) == f"Bill {turn}".encode()
