"""Screening: one suite over the embedded list and the OpenSanctions client, and the step of a case."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from connectors.loopback import serving
from connectors.yente_double import DATASET, KEY, YenteDouble
from placet.connectors.screening.local_list import LocalListScreener
from placet.connectors.screening.port import (
    MAX_HITS,
    Screener,
    ScreeningActivities,
    ScreeningRefused,
    ScreeningReport,
    ScreeningSubject,
    SubjectKind,
)
from placet.connectors.screening.yente import YenteScreener, YenteSettings
from placet.domain.step import Step

STEP = Step(case_id="case-1", name="screening.investigate")


@pytest.fixture(scope="module", params=["local", "yente"])
def screener(request: pytest.FixtureRequest) -> Iterator[Screener]:
    if request.param == "local":
        yield LocalListScreener()
        return
    with serving(YenteDouble(LocalListScreener())) as url:
        settings = YenteSettings.model_validate({"url": url, "dataset": DATASET, "api_key_env": "KEY"})
        yield YenteScreener(settings, {"KEY": KEY})


async def screened(screener: Screener, name: str, **facts: Any) -> ScreeningReport:
    return await screener.screen(ScreeningSubject(name=name, **facts))


async def test_a_listed_person_is_found_with_evidence(screener: Screener) -> None:
    report = await screened(screener, "Viktor Morozenko", birth_date=date(1961, 4, 17), countries=("RU",))
    (hit,) = report.hits
    assert (hit.entity, hit.caption) == ("sample-001", "Viktor Alexandrovich Morozenko")
    assert report.threshold <= hit.score <= 100
    assert (hit.birth_dates, hit.countries, hit.topics) == (("1961-04-17",), ("RU",), ("sanction",))
    assert hit.list_name == "Invented sanctions (sample)"
    assert len(hit.why) >= 2
    assert "Listed for: sanction." in hit.why
    assert report.found == 1


async def test_a_person_who_is_not_listed_is_not_found(screener: Screener) -> None:
    report = await screened(screener, "Wilhelmina Quartz")
    assert (report.hits, report.found) == ((), 0)
    assert report.lists
    assert all(one.name and one.version for one in report.lists)


async def test_companies_and_people_are_not_mixed_up(screener: Screener) -> None:
    assert (await screened(screener, "Beispiel Maschinenbau", kind=SubjectKind.COMPANY)).found == 1
    assert (await screened(screener, "Beispiel Maschinenbau")).found == 0


async def test_an_alias_of_the_subject_is_looked_up_as_well(screener: Screener) -> None:
    report = await screened(screener, "Somebody Else", aliases=("Виктор Морозенко", "Vitya"))
    assert [hit.entity for hit in report.hits] == ["sample-001"]


async def test_a_name_in_another_script_is_found(screener: Screener) -> None:
    report = await screened(screener, "يوسف حسن القاسمي")
    assert [(hit.entity, hit.matched_name) for hit in report.hits] == [("sample-004", "يوسف حسن القاسمي")]


async def test_the_report_is_the_same_when_asked_again(screener: Screener) -> None:
    assert await screened(screener, "Søren Prøvesen") == await screened(screener, "Søren Prøvesen")


async def test_a_name_without_letters_is_refused(screener: Screener) -> None:
    with pytest.raises(ScreeningRefused) as refused:
        await screened(screener, "—!?")
    assert refused.value.code == "unusable-name"


async def test_the_step_answers_with_the_report_and_fails_for_good_on_a_useless_name(screener: Screener) -> None:
    activities, environment = ScreeningActivities(screener), ActivityEnvironment()
    report: ScreeningReport = await environment.run(
        activities.investigate, STEP, ScreeningSubject(name="Łukasz Przykładowski")
    )
    assert [hit.entity for hit in report.hits] == ["sample-010"]
    assert len(report.hits) <= MAX_HITS
    assert ScreeningReport.model_validate_json(report.model_dump_json()) == report
    with pytest.raises(ApplicationError) as error:
        await environment.run(activities.investigate, STEP, ScreeningSubject(name="..."))
    assert (error.value.type, error.value.non_retryable) == ("unusable-name", True)
