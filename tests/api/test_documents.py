"""Documents over HTTP: given by those who are asked, listed with where they stand, handed out as files to keep."""

import asyncio
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.samples import files

from api.office import PARTNER, Office, negotiation
from placet.connectors.blobs.objects import folder_blobs
from placet.connectors.blobs.port import content_hash
from placet.control.documents import AT_ONCE, Sending
from placet.domain.collection import DocumentRequest
from placet.domain.people import Role
from placet.store import tables as t

WANTED = (
    DocumentRequest(name="passport", title="Passport"),
    DocumentRequest(name="address", title="Proof of <address>", reason="Not older than 3 months.", required=False),
)
DEED = ("deed.txt", b"A deed.", "text/plain")


async def collecting(office: Office, **more: Any) -> str:
    """A case in which the buyers, and somebody outside, are asked for documents; its task."""
    spec = {"to": (Role(name="buyer"), PARTNER), "documents": WANTED, "form": None, "form_on": ()}
    return await office.task(negotiation(**{**spec, **more}))


def case_of(task: str) -> str:
    return task.partition(".")[0]


async def give(office: Office, who: str, case_id: str, *sent: Any, names: Any = "passport", **more: Any) -> Any:
    """`sent` are (file name, content, media type)."""
    parts = [("file", one) for one in sent or (DEED,)]
    return await office.call(
        who, "POST", f"/api/v1/cases/{case_id}/documents", data={"name": names}, files=parts, **more
    )


async def kept(office: Office) -> tuple[int, int]:
    """How many documents cases have, and how many contents are stored."""

    def count(tx: Any) -> tuple[int, int]:
        first, second = (
            tx.conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (t.case_document, t.document)
        )
        return first, second

    return await office.store.read(count)


async def test_a_document_is_given_listed_and_handed_out(office: Office) -> None:
    case_id = case_of(await collecting(office))
    given = await give(office, "ben", case_id, ("Vollmacht für “Łódź”.pdf", files.pdf(), "application/pdf"))
    assert given.status_code == 201, given.text
    taken = given.json()["items"][0]
    document = taken["document"]
    assert (document["name"], document["round"], document["by"]) == ("passport", 1, "ben")
    lines = await office.get("ben", f"/api/v1/cases/{case_id}/events")
    line = next(line for line in lines["items"] if line["action"] == "document.received")
    assert (line["hash"], line["texts"]["filename"]) == (taken["receipt"], "Vollmacht für “Łódź”.pdf")
    listed = (await office.get("kofi", f"/api/v1/cases/{case_id}/documents"))["items"]
    assert [(entry["name"], entry["state"], len(entry["files"])) for entry in listed] == [
        ("passport", "received", 1),
        ("address", "requested", 0),
    ]
    got = await office.call("kofi", "GET", f"/api/v1/documents/{document['id']}")
    assert got.content == files.pdf()
    assert {
        name: got.headers[name] for name in ("Content-Type", "ETag", "X-Content-Type-Options", "Cache-Control")
    } == {
        "Content-Type": "application/pdf",
        "ETag": f'"{content_hash(files.pdf())}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    assert got.headers["Content-Security-Policy"].startswith("sandbox")
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"Vollmacht f_r ___d__.pdf\"; filename*=UTF-8''"
        "Vollmacht%20f%C3%BCr%20%E2%80%9C%C5%81%C3%B3d%C5%BA%E2%80%9D.pdf"
    )
    again = await office.call(
        "kofi", "GET", f"/api/v1/documents/{document['id']}", headers={"If-None-Match": got.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    by_hash = await office.call("kofi", "GET", f"/api/v1/cases/{case_id}/documents/{document['hash']}")
    assert (by_hash.content, by_hash.headers["ETag"]) == (got.content, got.headers["ETag"])


async def test_the_same_content_again_is_the_same_receipt_and_stored_once(office: Office) -> None:
    case_id = case_of(await collecting(office))
    first, again = await give(office, "ben", case_id), await give(office, "bea", case_id)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    other = await give(office, "ben", case_id, names="address")
    assert other.json()["items"][0]["document"]["id"] != first.json()["items"][0]["document"]["id"]
    assert await kept(office) == (2, 1)


async def test_an_idempotency_key_counts_once_and_belongs_to_its_files(office: Office) -> None:
    case_id = case_of(await collecting(office))
    key = {"Idempotency-Key": "k-1"}
    first, again = [await give(office, "ben", case_id, headers=key) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["Idempotent-Replay"]) == (201, first.json(), "true")
    other = await give(office, "ben", case_id, ("b.txt", b"Another.", "text/plain"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")
    assert (await kept(office))[0] == 1


async def test_several_files_are_taken_together_or_not_at_all(office: Office) -> None:
    case_id = case_of(await collecting(office))
    one, two = DEED, ("b.txt", b"Another.", "text/plain")
    both = await give(office, "ben", case_id, one, two)
    assert [item["document"]["name"] for item in both.json()["items"]] == ["passport"] * 2
    each = await give(office, "ben", case_id, one, two, names=["address", "passport"])
    assert [item["document"]["name"] for item in each.json()["items"]] == ["address", "passport"]
    before = await kept(office)
    for names, sent in (
        ("passport", [("c.txt", b"Third.", "text/plain"), ("d.pdf", files.png(), "application/pdf")]),
        (["passport", "minutes"], [("c.txt", b"Third.", "text/plain"), ("d.txt", b"Fourth.", "text/plain")]),
    ):
        assert (await give(office, "ben", case_id, *sent, names=names)).status_code == 422
    assert (await kept(office))[0] == before[0]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"json": {"name": "passport"}}, "multipart/form-data"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "could not be read"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "could not be read"),
        ({"data": {"name": "passport"}, "files": [("other", DEED)]}, "Choose a file."),
        ({"files": [("file", DEED), ("file", DEED)]}, "one name, or one for each file"),
        ({"data": {"name": ["a", "b", "c"]}, "files": [("file", DEED)]}, "one name, or one for each file"),
        ({"data": {"name": "passport"}, "files": [("file", DEED)] * 21}, "could not be read"),
        ({"data": {"name": "x" * 2000}, "files": [("file", DEED)]}, "could not be read"),
        ({"data": {"name": "minutes"}, "files": [("file", DEED)]}, "Choose one of: passport, address."),
    ],
)
async def test_a_form_that_is_not_right_says_what_is_missing(office: Office, request_: Any, told: str) -> None:
    case_id = case_of(await collecting(office))
    answer = await office.call("ben", "POST", f"/api/v1/cases/{case_id}/documents", **request_)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert told in answer.json()["detail"], answer.text
    assert (await kept(office))[0] == 0


BAD = [
    ("deed.pdf", files.png, "type-mismatch"),
    ("deed.docx", files.zip_bomb, "unpacks-too-large"),
    ("deed.pdf", files.encrypted_pdf, "encrypted"),
    ("deed.txt", lambda: files.EICAR, "malware"),
    ("deed.html", lambda: b"<html><script>alert(1)</script>", "type-not-allowed"),
    ("deed.docx", lambda: files.package("docx", {"word/vbaProject.bin": b"x"}), "macros"),
    ("deed.png", lambda: files.png(60_000, 60_000), "picture-too-large"),
    ("deed.txt", bytes, "empty-file"),
]


@pytest.mark.parametrize(("name", "made", "code"), BAD, ids=[row[2] for row in BAD])
async def test_a_bad_document_is_refused_clearly_and_the_case_lives_on(
    office: Office, name: str, made: Callable[[], bytes], code: str
) -> None:
    task = await collecting(office)
    answer = await give(office, "ben", case_of(task), (name, made(), "application/octet-stream"))
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, code, "file")
    assert await kept(office) == (0, 0)
    assert [(line[0], line[1], line[2]["code"]) for line in await office.lines("@refused")] == [
        ("ben", "document.receive", code)
    ]
    assert (await give(office, "ben", case_of(task))).status_code == 201
    assert (await office.answer("ben", task)).status_code == 200


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd.txt", "C:\\temp\\passwd.txt", "/etc/passwd.txt", "pass\r\nwd.txt"]
)
async def test_a_name_like_a_path_is_kept_as_its_last_part(office: Office, name: str, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    case_id = case_of(await collecting(office))
    given = await give(office, "ben", case_id, (name, b"A deed.", "text/plain"))
    assert given.status_code == 201, given.text
    assert re.fullmatch(r"pass(%0D%0A)?wd\.txt", given.json()["items"][0]["document"]["filename"])
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {name.partition("-")[0] for name in before}


async def stream(size: int, head: bytes = b"") -> Any:
    yield head
    for _ in range(size // 100_000):
        yield b"x" * 100_000


HEAD = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\npassport\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
)
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


async def test_the_limit_of_bodies_is_lifted_for_files_only_and_only_so_far(office: Office) -> None:
    case_id = case_of(await collecting(office))
    path = f"/api/v1/cases/{case_id}/documents"
    large = await give(office, "ben", case_id, ("large.txt", b"x" * 3_000_000, "text/plain"))
    assert large.status_code == 201
    limit = office.control.documents.most_bytes
    for headers in ({"Content-Length": "40000000"}, {}):
        answer = await office.call("ben", "POST", path, content=stream(40_000_000, HEAD), headers=FORM | headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert "25 MB" in answer.json()["detail"]
    above = await give(office, "ben", case_id, ("a.txt", b"x" * (limit + 1), "text/plain"))
    assert (above.status_code, above.json()["code"]) == (413, "too-large")
    for method, other in (("POST", f"/api/v1/cases/{case_id}/pause"), ("PUT", path), ("POST", "/api/v1/people")):
        answer = await office.call("ben", method, other, content=b" " * 1_500_000)
        assert (answer.status_code, "1 MB" in answer.json()["detail"]) == (413, True)
    assert (await kept(office))[0] == 1


async def test_who_may_not_give_is_told_before_anything_is_read(office: Office) -> None:
    case_id = case_of(await collecting(office))
    for who, status in (("mo", 404), ("rita", 403), (None, 401)):
        answer = await office.call(who, "POST", f"/api/v1/cases/{case_id}/documents", content=b"no form at all")
        assert answer.status_code == status
    await office.call("cora", "POST", f"/api/v1/cases/{case_id}/pause", {"reason": "x"})
    assert (await give(office, "ben", case_id)).json()["code"] == "case-paused"


async def test_a_document_whose_content_is_damaged_or_gone_is_not_handed_out(office: Office) -> None:
    case_id = case_of(await collecting(office))
    document = (await give(office, "ben", case_id)).json()["items"][0]["document"]
    for change in (t.document.update().values(content=b"forged"), t.document.delete()):
        await office.store.write(lambda tx, change=change: tx.conn.execute(change))
        answer = await office.call("ben", "GET", f"/api/v1/documents/{document['id']}")
        assert (answer.status_code, "tell an administrator" in answer.json()["detail"]) == (503, True)
    assert (await office.call("ben", "GET", "/api/v1/documents/doc-unknown")).status_code == 404


async def test_a_storage_that_fails_keeps_nothing_and_can_be_tried_again(office: Office, tmp_path: Path) -> None:
    case_id = case_of(await collecting(office))
    blobs = office.control.documents._blobs = folder_blobs(tmp_path / "blobs")
    (tmp_path / "blobs" / "sha256").write_text("in the way")
    answer = await give(office, "ben", case_id)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert (await kept(office))[0] == 0
    (tmp_path / "blobs" / "sha256").unlink()
    document = (await give(office, "ben", case_id)).json()["items"][0]["document"]
    assert await blobs.get(document["hash"]) == b"A deed."
    for path in (f"/api/v1/documents/{document['id']}", f"/api/v1/cases/{case_id}/documents/{document['hash']}"):
        assert (await office.call("ben", "GET", path)).content == b"A deed."
    assert await kept(office) == (1, 0)


class Watched:
    """A file, and the storage it goes to, that count how many contents are in memory between the two."""

    filename, content_type = "a.txt", "text/plain"

    def __init__(self, office: Office) -> None:
        self._blobs = office.control.documents._blobs
        self.held = self.most = 0
        self._lock = threading.Lock()

    size = len(DEED[1])

    @property
    def file(self) -> "Watched":
        return self

    def read(self, size: int) -> bytes:
        with self._lock:
            self.held += 1
            self.most = max(self.most, self.held)
        return DEED[1]

    async def put(self, content: bytes, media_type: str) -> str:
        try:
            return await self._blobs.put(content, media_type)
        finally:
            with self._lock:
                self.held -= 1


async def test_only_a_few_files_are_in_memory_however_many_arrive_at_once(office: Office) -> None:
    case_id = case_of(await collecting(office))
    documents = office.control.documents
    watched = documents._blobs = Watched(office)
    person = await office.control.people.authenticate(office.tokens["ben"])
    await asyncio.gather(*(documents.give(person, case_id, [Sending("passport", watched)]) for _ in range(12)))
    assert watched.held == 0 and 1 <= watched.most <= AT_ONCE


async def page(office: Office, link: str) -> str:
    answer = await office.http.get(link)
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(office: Office, link: str, *sent: Any, name: str = "passport", **more: Any) -> Any:
    parts = [("file", one) for one in sent or (DEED,)]
    return await office.http.post(f"{link}/documents", data={"name": name}, files=parts, **more)


async def test_somebody_outside_sends_documents_by_link_and_then_answers(office: Office) -> None:
    task = await collecting(office, documents_on=("approve",))
    link = office.link(task)
    shown = await page(office, link)
    for text in (
        'Proof of &lt;address&gt; <span class="quiet">(optional)</span>',
        "Not older than 3 months.",
        "Not received yet.",
        f'action="{link}/documents" enctype="multipart/form-data"',
        '<input type="file" id="file-passport" name="file" multiple required accept=".pdf,',
    ):
        assert text in shown, text
    early = await office.http.post(link, data={"outcome": "approve"})
    assert (early.status_code, "Still missing: Passport." in early.text) == (422, True)
    sent = await send(office, link, ("<Pass>.pdf", files.pdf(), "application/pdf"))
    assert (sent.status_code, sent.headers["Location"]) == (303, link)
    shown = await page(office, link)
    assert "Received." in shown and "<li><bdi>Pass.pdf</bdi>, <time" in shown and "2 March 2026" in shown
    assert (await office.http.post(link, data={"outcome": "approve"})).status_code == 200
    assert "enctype" not in await page(office, link)
    assert [line[0] for line in await office.lines(case_of(task)) if line[1] == "document.received"] == [PARTNER.person]


async def test_a_refused_document_is_told_on_the_page_itself(office: Office) -> None:
    link = office.link(await collecting(office))
    for sent, name, status, told in (
        (("a.pdf", files.png(), "application/pdf"), "passport", 422, "it is a PNG picture"),
        (("a.txt", b"A deed.", "text/plain"), "minutes", 422, "Choose one of: passport, address."),
        (("", b"", "application/octet-stream"), "passport", 422, "Choose a file."),
    ):
        answer = await send(office, link, sent, name=name)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert told in answer.text and "enctype" in answer.text
    large = await office.http.post(f"{link}/documents", content=stream(40_000_000, HEAD), headers=FORM)
    assert (large.status_code, "at most 25 MB" in large.text, "<main" in large.text) == (413, True, True)
    assert (await kept(office))[0] == 0


async def test_a_link_gives_documents_only_for_its_own_round_and_from_our_own_page(office: Office) -> None:
    first = await collecting(office)
    forged = await send(office, office.link(first), headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    assert (await send(office, office.link(first)[:-3])).status_code == 404
    await office.answer("ben", first)
    closed = await send(office, office.link(first))
    assert (closed.status_code, "This is already closed" in closed.text) == (409, True)
    case_id = case_of(first)
    again = negotiation(to=(PARTNER,), documents=WANTED[:1], round=2)
    second = await office.ask(case_id, again, ordinal=2)
    assert (await send(office, office.link(first))).status_code == 409
    assert (await send(office, office.link(second))).status_code == 303
    listed = (await office.get("cora", f"/api/v1/cases/{case_id}/documents"))["items"]
    assert [file["round"] for file in listed[0]["files"]] == [2]


async def test_a_paused_case_shows_no_form_for_documents(office: Office) -> None:
    task = await collecting(office)
    await office.call("cora", "POST", f"/api/v1/cases/{case_of(task)}/pause", {"reason": "x"})
    assert "enctype" not in await page(office, office.link(task))
    assert (await send(office, office.link(task))).status_code == 409
