"""Looking at documents: pictures, PDFs as pictures of their pages, text; and nothing that could do anything."""

import io
import struct

import pypdf
import pytest
import typst
from httpx2 import Response
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from api.office import Office
from api.test_documents import case_of, collecting, give
from samples import files
from web.desk import Desk, desk

ATTACK = b"<script>alert(1)</script>\n<img src=x onerror=alert(2)>"


async def given(office: Office, name: str, content: bytes, who: str = "ben") -> str:
    """The address of a document that somebody gave."""
    case_id = case_of(await collecting(office))
    answer = await give(office, who, case_id, (name, content))
    assert answer.status_code == 201, answer.text
    return f"/cases/{case_id}/documents/{answer.json()['items'][0]['document']['hash']}"


def is_inert(answer: Response) -> None:
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == "inline"
    assert answer.headers["Content-Type"] in ("image/png", "image/jpeg")


async def looked(caller: Desk, address: str, page: int = 1) -> tuple[Response, Response]:
    """The page, and the picture on it."""
    return await caller.get(f"{address}/preview?page={page}"), await caller.get(f"{address}/picture?page={page}")


async def test_a_picture_is_shown_as_it_is_with_its_fingerprint_beside(office: Office) -> None:
    for name, content, media_type in (
        ("a.png", files.png(), "image/png"),
        ("a.jpg", files.jpeg(), "image/jpeg"),
    ):
        address = await given(office, name, content)
        page, picture = await looked(await desk(office, "ben"), address)
        assert f'<img class="preview" src="{address}/picture?page=1"' in page.text
        assert address.rpartition("/")[2] in page.text and name in page.text
        assert (picture.content, picture.headers["Content-Type"]) == (content, media_type)
        is_inert(picture)


async def test_a_pdf_is_shown_as_pictures_of_its_pages_and_never_sent_itself(office: Office) -> None:
    ben = await desk(office, "ben")
    address = await given(office, "deed.pdf", typst.compile(b"One #pagebreak() Two"))
    first, one = await looked(ben, address)
    assert "Page 1 of 2" in first.text and "?page=2" in first.text and "Page before" not in first.text
    second, two = await looked(ben, address, 2)
    assert "Page 2 of 2" in second.text and "Next page" not in second.text
    for picture in (one, two):
        is_inert(picture)
        assert picture.content.startswith(b"\x89PNG") and b"%PDF" not in picture.content
        width, height = struct.unpack_from(">II", picture.content, 16)
        assert 500 < width < height < 3000
    assert one.content != two.content
    for page in (3, 100_000):
        assert [answer.status_code for answer in await looked(ben, address, page)] == [404, 404]
    for page in (0, -1, 10**9):
        assert [answer.status_code for answer in await looked(ben, address, page)] == [422, 422]


async def test_a_huge_page_is_drawn_small(office: Office) -> None:
    address = await given(office, "wide.pdf", typst.compile(b"#set page(width: 180in, height: 1in)\nA"))
    _, picture = await looked(await desk(office, "ben"), address)
    width, height = struct.unpack_from(">II", picture.content, 16)
    assert (width <= 1401, height < 20) == (True, True)


async def test_a_pdf_that_asks_for_scripts_is_drawn_without_them(office: Office) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(files.pdf()))
    script = DictionaryObject()
    script[NameObject("/S")], script[NameObject("/JS")] = NameObject("/JavaScript"), TextStringObject("app.alert(1);")
    writer.root_object[NameObject("/OpenAction")] = script
    out = io.BytesIO()
    writer.write(out)
    _, picture = await looked(await desk(office, "ben"), await given(office, "active.pdf", out.getvalue()))
    is_inert(picture)


async def test_text_is_shown_escaped_and_cut_when_it_is_long(office: Office) -> None:
    ben = await desk(office, "ben")
    page, picture = await looked(ben, await given(office, "notes.txt", b"Notes\n" + ATTACK))
    assert "&lt;script&gt;alert(1)" in page.text and "<script>alert" not in page.text and "<img src=x" not in page.text
    assert picture.status_code == 404
    long, _ = await looked(ben, await given(office, "long.csv", b"a,b\n" * 60_000))
    assert "only the beginning" in long.text and len(long.text) < 300_000


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.docx", files.word(), "cannot be shown here"),
        ("a.pdf", b"%PDF-1.7\nnothing of the kind\n%%EOF", "damaged and cannot be read"),
    ],
)
async def test_what_cannot_be_shown_is_told_and_can_be_downloaded(
    office: Office, name: str, content: bytes, told: str
) -> None:
    address = await given(office, name, content)
    page, picture = await looked(await desk(office, "ben"), address)
    assert (page.status_code, told in page.text, f'href="{address}"' in page.text) == (200, True, True)
    assert picture.status_code == 404


async def test_whoever_may_not_see_the_case_sees_no_preview(office: Office) -> None:
    address = await given(office, "a.png", files.png())
    for who, status in (("mo", 404), (None, 303), ("kofi", 200)):
        assert [answer.status_code for answer in await looked(await desk(office, who), address)] == [status] * 2


async def test_the_case_and_the_task_lead_to_the_preview(office: Office) -> None:
    address = await given(office, "a.png", files.png())
    case_id = address.split("/")[2]
    ben = await desk(office, "ben")
    assert f'href="{address}/preview"' in (await ben.get(f"/cases/{case_id}")).text
    task = (await office.get("ben", f"/api/v1/cases/{case_id}"))["tasks"][0]["id"]
    assert f'href="{address}/preview"' in (await ben.get(f"/tasks/{task}")).text
