"""Reading in a process of its own: limits of memory, time, files and network, and nothing left behind."""

import asyncio
import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pptx
import pytest
import typst
from tests.samples.files import MEDIA, endless_pdf, pdf

from connectors.reading import patient_extractor
from placet.connectors.extraction import parse
from placet.connectors.extraction.content import DAMAGED, TOO_HARD, ExtractionRefused, Format
from placet.connectors.extraction.local import LocalExtractionSettings, LocalExtractor
from placet.connectors.extraction.port import ExtractionUnavailable

LARGE_TEXT = b"All work and no play. " * 1_300_000
DEADLINE_SECONDS = 90
POLL_SECONDS = 0.02


def limited(**settings: float) -> LocalExtractor:
    return LocalExtractor(LocalExtractionSettings.model_validate(settings))


def children() -> set[int]:
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in found if reads(pid)}


def reads(pid: str) -> bool:
    with contextlib.suppress(OSError):
        return b"extraction.parse" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


async def test_a_document_that_takes_too_much_memory_is_unreadable() -> None:
    with pytest.raises(ExtractionRefused, match="more memory or time") as refused:
        await limited(memory_megabytes=100, timeout_seconds=DEADLINE_SECONDS).extract(LARGE_TEXT, "text/plain", "")
    assert refused.value.code == "unreadable"


async def test_a_document_that_takes_too_much_processor_time_is_unreadable() -> None:
    with pytest.raises(ExtractionRefused, match="more memory or time") as refused:
        # Far more than it is given on the fastest of machines, and on the slowest all that comes before is less.
        await limited(cpu_seconds=2, timeout_seconds=DEADLINE_SECONDS).extract(endless_pdf(), MEDIA["pdf"], "")
    assert refused.value.code == "unreadable"
    assert not children()


async def test_a_machine_that_is_too_slow_is_no_fault_of_the_document() -> None:
    with pytest.raises(ExtractionUnavailable, match="too long"):
        await limited(timeout_seconds=0.01).extract(pdf(), MEDIA["pdf"], "")
    assert not children()


async def test_a_process_that_cannot_start_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    with pytest.raises(ExtractionUnavailable, match="did not start"):
        await LocalExtractor().extract(pdf(), MEDIA["pdf"], "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ExtractionUnavailable, match="No process could be started"):
        await LocalExtractor().extract(pdf(), MEDIA["pdf"], "")


async def test_cancelling_ends_the_process() -> None:
    task = asyncio.create_task(LocalExtractor().extract(LARGE_TEXT, "text/plain", ""))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not children():
            await asyncio.sleep(POLL_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not children()


async def test_the_process_sees_no_secret_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_SECRET", "hidden")
    task = asyncio.create_task(LocalExtractor().extract(LARGE_TEXT, "text/plain", ""))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not (found := children()):
            await asyncio.sleep(POLL_SECONDS)
        seen = Path(f"/proc/{found.pop()}/environ").read_bytes()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert b"LC_ALL" in seen
    assert b"hidden" not in seen


@pytest.mark.parametrize(
    ("attempt", "ending"),
    [
        ("bytearray(1 << 30)", "MemoryError"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "PermissionError"),
        ("import socket; socket.getaddrinfo('example.org', 80)", "PermissionError"),
        ("import subprocess; subprocess.run(['true'])", "PermissionError"),
        ("import os; os.system('true')", "PermissionError"),
        ("import os; os.remove(__file__)", "PermissionError"),
        ("open('TARGET', 'w')", "PermissionError"),
        ("import os; os.write(kept, b'x')", "OSError: [Errno 27]"),
        ("[open('/dev/null') for _ in range(100)]", "OSError: [Errno 24]"),
        ("print('alive')", ""),
    ],
)
def test_the_process_can_do_nothing_but_read(tmp_path: Path, attempt: str, ending: str) -> None:
    script = tmp_path / "attempt.py"
    script.write_text(
        "from placet.connectors.extraction.parse import allow_only_reading, limit_process\n"
        f"kept = __import__('os').open({str(tmp_path / 'kept')!r}, 0o101)\n"
        f"limit_process(512, 5)\nallow_only_reading()\n{attempt.replace('TARGET', str(tmp_path / 'out'))}\n"
    )
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == (1 if ending else 0)
    assert ending in (done.stderr.strip().splitlines() or [""])[-1]
    assert not (tmp_path / "out").exists()


def test_a_format_whose_engine_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docling", None)
    answer = parse.guarded(parse.parser_of(Format.DOCX), b"x")
    assert answer["refused"] == "unsupported-type"
    assert "placet[documents]" in answer["note"]


@pytest.mark.parametrize(
    ("error", "note"),
    [(MemoryError(), TOO_HARD), (RecursionError(), TOO_HARD), (KeyError("x"), DAMAGED), (OSError(), DAMAGED)],
)
def test_whatever_a_parser_raises_is_a_refusal(error: Exception, note: str) -> None:
    def broken(content: bytes) -> dict[str, object]:
        raise error

    assert parse.guarded(broken, b"x") == {"refused": "unreadable", "note": note}


def test_more_text_than_anyone_reads_is_refused() -> None:
    answer = parse.guarded(lambda content: {"text": "x" * (parse.MAX_CHARACTERS + 1)}, b"x")
    assert answer["refused"] == "too-large"


async def test_a_page_with_a_drawing_and_text_is_no_scan() -> None:
    drawn = typst.compile(b"#rect(width: 100%, height: 50%)\nThe plan of the house, with all its rooms and stairs.")
    found = await patient_extractor().extract(drawn, MEDIA["pdf"], "")
    assert not found.needs_ocr
    stamp = typst.compile(b"#rect(width: 100%, height: 90%)")
    assert (await patient_extractor().extract(stamp, MEDIA["pdf"], "")).needs_ocr
    blank = await patient_extractor().extract(typst.compile(b"#pagebreak()"), MEDIA["pdf"], "")
    assert (blank.text, blank.pages, blank.needs_ocr) == ("", 2, False)


async def test_sheets_slides_and_web_pages_are_read() -> None:
    book, slides = openpyxl.Workbook(), pptx.Presentation()
    assert book.active is not None
    book.active.append(["Owner", "Share"])
    book.active.append(["Zoë Müller", 25])
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    assert slide.shapes.title is not None
    slide.shapes.title.text = "Ownership of the group"
    out_book, out_slides = io.BytesIO(), io.BytesIO()
    book.save(out_book)
    slides.save(out_slides)
    page = b"<html><body><h1>A &amp; B</h1><img src='http://127.0.0.1:9/x.png'><script>alert(1)</script></body></html>"
    extractor = patient_extractor()
    sheet, deck, web = await asyncio.gather(
        extractor.extract(out_book.getvalue(), MEDIA["xlsx"], ""),
        extractor.extract(out_slides.getvalue(), MEDIA["pptx"], ""),
        extractor.extract(page, "text/html", ""),
    )
    assert "Zoë Müller" in sheet.text
    assert (deck.text.strip(), deck.pages) == ("# Ownership of the group", 1)
    assert "# A & B" in web.text
    assert "alert" not in web.text
