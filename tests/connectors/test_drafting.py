"""Term sheets: literal text, same bytes, one draft per key, withdrawn for good."""

import asyncio
import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError
from sqlalchemy import select
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from placet.connectors.blobs.port import BlobMissing
from placet.connectors.blobs.stored import StoredBlobs
from placet.connectors.drafting.pdf import render
from placet.connectors.drafting.port import DraftingActivities, DraftingRefused, TermSheet, TermSheetRequest
from placet.connectors.drafting.stored import StoredDrafter
from placet.domain.step import Step
from placet.store.engine import Store
from placet.store.tables import document, term_sheet

STEP = Step(case_id="case-1", name="drafting.term-sheet")
UNDO = Step(case_id="case-1", name="drafting.retract-term-sheet", undoes="drafting.term-sheet")


def request_for(**changes: Any) -> TermSheetRequest:
    terms: dict[str, Any] = {
        "partner_id": "p-1",
        "partner_name": "Łódź Handel",
        "contact_name": "Zoë Müller",
        "territory": "DACH",
        "commission_percent": "12.50",
        "term_months": 24,
        "drafted_on": date(2026, 3, 1),
    }
    return TermSheetRequest.model_validate(terms | changes)


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in document)


async def recorded(store: Store) -> list[Any]:
    return await store.read(lambda tx: list(tx.conn.execute(select(term_sheet))))


@pytest.fixture
def blobs(store: Store) -> StoredBlobs:
    return StoredBlobs(store)


@pytest.fixture
def drafter(store: Store, blobs: StoredBlobs) -> StoredDrafter:
    return StoredDrafter(store, blobs)


def test_the_sheet_shows_every_term() -> None:
    text = text_of(render(request_for(notes="First line.\n\nSecond line.", version=3)))
    for line in (
        "Term sheet for Łódź Handel, version 3", "Partner number p-1", "Contact Zoë Müller", "Territory DACH",
        "Commission 12.5 %", "Term 24 months", "Drafted on 2026-03-01", "First line.", "Second line.", "1 / 1",
    ):  # fmt: skip
        assert line in text.splitlines()


def test_the_file_is_an_archivable_pdf_with_title_and_date() -> None:
    pdf = render(request_for())
    assert b"<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in pdf
    metadata = pypdfium2.PdfDocument(pdf).get_metadata_dict()
    assert metadata["Title"] == "Term sheet for Łódź Handel, version 1"
    assert metadata["CreationDate"].startswith("D:20260301")


@pytest.mark.parametrize(
    "text",
    ['*bold* _it_ #panic("x") $x^2$ <label> @ref `raw` \\u{41}', "= Heading", "// comment", '"quoted" \\ #{1+1} [x]'],
)
def test_what_people_write_is_printed_literally(text: str) -> None:
    printed = " ".join(text_of(render(request_for(partner_name=text, notes=text))).split())
    assert printed.count(" ".join(text.split())) == 3


def test_the_same_request_gives_the_same_bytes_and_another_request_others() -> None:
    first = render(request_for())
    assert render(request_for(commission_percent=Decimal("12.5"))) == first
    assert render(request_for(term_months=25)) != first
    assert render(request_for(drafted_on=date(2026, 3, 2))) != first


def test_a_long_word_stays_on_the_page() -> None:
    page = pypdfium2.PdfDocument(render(request_for(partner_name="W" * 150, notes="m" * 500)))[0]
    words = page.get_textpage()
    assert sum(char in "Wm" for char in words.get_text_bounded()) >= 150 * 2 + 500
    assert all(words.get_rect(i)[2] <= page.get_width() - 60 for i in range(words.count_rects()))


def test_long_notes_continue_on_further_pages() -> None:
    pdf = render(request_for(notes="\n".join(f"Condition {number}." for number in range(200))))
    assert len(pypdfium2.PdfDocument(pdf)) > 3
    assert "Condition 199." in text_of(pdf)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("漢字", ["“漢” U+6F22", "“字” U+5B57"]),
        ("Deal 😀", ["“😀” U+1F600 GRINNING FACE"]),
        ("a\x07b", ["U+0007"]),
        ("abc\u202edef", ["U+202E RIGHT-TO-LEFT OVERRIDE"]),
        ("\ue000", ["U+E000"]),
        ("\ufffe", ["U+FFFE"]),
    ],
)
@pytest.mark.parametrize("field", ["partner_name", "contact_name", "territory", "notes"])
def test_text_that_cannot_be_printed_is_refused_by_naming_its_characters(
    field: str, text: str, named: list[str]
) -> None:
    with pytest.raises(DraftingRefused) as refused:
        render(request_for(**{field: text}))
    assert refused.value.code == "unprintable-text"
    assert all(name in str(refused.value) for name in named)


@pytest.mark.parametrize(
    "wrong", [{"commission_percent": "100.01"}, {"commission_percent": "1.001"}, {"term_months": 0}]
)
def test_terms_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request_for(**wrong)


async def test_a_draft_is_stored_under_its_hash(drafter: StoredDrafter, blobs: StoredBlobs) -> None:
    sheet = await drafter.term_sheet("k", request_for(version=2))
    pdf = await blobs.get(sheet.hash)
    assert hashlib.sha256(pdf).hexdigest() == sheet.hash
    assert sheet == TermSheet(hash=sheet.hash, version=2, size=len(pdf), title="Term sheet for Łódź Handel, version 2")


async def test_a_repeated_draft_answers_the_same_and_stores_nothing_new(drafter: StoredDrafter, store: Store) -> None:
    first = await drafter.term_sheet("k", request_for())
    assert await asyncio.gather(*(drafter.term_sheet("k", request_for()) for _ in range(5))) == [first] * 5
    assert await drafter.term_sheet("other", request_for()) == first
    assert len(await recorded(store)) == 2
    assert len(await store.read(lambda tx: list(tx.conn.execute(select(document.c.hash))))) == 1


async def test_drafts_of_one_key_at_the_same_moment_leave_one_record(drafter: StoredDrafter, store: Store) -> None:
    sheets = await asyncio.gather(*(drafter.term_sheet("k", request_for()) for _ in range(5)))
    assert len(set(sheets)) == 1
    assert len(await recorded(store)) == 1


async def test_a_key_that_has_drafted_another_version_is_refused(drafter: StoredDrafter) -> None:
    await drafter.term_sheet("k", request_for())
    with pytest.raises(DraftingRefused) as refused:
        await drafter.term_sheet("k", request_for(version=2))
    assert refused.value.code == "draft-key-reused"


async def test_content_nobody_has_stored_is_missing(blobs: StoredBlobs) -> None:
    with pytest.raises(BlobMissing):
        await blobs.get("0" * 64)


async def test_retracting_marks_the_draft_once_and_keeps_the_document(store: Store, drafter: StoredDrafter) -> None:
    activities, environment = DraftingActivities(drafter), ActivityEnvironment()
    sheet: TermSheet = await environment.run(activities.term_sheet, STEP, request_for())
    await environment.run(activities.retract_term_sheet, UNDO, request_for())
    (first,) = await recorded(store)
    assert (first.key, first.hash) == ("case-1/drafting.term-sheet/1", sheet.hash)
    assert first.retracted_at > first.drafted_at
    await environment.run(activities.retract_term_sheet, UNDO, request_for())
    assert await recorded(store) == [first]
    assert await StoredBlobs(store).get(sheet.hash)


async def test_a_draft_that_arrives_after_its_retraction_is_refused(store: Store, drafter: StoredDrafter) -> None:
    activities, environment = DraftingActivities(drafter), ActivityEnvironment()
    await environment.run(activities.retract_term_sheet, UNDO, request_for())
    with pytest.raises(ApplicationError) as error:
        await environment.run(activities.term_sheet, STEP, request_for())
    assert (error.value.type, error.value.non_retryable) == ("draft-retracted", True)
    (only,) = await recorded(store)
    assert only.retracted_at is not None


async def test_unprintable_text_fails_the_step_for_good_and_its_retraction_succeeds(
    store: Store, drafter: StoredDrafter
) -> None:
    activities, environment = DraftingActivities(drafter), ActivityEnvironment()
    with pytest.raises(ApplicationError, match="U\\+6F22") as error:
        await environment.run(activities.term_sheet, STEP, request_for(notes="漢"))
    assert (error.value.type, error.value.non_retryable) == ("unprintable-text", True)
    await environment.run(activities.retract_term_sheet, UNDO, request_for(notes="漢"))
    assert await recorded(store) == []
