"""Start forms with files: chosen once, kept while other fields are wrong, taken out, replaced, and told when unfit."""

import html
import re
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from tests.samples import files

from api.office import Office
from api.test_attachments import BILL, BILL_HASH, waiting
from placet.connectors.blobs.port import content_hash
from placet.domain.collection import Attachment
from placet.domain.model import Durable
from placet.durable.case import Case
from placet.durable.workflow import case, entry_of
from placet.store import tables as t
from placet.store import uploads
from placet.store.documents import Stored
from placet.store.engine import Store
from web.desk import Desk, desk, key_in
from web.test_proposing import inputs

START = "/catalogue/tender/start"
NOTE = ("note.txt", b"Cheaper by far.", "text/plain")
NOTE_HASH = content_hash(NOTE[1])
LISTING = ("list.csv", b"a,b\n1,2\n", "text/csv")
EMPTY = ("", b"", "application/octet-stream")
"""What a browser sends of an input for files in which nothing was chosen."""


class Bid(Durable):
    name: str
    offer: Attachment | None = None


class TenderRequest(Durable):
    name: str
    terms: Attachment
    bids: tuple[Bid, ...] = ()
    annexes: tuple[Attachment, ...] = ()


class TenderOutcome(Durable):
    status: str


@case("tender", title="Tender", subject="Tender for {name}", decides="A buyer decides.", silence="It ends.")
class Tender(Case):
    """Ask for bids."""

    async def run(self, request: TenderRequest) -> TenderOutcome:
        return TenderOutcome(status="done")


@pytest.fixture
async def office(store: Store, clock: Any) -> Office:
    made = Office(store, clock, catalogue=(entry_of(Tender),))
    await made.hire("rita", "member@deals")
    await made.hire("ben", "member@deals")
    return made


@pytest.fixture
async def rita(office: Office) -> Desk:
    return await desk(office, "rita")


def form(key: str = "k" * 32, **texts: Any) -> dict[str, Any]:
    return {"key": key, "_scope": "deals", "name": "Roof", **texts}


def chosen(**names: Any) -> list[tuple[str, Any]]:
    """The parts of the inputs for files; the names have __ for dots."""
    parts = {"terms": EMPTY, "annexes": EMPTY, **{name.replace("__", "."): file for name, file in names.items()}}
    return [(name, one) for name, given in parts.items() for one in (given if isinstance(given, list) else [given])]


async def send(who: Desk, texts: dict[str, Any], parts: list[tuple[str, Any]], **headers: str) -> httpx2.Response:
    """Send the form as a browser does, which gives an input without a file an empty file name."""
    sent = [(name, one) for name, text in texts.items() for one in (text if isinstance(text, list) else [text])]
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode() for name, text in sent
    )
    for name, (filename, content, media_type) in parts:
        told = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
        body += f"--b\r\n{told}\r\nContent-Type: {media_type}\r\n\r\n".encode() + content + b"\r\n"
    headers["Content-Type"] = "multipart/form-data; boundary=b"
    return await who.post(START, content=body + b"--b--\r\n", headers=headers)


async def opened(office: Office) -> dict[str, Any] | None:
    """The request of the one case, if there is one."""
    rows = await office.store.read(lambda tx: list(tx.conn.execute(sa.select(t.case.c.opening)).scalars()))
    assert len(rows) < 2
    return rows[0]["request"] if rows else None


async def given(office: Office) -> set[tuple[str, str]]:
    c = t.case_document.c
    return await office.store.read(lambda tx: {tuple(row) for row in tx.conn.execute(sa.select(c.name, c.hash))})


def kept(page: Any) -> dict[str, list[str]]:
    """The hashes that stand in the form, by the names of their inputs, and only where the box is ticked."""
    found: dict[str, list[str]] = {}
    for name, hash in re.findall(r'<input type="checkbox" name="([^"]+)" value="([0-9a-f]{64})" checked>', page.text):
        found.setdefault(name, []).append(hash)
    return found


async def test_the_form_takes_files_and_the_case_has_them(office: Office, rita: Desk) -> None:
    page = await rita.get(START)
    assert f'action="{START}" enctype="multipart/form-data"' in page.text
    assert (
        '<input type="file" id="terms" name="terms" required aria-describedby="terms-hint" accept=".pdf,' in page.text
    )
    assert (
        '<input type="file" id="annexes" name="annexes" multiple aria-describedby="annexes-hint" accept=".pdf,'
        in page.text
    )
    assert (
        '<input type="file" id="bids-0-offer" name="bids.0.offer" aria-describedby="bids-0-offer-hint" accept=".pdf,'
        in page.text
    )
    sent = form(key_in(page), **{"bids.0.name": "Acme", "bids.1.name": ""})
    parts = chosen(terms=BILL, annexes=[NOTE, LISTING], bids__0__offer=EMPTY, bids__1__offer=EMPTY)
    done = [await send(rita, sent, parts) for _ in range(2)]
    assert [one.status_code for one in done] == [303, 303], done[0].text
    assert done[0].headers["Location"] == done[1].headers["Location"]
    annexes = [NOTE_HASH, content_hash(LISTING[1])]
    assert await opened(office) == {
        "name": "Roof",
        "terms": BILL_HASH,
        "bids": [{"name": "Acme", "offer": None}],
        "annexes": annexes,
    }
    assert await given(office) == {("terms", BILL_HASH), *(("annexes", hash) for hash in annexes)}
    shown = (await rita.get(done[0].headers["Location"])).text
    assert BILL[0] in shown and f"/documents/{BILL_HASH}/preview" in shown
    assert "A document that the case made" not in shown


async def test_a_file_stays_while_another_field_is_wrong(office: Office, rita: Desk) -> None:
    parts = chosen(terms=BILL, annexes=NOTE, bids__0__offer=EMPTY, bids__1__offer=LISTING)
    wrong = await send(rita, form(name="", **{"bids.0.name": "", "bids.1.name": ""}), parts)
    text = html.unescape(wrong.text)
    assert wrong.status_code == 422 and "Name: This field is required." in text and BILL[0] in text
    # The empty row is gone, and the other has its number.
    listing = content_hash(LISTING[1])
    assert kept(wrong) == {"terms": [BILL_HASH], "annexes": [NOTE_HASH], "bids.0.offer": [listing]}
    assert '<input type="file" id="terms" name="terms" aria-describedby="terms-hint" accept=".pdf,' in wrong.text
    assert (await opened(office), await given(office)) == (None, set())
    again = form(inputs(wrong)["key"], terms=BILL_HASH, annexes=NOTE_HASH)
    again |= {"bids.0.name": "Acme", "bids.0.offer": listing}
    done = await send(rita, again, chosen(bids__0__offer=EMPTY))
    assert done.status_code == 303, done.text
    assert {name for name, _ in await given(office)} == {"terms", "annexes", "offer"}
    assert await waiting(office) == []


async def test_a_file_is_replaced_and_others_are_added_or_left_out(office: Office, rita: Desk) -> None:
    first = await send(rita, form(name=""), chosen(terms=BILL, annexes=[BILL, LISTING]))
    assert len(kept(first)["annexes"]) == 2
    again = form(name="", terms=BILL_HASH, annexes=[BILL_HASH])
    second = await send(rita, again, chosen(terms=NOTE, annexes=NOTE))
    assert kept(second) == {"terms": [NOTE_HASH], "annexes": [BILL_HASH, NOTE_HASH]}
    out = await send(rita, form(), chosen())
    assert out.status_code == 422 and kept(out) == {}
    assert "Terms: This field is required." in html.unescape(out.text)


async def test_another_row_keeps_the_files_that_were_chosen(office: Office, rita: Desk) -> None:
    more = await send(rita, form(_more="bids"), chosen(terms=BILL, bids__0__offer=NOTE))
    assert more.status_code == 200 and kept(more) == {"terms": [BILL_HASH], "bids.0.offer": [NOTE_HASH]}
    assert 'name="bids.1.offer"' in more.text
    less = await send(
        rita, form(_less="bids.0", terms=BILL_HASH, **{"bids.0.offer": NOTE_HASH}), chosen(bids__0__offer=EMPTY)
    )
    assert kept(less) == {"terms": [BILL_HASH]}


@pytest.mark.parametrize(
    ("file", "status", "told"),
    [
        (("bill.pdf", files.png(), "application/pdf"), 422, "it is a PNG picture"),
        (("bill.pdf", b"MZ\x90\x00\x03" + bytes(200), "application/pdf"), 422, "Send a PDF"),
        (("bill.txt", b"", "text/plain"), 422, "This file is empty"),
        (("bill.txt", files.EICAR, "text/plain"), 422, "A virus was found"),
        (("bill.txt", b"x" * 25_000_001, "text/plain"), 413, "more than 25 MB"),
    ],
)
async def test_an_unfit_file_is_told_at_its_field_beside_other_mistakes(
    office: Office, rita: Desk, file: Any, status: int, told: str
) -> None:
    answer = await send(rita, form(), chosen(terms=file, annexes=NOTE))
    text = html.unescape(answer.text)
    assert (answer.status_code, told in text) == (status, True), text[-3000:]
    assert 'href="#terms"' in text and 'id="terms-wrong"' in text
    assert kept(answer) == {"annexes": [NOTE_HASH]}
    assert await opened(office) is None


async def test_what_waits_no_more_or_is_of_somebody_else_is_to_be_chosen_again(office: Office, rita: Desk) -> None:
    ben = await desk(office, "ben")
    assert kept(await send(ben, form(name=""), chosen(terms=BILL)))
    stolen = await send(rita, form(terms=BILL_HASH, annexes=NOTE_HASH), chosen())
    text = html.unescape(stolen.text)
    assert (stolen.status_code, kept(stolen)) == (422, {})
    assert text.count("This file is not here, or was sent more than a day ago; send it again.") == 4
    assert 'href="#terms"' in text and 'href="#annexes"' in text
    assert await opened(office) is None
    assert (await send(rita, form(), chosen(terms=BILL))).status_code == 303


async def test_a_form_from_another_site_brings_no_file(office: Office, rita: Desk) -> None:
    forged = await send(rita, form(), chosen(terms=BILL), **{"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    # Only a form with files may be larger than others.
    assert (await rita.post(START, form(note="x" * 1_200_000))).status_code == 413
    assert (await waiting(office), await opened(office)) == ([], None)


async def test_the_name_of_a_file_is_only_ever_text(office: Office, rita: Desk) -> None:
    hostile = '"><script>alert(1)</script>.txt'
    known = Stored(name="", hash=NOTE_HASH, filename=hostile, media_type="text/plain", size=1)
    assert await office.store.write(lambda tx: uploads.stage(tx, "rita", [known])) is None
    shown = await send(rita, form(name="", terms=NOTE_HASH), chosen())
    assert "<script>alert" not in shown.text and hostile in html.unescape(shown.text)


async def test_more_files_than_may_wait_are_told_at_the_field_and_not_stored(office: Office, rita: Desk) -> None:
    large = Stored(name="", hash=NOTE_HASH, filename="a.txt", media_type="text/plain", size=249_999_999)
    assert await office.store.write(lambda tx: uploads.stage(tx, "rita", [large])) is None
    answer = await send(rita, form(), chosen(terms=BILL))
    assert (answer.status_code, "Of one person at most 250 MB wait for a case" in answer.text) == (409, True)
    assert 'id="terms-wrong"' in answer.text and len(await waiting(office)) == 1
    assert await office.store.read(lambda tx: tx.conn.execute(sa.select(t.document.c.hash)).all()) == []


async def test_a_form_takes_several_large_files_and_says_how_much_in_all(office: Office, rita: Desk) -> None:
    page = await rita.get(START)
    assert "Each file at most 25 MB, all of this form 100 MB." in page.text
    assert 'data-most="25000000"' in page.text and 'data-together="100000000"' in page.text
    large = [(f"{number}.txt", b"word " * 4_900_000 + str(number).encode(), "text/plain") for number in range(2)]
    done = await send(rita, form(key_in(page)), chosen(terms=BILL, annexes=large))
    assert done.status_code == 303, done.text
    assert len(await given(office)) == 3


@pytest.mark.parametrize("announced", [True, False])
async def test_too_much_in_all_is_told_as_that_with_a_way_back(
    office: Office, rita: Desk, monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(office.control.documents, "most_together", 3_000_000)
    many = [(f"{number}.txt", b"x" * 1_500_000, "text/plain") for number in range(3)]
    headers = {"Accept": "text/html"} | ({} if announced else {"Content-Length": "10"})
    answer = await send(rita, form(), chosen(annexes=many), **headers)
    text = html.unescape(answer.text)
    assert answer.status_code == 413
    assert "those of one form may have at most 3 MB in all, each at most 25 MB. Nothing was kept." in text
    assert f'<a class="button" href="{START}">Go back</a>' in answer.text
    assert (await waiting(office), await opened(office)) == ([], None)
