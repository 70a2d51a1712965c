"""Files that a new case brings along: sent first, named in the request by their hashes, then documents of the case."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from tests.samples import files

from api.council import PATH
from api.office import HASH, Office, negotiation, review
from api.test_disbursement import ACCOUNT, REQUEST, START, TO, kept, last_refusal
from api.test_documents import BAD
from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS
from placet.connectors.blobs.port import content_hash
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.extraction.port import DocumentRef, ExtractedText
from placet.domain.audit import verify
from placet.domain.disbursement import Disbursement
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.step import Step, StepState
from placet.runtime.sweeper import Sweeper
from placet.store import audit, journal, uploads
from placet.store import tables as t
from placet.store.engine import Tx

STAGE = "/api/v1/documents"
BILL = ("Rechnung 7.pdf", files.pdf("1000 for the roof."), "application/pdf")
BILL_HASH = content_hash(BILL[1])
PROPOSE = "/api/v1/workflows/governance-proposal/cases"
PROPOSAL = {
    "title": "Pay the roofer",
    "action": {"kind": "treasury-transfer", "to": TO, "amount": "1000"},
}


@pytest.fixture(autouse=True)
async def council(office: Office) -> None:
    for name in ("kaia", "koji"):
        await office.hire(name, "council")


async def stage(office: Office, who: str, *sent: Any) -> httpx2.Response:
    return await office.call(who, "POST", STAGE, files=[("file", one) for one in sent or (BILL,)])


async def pay(office: Office, who: str = "rita", **more: Any) -> httpx2.Response:
    return await office.call(who, "POST", START, {"scope": "deals", "request": REQUEST | more})


async def waiting(office: Office) -> list[tuple[str, str]]:
    """Who has sent what, for cases that are still to start."""
    query = sa.select(t.upload.c.person_id, t.upload.c.filename).order_by(t.upload.c.person_id, t.upload.c.filename)
    return await office.store.read(lambda tx: [(row[0], row[1]) for row in tx.conn.execute(query)])


async def test_an_invoice_becomes_a_document_of_its_payment(office: Office) -> None:
    sent = await stage(office, "rita")
    assert sent.status_code == 201, sent.text
    assert sent.json()["items"] == [
        {
            "hash": BILL_HASH,
            "filename": BILL[0],
            "media_type": BILL[2],
            "size": len(BILL[1]),
            "expires_at": (office.clock.time + timedelta(hours=24)).isoformat().replace("+00:00", "Z"),
        }
    ]
    opened = await pay(office, invoice=BILL_HASH)
    assert opened.status_code == 201, opened.text
    case_id = opened.json()["id"]
    (entry,) = (await office.get("kofi", f"/api/v1/cases/{case_id}/documents"))["items"]
    (file,) = entry["files"]
    assert (entry["name"], file["filename"], file["by"], file["round"]) == ("invoice", BILL[0], "rita", 1)
    assert (await office.call("kofi", "GET", f"{STAGE}/{file['id']}")).content == BILL[1]
    lines = await office.lines(case_id)
    assert [line[1] for line in lines] == ["case.opened", "document.received"]
    assert lines[1][2]["hash"] == BILL_HASH and lines[1][0] == "rita"
    assert await waiting(office) == []
    exported = await office.store.read(lambda tx: list(audit.export(tx)))
    assert verify(exported).problems == ()
    # It was for one case; the next one wants it sent again.
    assert (await pay(office, invoice=BILL_HASH)).json()["code"] == "unknown-document"


async def test_the_council_sees_the_invoice_and_signs_what_it_signed_without_one(office: Office) -> None:
    assert "invoice" not in Intent.model_fields
    assert Disbursement(**REQUEST).model_dump(exclude={"invoice"}) == {
        **REQUEST,
        "token": None,
        "data": "0x",
        "threshold": None,
    }
    await stage(office, "rita")
    case_id = (await pay(office, invoice=BILL_HASH)).json()["id"]
    intent = Intent(chain_id=31337, account=ACCOUNT, to=TO, amount="1000", case_id=case_id)
    spec = MultisigSpec(
        name="council-approval", title="Council approval", intent=intent, council=COUNCIL_MEMBERS, threshold=2
    )
    multisig = await office.ask(case_id, spec)
    assert (await office.get("kofi", f"{PATH}/{multisig}"))["intent_hash"] == intent.hash
    got = await office.call("kofi", "GET", f"/api/v1/cases/{case_id}/documents/{BILL_HASH}")
    assert (got.status_code, got.content) == (200, BILL[1])
    assert (await office.call("carl", "GET", f"/api/v1/cases/{case_id}/documents/{BILL_HASH}")).status_code == 404


async def test_a_proposal_brings_several_files_along(office: Office) -> None:
    await office.hire("prue", "proposer@deals")
    await office.hire("vera", "voter@deals")
    note = ("Note.txt", b"Why it is worth it.", "text/plain")
    await stage(office, "prue", BILL, note)
    named = [BILL_HASH, content_hash(note[1])]
    many = await office.call(
        "prue", "POST", PROPOSE, {"scope": "deals", "request": {**PROPOSAL, "attachments": [HASH] * 11}}
    )
    assert (many.status_code, many.json()["field"]) == (422, "request.attachments")
    # The same file named twice is one document.
    asked = {**PROPOSAL, "attachments": [*named, named[0]]}
    opened = await office.call("prue", "POST", PROPOSE, {"scope": "deals", "request": asked})
    assert opened.status_code == 201, opened.text
    (entry,) = (await office.get("prue", f"/api/v1/cases/{opened.json()['id']}/documents"))["items"]
    assert (entry["name"], {file["hash"] for file in entry["files"]}) == ("attachments", set(named))
    assert len(entry["files"]) == 2


async def test_whoever_writes_a_hash_into_a_case_cannot_read_what_has_it(office: Office) -> None:
    await office.hire("prue", "proposer@deals", "member@deals")
    await office.hire("vera", "voter@deals")
    secret = await office.start(scope="labs")
    await office.draft(secret, HASH, b"%PDF")
    # Bill's invoice is of his own case, and the note has only been sent.
    await office.hire("bill", "member@deals")
    note = ("Note.txt", b"Not for everybody.", "text/plain")
    await stage(office, "bill", BILL, note)
    assert (await pay(office, "bill", invoice=BILL_HASH)).status_code == 201
    for hash in (HASH, BILL_HASH, content_hash(note[1])):
        asked = {**PROPOSAL, "title": hash, "description": hash}
        proposal = await office.call("prue", "POST", PROPOSE, {"scope": "deals", "request": asked})
        order = await office.call(
            "prue", "POST", "/api/v1/workflows/order/cases", {"scope": "deals", "request": {"name": hash, "amount": 1}}
        )
        assert (proposal.status_code, order.status_code) == (201, 201), proposal.text
        ids = [answer.json()["id"] for answer in (proposal, order)]
        task = await office.ask(ids[1], review(shows={"name": hash}))
        assert (await office.answer("ben", task, "refuse", comment=hash)).status_code == 200
        await office.ask(ids[1], review("again", shows={"said": hash}))
        said = await office.call("prue", "POST", f"/api/v1/cases/{ids[1]}/comments", {"text": hash})
        assert said.status_code == 201, said.text
        for case_id in ids:
            for who in ("prue", "root"):
                got = await office.call(who, "GET", f"/api/v1/cases/{case_id}/documents/{hash}")
                assert got.status_code == 404, (who, case_id)
        link = office.link(await office.ask(ids[1], negotiation(shows={"name": hash})))
        assert (await office.http.get(f"{link}/documents/{hash}")).status_code == 404
        assert "Download the document" not in (await office.http.get(link)).text


async def test_the_same_file_again_waits_once_under_its_newest_name_and_from_then_on(office: Office) -> None:
    first = await stage(office, "rita")
    office.clock.move(timedelta(hours=20))
    again = await stage(office, "rita", ("Bill.pdf", *BILL[1:]), ("Copy.pdf", *BILL[1:]))
    assert {one["hash"] for one in (*first.json()["items"], *again.json()["items"])} == {BILL_HASH}
    assert (again.status_code, await waiting(office)) == (201, [("rita", "Copy.pdf")])
    office.clock.move(timedelta(hours=20))
    assert (await pay(office, invoice=BILL_HASH)).status_code == 201


@pytest.mark.parametrize("how", ["never sent", "of somebody else", "expired", "no hash"])
async def test_what_one_has_not_sent_lately_is_not_taken(office: Office, how: str) -> None:
    await stage(office, "rita" if how == "expired" else "ben")
    office.clock.move(timedelta(hours=24))
    if how == "of somebody else":
        await stage(office, "ben")
    before, refusals = await kept(office), len(await office.lines("@refused"))
    answer = await pay(office, invoice="x" if how == "no hash" else BILL_HASH if how != "never sent" else HASH)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (told["field"], told["errors"][0]["pointer"]) == ("request.invoice", "/request/invoice")
    assert await kept(office) == before
    if how == "no hash":
        assert (told["code"], "^[0-9a-f]" in answer.text) == ("invalid-request", False)
    else:
        assert told["code"] == "unknown-document"
        assert len(await office.lines("@refused")) == refusals + 1
        assert await last_refusal(office) == ("rita", "case.start", "unknown-document")


async def test_a_case_that_is_refused_leaves_its_files_where_they_were(office: Office) -> None:
    await stage(office, "rita")
    assert (await pay(office, invoice=BILL_HASH, amount="0")).json()["code"] == "bad-amount"
    assert await waiting(office) == [("rita", BILL[0])]
    assert (await pay(office, invoice=BILL_HASH)).status_code == 201


async def test_one_key_starts_one_case_with_its_file(office: Office) -> None:
    await stage(office, "rita")
    body = {"scope": "deals", "request": {**REQUEST, "invoice": BILL_HASH}}
    done = [await office.call("rita", "POST", START, body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [one.status_code for one in done] == [201, 201] and done[0].json() == done[1].json()


DISGUISED = [*BAD, ("deed.pdf", lambda: b"MZ\x90\x00\x03" + bytes(200), "type-not-allowed")]


@pytest.mark.parametrize(("name", "made", "code"), DISGUISED, ids=[f"{row[0]}-{row[2]}" for row in DISGUISED])
async def test_a_bad_file_does_not_wait_and_takes_the_others_with_it(
    office: Office, name: str, made: Callable[[], bytes], code: str
) -> None:
    answer = await stage(office, "rita", BILL, (name, made(), "application/octet-stream"))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "file")
    assert await waiting(office) == []
    assert await last_refusal(office) == ("rita", "document.stage", code)


async def test_a_form_without_files_or_no_form_is_told_so(office: Office) -> None:
    for request, told in (
        ({"json": {"file": "x"}}, "multipart/form-data"),
        ({"data": {"name": "x"}, "files": [("other", BILL)]}, "Choose a file."),
        ({"files": [("file", BILL)] * 21}, "could not be read"),
    ):
        answer = await office.call("rita", "POST", STAGE, **request)
        assert (answer.status_code, told in answer.json()["detail"]) == (422, True), answer.text


async def test_too_large_and_too_many_files_are_refused_before_they_are_kept(office: Office) -> None:
    limit = office.control.documents.most_bytes
    large = await stage(office, "rita", ("a.txt", b"x" * (limit + 1), "text/plain"))
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    both = await stage(office, "rita", *[("a.txt", b"x" * (limit - 9), "text/plain")] * 2)
    assert (both.status_code, both.json()["code"]) == (413, "too-large")
    rows = [
        {"person_id": "rita", "hash": f"{n:064x}", "filename": "a.txt", "media_type": "text/plain", "size": 10}
        for n in range(50)
    ]

    async def have(rows: list[dict[str, Any]]) -> None:
        def put(tx: Any) -> None:
            tx.conn.execute(t.upload.delete())
            tx.conn.execute(t.upload.insert(), [{**row, "at": tx.now} for row in rows])

        await office.store.write(put)

    for full in (rows, [{**rows[0], "size": 250_000_000}]):
        await have(full)
        answer = await stage(office, "rita")
        assert (answer.status_code, answer.json()["code"]) == (409, "too-many-documents")
        assert await last_refusal(office) == ("rita", "document.stage", "too-many-documents")
        assert len(await waiting(office)) == len(full)
        assert (await stage(office, "ben")).status_code == 201
        office.clock.move(timedelta(hours=24))
        assert (await stage(office, "rita")).status_code == 201


async def contents(office: Office) -> set[str]:
    """The hashes of the content that is stored."""
    return await office.store.read(lambda tx: set(tx.conn.execute(sa.select(t.document.c.hash)).scalars()))


async def test_what_nobody_started_a_case_with_is_deleted_with_its_content_after_two_days(office: Office) -> None:
    note = ("Note.txt", b"Why it is worth it.", "text/plain")
    await stage(office, "rita", BILL, note)
    office.clock.move(timedelta(hours=47))
    await stage(office, "ben")
    assert await office.store.write(uploads.sweep) == frozenset()
    office.clock.move(timedelta(hours=1))
    sweeping = asyncio.create_task(Sweeper(office.store, StoredBlobs(office.store), 0.01).run())
    async with asyncio.timeout(60):
        while len(await waiting(office)) > 1:
            await asyncio.sleep(0)
    sweeping.cancel()
    assert (await waiting(office), await contents(office)) == ([("ben", BILL[0])], {BILL_HASH})
    assert (await stage(office, "rita", note)).status_code == 201
    assert await contents(office) == {BILL_HASH, content_hash(note[1])}


async def test_content_that_a_case_has_stays_whoever_else_has_sent_it(office: Office) -> None:
    sent = [(f"{name}.txt", f"A {name}.".encode(), "text/plain") for name in ("bill", "text", "sheet", "stray")]
    hashes = [content_hash(content) for _, content, _ in sent]
    await stage(office, "rita", *sent)
    await stage(office, "ben", *sent)
    assert (await pay(office, invoice=hashes[0])).status_code == 201
    case_id = await office.start()
    step = Step(case_id=case_id, name="extraction.text")
    found = ExtractedText(document=DocumentRef(hash=BILL_HASH, media_type="text/plain"), text=hashes[1])

    def read(tx: Tx) -> None:
        journal.plan(tx, step, {})
        journal.finish(tx, step, StepState.DONE, found.model_dump(mode="json"))

    await office.store.write(read)
    await office.draft(case_id, hashes[2], sent[2][1])
    office.clock.move(timedelta(days=2))
    assert await office.store.write(uploads.sweep) == {hashes[3]}
    # Even if it were chosen: what a draft has is not deleted.
    await StoredBlobs(office.store).delete(hashes[2])
    assert await contents(office) == set(hashes)


async def test_the_same_content_waits_while_it_is_being_deleted(office: Office) -> None:
    await stage(office, "rita")
    office.clock.move(timedelta(days=2))
    assert await office.store.write(uploads.sweep) == {BILL_HASH}
    for who in ("rita", "ben"):
        answer = await stage(office, who)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    # Another sweep does not meddle; whoever was cut short begins again.
    assert await office.store.write(uploads.sweep) == frozenset()
    office.clock.move(timedelta(hours=2))
    assert await office.store.write(uploads.sweep) == {BILL_HASH}
    await StoredBlobs(office.store).delete(BILL_HASH)
    await office.store.write(lambda tx: uploads.gone(tx, {BILL_HASH}))
    assert (await stage(office, "ben")).status_code == 201
    assert await contents(office) == {BILL_HASH}


async def test_content_that_is_about_to_be_stored_is_not_chosen(office: Office) -> None:
    await stage(office, "rita")
    office.clock.move(timedelta(days=2))
    assert await office.store.write(lambda tx: uploads.announce(tx, "ben", {BILL_HASH}))
    assert await office.store.write(uploads.sweep) == frozenset()
    # If it never came to that, it is found later.
    office.clock.move(timedelta(days=1))
    assert await office.store.write(uploads.sweep) == {BILL_HASH}


async def test_what_is_refused_in_the_end_is_not_stored(office: Office) -> None:
    rows = [
        {"person_id": "rita", "hash": f"{n:064x}", "filename": "a.txt", "media_type": "text/plain", "size": 10}
        for n in range(50)
    ]
    await office.store.write(lambda tx: tx.conn.execute(t.upload.insert(), [{**row, "at": tx.now} for row in rows]))
    assert (await stage(office, "rita")).json()["code"] == "too-many-documents"
    case_id = await office.start()
    given = {"data": {"name": "A Bad Name"}, "files": [("file", BILL)]}
    answer = await office.call("cora", "POST", f"/api/v1/cases/{case_id}/documents", **given)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown-document")
    assert await contents(office) == set()
