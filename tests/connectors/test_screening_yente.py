"""The OpenSanctions client: what is asked, what the answers become, and a server in trouble."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from connectors.loopback import serving
from connectors.yente_double import DATASET, KEY, YenteDouble
from placet.connectors.screening.local_list import LocalListScreener
from placet.connectors.screening.port import (
    ScreenedList,
    ScreeningRefused,
    ScreeningSubject,
    ScreeningUnavailable,
    SubjectKind,
)
from placet.connectors.screening.yente import YenteScreener, YenteSettings

SUBJECT = ScreeningSubject(name="Viktor Morozenko")


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[YenteDouble, str]]:
    double = YenteDouble(LocalListScreener())
    with serving(double) as url:
        yield double, url


@pytest.fixture
def double(served: tuple[YenteDouble, str]) -> YenteDouble:
    double, _ = served
    double.faults, double.examples, double.catalogues = {}, [], 0
    return double


@pytest.fixture
def url(served: tuple[YenteDouble, str], double: YenteDouble) -> str:
    return served[1]


def client(url: str, key: str = KEY, **changes: Any) -> YenteScreener:
    settings = {"url": url, "dataset": DATASET, "api_key_env": "KEY", "timeout_seconds": 60} | changes
    return YenteScreener(YenteSettings.model_validate(settings), {"KEY": key})


async def test_the_subject_becomes_an_example_of_its_schema(double: YenteDouble, url: str) -> None:
    screener = client(url)
    person = {"name": "A B", "aliases": ("C D",), "birth_date": date(1961, 4, 17), "countries": ("RU", "CY")}
    await screener.screen(ScreeningSubject.model_validate(person))
    company = ScreeningSubject(name="A GmbH", kind=SubjectKind.COMPANY, birth_date=date(1987, 1, 1))
    await screener.screen(company)
    assert double.examples == [
        {
            "schema": "Person",
            "properties": {"name": ["A B"], "alias": ["C D"], "birthDate": ["1961-04-17"], "country": ["ru", "cy"]},
        },
        {"schema": "Company", "properties": {"name": ["A GmbH"], "incorporationDate": ["1987-01-01"]}},
    ]


async def test_the_reasons_of_the_server_are_told_for_and_against(double: YenteDouble, url: str) -> None:
    (hit,) = (await client(url).screen(SUBJECT)).hits
    assert hit.matched_name == "Victor Morozenko"
    assert hit.why == (
        "Speaks for it: name match (“Viktor Morozenko” and “Victor Morozenko”)",
        "Speaks against it: dob year disjoint: 1961 and 1962",
        "Listed for: sanction.",
    )


async def test_the_report_names_the_version_that_is_searched_and_asks_for_it_once(
    double: YenteDouble, url: str
) -> None:
    screener = client(url)
    for _ in range(3):
        report = await screener.screen(SUBJECT)
    assert report.lists == (ScreenedList(name=DATASET, entries=31, version="20261119120000-xyz"),)
    assert double.catalogues == 1


async def test_only_what_reaches_the_threshold_is_a_hit(double: YenteDouble, url: str) -> None:
    (hit,) = (await client(url).screen(SUBJECT)).hits
    assert (await client(url, threshold=hit.score).screen(SUBJECT)).hits == (hit,)
    assert (await client(url, threshold=hit.score + 1).screen(SUBJECT)).hits == ()


@pytest.mark.parametrize("path", ["GET catalog", "POST match"])
@pytest.mark.parametrize(
    "answer",
    [
        lambda: JSONResponse({"detail": "Index not ready."}, 503),
        lambda: PlainTextResponse("boom", 500),
        lambda: JSONResponse({"detail": "Too many requests"}, 429),
        lambda: JSONResponse({"detail": "No credit"}, 402),
        lambda: JSONResponse({"detail": "No such dataset."}, 404),
        lambda: PlainTextResponse("<html>a proxy</html>"),
        lambda: PlainTextResponse("x" * (21 * 1024 * 1024)),
    ],
)
async def test_a_server_in_trouble_may_be_asked_again(
    double: YenteDouble, url: str, path: str, answer: Callable[[], Response]
) -> None:
    double.faults[path] = answer
    with pytest.raises(ScreeningUnavailable, match="screening"):
        await client(url).screen(SUBJECT)
    double.faults = {}
    assert (await client(url).screen(SUBJECT)).found == 1


async def test_an_answer_to_another_question_is_no_clearance(double: YenteDouble, url: str) -> None:
    empty = {"status": 500, "results": [], "total": {"value": 0}}
    for responses in ({}, {"other": empty}, {"subject": empty}):
        double.faults["POST match"] = lambda found=responses: JSONResponse({"responses": found})  # type: ignore[misc]
        with pytest.raises(ScreeningUnavailable, match="did not answer"):
            await client(url).screen(SUBJECT)


async def test_details_that_the_server_refuses_are_refused(double: YenteDouble, url: str) -> None:
    double.faults["POST match"] = lambda: JSONResponse({"detail": "Cannot parse example entity"}, 400)
    with pytest.raises(ScreeningRefused) as refused:
        await client(url).screen(SUBJECT)
    assert refused.value.code == "subject-refused"


async def test_a_data_set_that_is_not_there_is_told_to_the_operator(url: str) -> None:
    with pytest.raises(ScreeningUnavailable, match="no data set nowhere"):
        await client(url, dataset="nowhere").screen(SUBJECT)


async def test_a_wrong_key_is_told_to_the_operator(url: str) -> None:
    with pytest.raises(ScreeningUnavailable, match="Correct the key"):
        await client(url, key="wrong").screen(SUBJECT)


async def test_a_server_that_is_away_may_be_asked_again() -> None:
    with pytest.raises(ScreeningUnavailable, match="cannot be reached"):
        await client("http://127.0.0.1:1").screen(SUBJECT)


def test_a_missing_key_or_a_wrong_data_set_is_told_at_start() -> None:
    with pytest.raises(ValueError, match="KEY"):
        client("http://127.0.0.1:1", key="")
    with pytest.raises(ValidationError):
        client("http://127.0.0.1:1", dataset="../admin")
