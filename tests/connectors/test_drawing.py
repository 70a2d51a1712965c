"""Pages of PDFs as pictures: drawn apart, within limits, and refused when they cannot be."""

import pytest

from placet.connectors.extraction.content import ExtractionRefused
from placet.connectors.extraction.drawing import KEPT, Drawing
from samples import files


async def test_a_page_is_drawn_once_and_only_the_last_ones_are_kept() -> None:
    drawn = Drawing()
    first = await drawn.page("a", files.pdf(), 1)
    assert first.pages == 1 and first.picture is not None and first.picture.startswith(b"\x89PNG")
    # What is known by its hash needs no content.
    assert await drawn.page("a", b"", 1) is first
    drawn._drawn |= {("b", number): first for number in range(KEPT)}
    assert (await drawn.page("c", files.pdf(), 2)).picture is None
    assert len(drawn._drawn) == KEPT and ("a", 1) not in drawn._drawn


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (files.encrypted_pdf(), "encrypted"),
        (b"%PDF-1.7\njunk", "unreadable"),
        (files.png(), "unreadable"),
        (b"", "unreadable"),
        (b"%PDF-" + bytes(31 * 1024 * 1024), "too-large"),
    ],
    ids=["encrypted", "junk", "picture", "empty", "large"],
)
async def test_what_is_no_readable_pdf_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(ExtractionRefused) as told:
        await Drawing().page("a", content, 1)
    assert told.value.code == code
