"""The docling-serve client when the server fails, refuses, loses a task or only reads a part."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from tests.samples import files
from tests.samples.files import MEDIA

from connectors.docling_double import KEY, DoclingDouble
from connectors.loopback import serving
from connectors.reading import patient_extractor
from placet.connectors.extraction.docling_serve import DoclingServeExtractor, DoclingServeSettings
from placet.connectors.extraction.port import Extraction, ExtractionRefused, ExtractionUnavailable

DONE = {"task_id": "task-1", "task_type": "convert", "task_status": "success"}


def client(url: str, key: str = KEY, **changes: Any) -> DoclingServeExtractor:
    settings = {"url": url, "api_key_env": "DOCLING_KEY", "poll_seconds": 1, "timeout_seconds": 120}
    return DoclingServeExtractor(DoclingServeSettings.model_validate(settings | changes), {"DOCLING_KEY": key})


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DoclingDouble, str]]:
    double = DoclingDouble(patient_extractor())
    with serving(double) as url:
        yield double, url


@pytest.fixture
def double(served: tuple[DoclingDouble, str]) -> DoclingDouble:
    double, _ = served
    double.faults, double.names, double.polls = {}, [], 0
    return double


@pytest.fixture
def url(served: tuple[DoclingDouble, str], double: DoclingDouble) -> str:
    return served[1]


async def read(url: str, **changes: Any) -> Extraction:
    return await client(url, **changes).extract(files.pdf(), MEDIA["pdf"], "Deed of Zoë Müller.pdf")


def failed(**failure: Any) -> Response:
    return JSONResponse(DONE | {"task_status": "failure", "error_message": "It failed.", "failure": failure or None})


def result(**changes: Any) -> Response:
    whole: dict[str, Any] = {"document": {"filename": "x", "md_content": "A deed."}, "status": "success", "errors": []}
    return JSONResponse(whole | {"processing_time": 1.0} | changes)


async def test_the_server_is_not_told_the_name_of_the_file_and_is_asked_until_done(
    double: DoclingDouble, url: str
) -> None:
    await read(url)
    assert double.names == ["document.pdf"]
    assert double.polls == 2


@pytest.mark.parametrize("path", ["POST convert", "GET status", "GET result"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda: JSONResponse({"detail": "Server is busy, please try again shortly."}, 503, {"Retry-After": "1"}),
        lambda: PlainTextResponse("boom", 500),
        lambda: JSONResponse({"detail": "slow down"}, 429),
        lambda: JSONResponse({"detail": "Task not found."}, 404),
        lambda: JSONResponse({"detail": [{"msg": "Input should be 'inbody'"}]}, 422),
        lambda: PlainTextResponse("<html>a proxy</html>"),
        lambda: JSONResponse(["not", "an", "object"]),
        lambda: RedirectResponse("http://127.0.0.1:9/"),
    ],
)
async def test_a_server_in_trouble_may_be_asked_again(
    double: DoclingDouble, url: str, path: str, answer: Callable[[], Response]
) -> None:
    double.faults[path] = answer
    with pytest.raises(ExtractionUnavailable, match="docling server"):
        await read(url)


@pytest.mark.parametrize(("status", "code"), [(413, "too-large"), (415, "unsupported-type")])
async def test_a_document_that_the_server_refuses_is_refused(
    double: DoclingDouble, url: str, status: int, code: str
) -> None:
    double.faults["POST convert"] = lambda: JSONResponse({"detail": "no"}, status)
    with pytest.raises(ExtractionRefused) as refused:
        await read(url)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: failed(), "unreadable"),
        (lambda: failed(category="backend_failure", message="Bad xref.", retryable=False), "unreadable"),
        (lambda: failed(category="timeout", message="Too slow.", retryable=False), "unreadable"),
        (lambda: failed(category="policy", message="Incorrect password.", retryable=False), "encrypted"),
    ],
)  # fmt: skip
async def test_a_failed_task_refuses_the_document(
    double: DoclingDouble, url: str, answer: Callable[[], Response], code: str
) -> None:
    double.faults["GET status"] = answer
    with pytest.raises(ExtractionRefused) as refused:
        await read(url)
    assert refused.value.code == code


@pytest.mark.parametrize("failure", [{"category": "capacity"}, {"category": "internal", "retryable": True}])
async def test_a_failure_that_passes_may_be_tried_again(
    double: DoclingDouble, url: str, failure: dict[str, Any]
) -> None:
    double.faults["GET status"] = lambda: failed(**failure)
    with pytest.raises(ExtractionUnavailable):
        await read(url)
    double.faults = {"GET result": lambda: JSONResponse({"kind": "TaskFailureResult", "failure": failure})}
    with pytest.raises(ExtractionUnavailable):
        await read(url)


@pytest.mark.parametrize(
    ("errors", "note"),
    [
        ([{"error_message": "x", "page_no": 3}, {"error_message": "y", "page_no": 2}], "Not read: page 2, 3."),
        ([{"error_message": "x"}], "Parts of the document could not be read."),
    ],
)
async def test_what_the_server_could_not_read_is_told(
    double: DoclingDouble, url: str, errors: list[dict[str, Any]], note: str
) -> None:
    double.faults["GET result"] = lambda: result(status="partial_success", errors=errors)
    found = await read(url)
    assert (found.text, found.note) == ("A deed.", note)


@pytest.mark.parametrize("text", ["<!-- image -->", "![Image](data:image/png;base64,AAAA)", " \n", None])
async def test_pictures_are_no_text(double: DoclingDouble, url: str, text: str | None) -> None:
    double.faults["GET result"] = lambda: result(document={"filename": "x", "md_content": text})
    found = await read(url)
    assert (found.text, found.needs_ocr) == ("", True)


async def test_an_answer_that_is_far_too_large_is_cut_off(double: DoclingDouble, url: str) -> None:
    async def large() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield bytes(1 << 20)

    double.faults["GET result"] = lambda: StreamingResponse(large())
    with pytest.raises(ExtractionRefused) as refused:
        await read(url)
    assert refused.value.code == "too-large"


async def test_a_task_that_never_ends_is_given_up(double: DoclingDouble, url: str) -> None:
    double.faults["GET status"] = lambda: JSONResponse(DONE | {"task_status": "started"})
    with pytest.raises(ExtractionUnavailable, match="too long"):
        await read(url, timeout_seconds=0.3)


async def test_a_wrong_key_is_told_to_the_operator(url: str) -> None:
    with pytest.raises(ExtractionUnavailable, match="Correct the key"):
        await read(url, key="wrong")


async def test_a_server_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(ExtractionUnavailable, match="cannot be reached"):
        await read("http://127.0.0.1:1")


def test_a_missing_key_or_url_is_told_at_start() -> None:
    with pytest.raises(ValueError, match="DOCLING_KEY"):
        client("http://127.0.0.1:1", key="")
    with pytest.raises(ValidationError):
        DoclingServeSettings.model_validate({"url": "docling.example.org"})
