"""The embedded screener: names in many scripts, false friends, birth dates, countries, and the files it reads."""

import asyncio
import json
import os
import random
import time
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.connectors.screening.entries import COLUMNS, Entry, ListUnreadable, read_lists
from placet.connectors.screening.evidence import besides_the_name
from placet.connectors.screening.index import NameIndex
from placet.connectors.screening.local_list import SAMPLE, LocalListScreener, LocalListSettings
from placet.connectors.screening.names import parse_name
from placet.connectors.screening.port import (
    MAX_HITS,
    ScreeningReport,
    ScreeningSubject,
    ScreeningUnavailable,
    SubjectKind,
)
from placet.connectors.screening.similarity import compare

PERSON, COMPANY = SubjectKind.PERSON, SubjectKind.COMPANY
THRESHOLD = 0.8
SAMPLE_ENTRIES = read_lists(SAMPLE).entries
SAMPLE_INDEX = NameIndex(SAMPLE_ENTRIES)


def likeness(ours: str, theirs: str, kind: SubjectKind = PERSON) -> float:
    """The best score through the index, so that a name the index misses counts as not alike."""
    index = NameIndex([Entry("1", (theirs,), kind, "list")])
    name = parse_name(ours, kind)
    return max((compare(name, listed.name).score for listed in index.candidates(name, kind, THRESHOLD)), default=0.0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Vladimir Primerov", "Владимир Примеров"),
        ("Wladimir Primeroff", "Vladimir Primerov"),
        ("Primerov, Vladimir", "Vladimir Ivanovich Primerov"),
        ("V. Primerov", "Vladimir Primerov"),
        ("Yuri Shcherbakov", "Юрий Щербаков"),
        ("Aleksandr Zaharov", "Alexander Zakharov"),
        ("Сергей Петрович Образцов", "Sergey Obraztsov"),
        ("Eleni Papadopoulou", "Ελένη Παπαδοπούλου"),
        ("Muhammad al-Husseini", "محمد الحسيني"),
        ("Mohamed Hussaini", "مُحَمَّد الحسيني"),
        ("Mohammed Hussein", "Muhammad Husain"),
        ("Abdurrahman Saleh", "Abd al-Rahman Saleh"),
        ("Abdel Rahman Saleh", "Abdulrahman Saleh"),
        ("Saleh Abdul Rahman", "عبد الرحمن صالح"),
        ("Saleh Abdulrahman", "عبدالرحمن صالح"),
        ("Avraham Cohen", "אברהם כהן"),
        ("Wang Xiaoming", "王小明"),
        ("Xiaoming WANG", "王小明"),
        ("王小明", "Xiao Ming Wang"),
        ("王 小明", "王小明"),
        ("Zoe Muller", "Zoë Müller"),
        ("Zoe Mueller", "Zoë Müller"),
        ("Strassburger Jorg", "Jörg Straßburger"),
        ("Caglar Ornekoglu", "ÇAĞLAR ÖRNEKOĞLU"),
        ("Ｆｕｌｌ Ｗｉｄｔｈ", "Full Width"),
        ("O'Neil Patrick", "Patrick O’Neil"),
        ("Jean Paul Exemple", "Jean-Paul Exemple"),
        ("Nguyen Van Du", "Nguyễn Văn Dụ"),
        ("Giorgi Magaliti", "გიორგი მაგალითი"),
    ],
)
def test_the_same_person_is_found_in_another_spelling(ours: str, theirs: str) -> None:
    assert likeness(ours, theirs) >= THRESHOLD
    assert likeness(theirs, ours) >= THRESHOLD


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Beispiel Handel", "Beispiel Handel GmbH & Co. KG"),
        ("BEISPIEL HANDEL AG", "Beispiel Handel GmbH"),
        ("Exemple Maritime SARL", "Exemple Maritime S.à r.l."),
        ("Ejemplar de Minas SA", "Ejemplar de Minas, S.A."),
        ("Romashka OOO", "ООО «Ромашка»"),
        ("PJSC Bank Primer", "Публичное акционерное общество Банк Пример"),
        ("翠湖贸易", "翠湖贸易有限公司"),
        ("Northern-Lantern Trading Ltd", "NorthernLantern Trading Limited"),
    ],
)
def test_the_legal_form_of_a_company_does_not_count(ours: str, theirs: str) -> None:
    assert likeness(ours, theirs, COMPANY) >= THRESHOLD
    assert likeness(theirs, ours, COMPANY) >= THRESHOLD


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ("Ivan Petrov", "Ivan Petrovich Sidorov", PERSON),
        ("John Smith", "John Smithson", PERSON),
        ("Robert Brown", "Brown Robertson", PERSON),
        ("Putin", "Vladimir Primerov", PERSON),
        ("Primerov", "Vladimir Primerov", PERSON),
        ("Ali Hassan", "Leila Hussein Karimi", PERSON),
        ("Maria Lopez", "Marta Gomez", PERSON),
        ("علي حسن", "محمد حسين", PERSON),
        ("Ali Hassan", "ليلى حسن", PERSON),
        ("王小明", "李大明", PERSON),
        ("Li Daming", "王小明", PERSON),
        ("A. B.", "Anna Berg", PERSON),
        ("Global Trading Ltd", "Global Shipping Ltd", COMPANY),
        ("Fund 17 Capital", "Fund 71 Capital Bank", COMPANY),
        ("GmbH", "Beispiel GmbH", COMPANY),
    ],
)
def test_false_friends_stay_apart(ours: str, theirs: str, kind: SubjectKind) -> None:
    assert likeness(ours, theirs, kind) < THRESHOLD
    assert likeness(theirs, ours, kind) < THRESHOLD


def test_less_certain_likenesses_score_less() -> None:
    exact, spelled, shorter, initial = (
        likeness(ours, "Vladimir Ivanovich Primerov")
        for ours in (
            "Vladimir Ivanovich Primerov", "Wladimir Iwanowitsch Primerov", "Vladimir Primerov", "V. I. Primerov",
        )
    )  # fmt: skip
    assert exact == 1
    assert exact > spelled > shorter > initial


LETTERS = st.sampled_from(
    "aáàâäbcćčdeéèêfghiíîjklłmnñoóöøpqrsšßtuúüvwxyzžабвгдежзийклмнопрстуфхцчшщыэюяαβγδεζηικλμνπρστωάέ"
)
WORD = st.text(LETTERS, min_size=2, max_size=12)
WORDS = st.lists(WORD, min_size=1, max_size=4)


def best(name: str, index: NameIndex, kind: SubjectKind = PERSON) -> dict[str, float]:
    parsed = parse_name(name, kind)
    found: dict[str, float] = {}
    for entry, theirs in index.candidates(parsed, kind, THRESHOLD):
        found[entry.id] = max(found.get(entry.id, 0.0), round(compare(parsed, theirs).score, 9))
    return {entry: score for entry, score in found.items() if score >= THRESHOLD}


@given(WORDS, st.lists(WORDS, max_size=5))
def test_a_listed_name_always_finds_itself(words: list[str], others: list[list[str]]) -> None:
    listed = [Entry(str(number), (" ".join(one),), PERSON, "list") for number, one in enumerate([words, *others])]
    assert best(" ".join(words), NameIndex(listed))["0"] == 1


@given(st.text(min_size=1, max_size=30))
def test_any_text_can_be_looked_up_and_finds_itself_if_it_has_letters(text: str) -> None:
    index = NameIndex([Entry("0", (text,), None, "list")])
    for kind in SubjectKind:
        assert len(index) == 0 or best(text, index, COMPANY)["0"] == 1
        best(text, SAMPLE_INDEX, kind)


@given(st.sampled_from(SAMPLE_ENTRIES), st.randoms(use_true_random=False))
def test_case_accents_and_order_change_nothing(entry: Entry, chance: random.Random) -> None:
    name = entry.names[0]
    if entry.kind is not PERSON or parse_name(name, PERSON).script in ("Chinese characters", "Korean"):
        return
    words = name.split()
    chance.shuffle(words)
    expected = best(name, SAMPLE_INDEX)
    assert expected[entry.id] == 1
    assert best(" ".join(words), SAMPLE_INDEX) == expected
    assert best(name.upper(), SAMPLE_INDEX) == expected
    assert best(unicodedata.normalize("NFD", name), SAMPLE_INDEX) == expected
    if parse_name(name, PERSON).script == "Latin":
        plain = unicodedata.normalize("NFD", name)
        assert best("".join(char for char in plain if not unicodedata.combining(char)), SAMPLE_INDEX) == expected


@pytest.mark.parametrize(
    ("ours", "listed", "points", "told"),
    [
        (date(1961, 4, 17), ("1961-04-17",), 0, "The birth date agrees"),
        (date(1961, 4, 17), ("1961",), 0, "only the year 1961"),
        (date(1961, 4, 17), ("1961-04",), 0, "only the month 1961-04"),
        (date(1961, 4, 7), ("1961-07-04",), 3, "swapped"),
        (date(1961, 4, 17), ("1961-04-18",), 10, "differ a little"),
        (date(1961, 4, 17), ("1962",), 10, "differ a little"),
        (date(1961, 4, 17), ("1990",), 40, "29 years apart"),
        (date(1961, 4, 17), ("1990", "1961-04-17"), 0, "agrees"),
        (None, ("1961",), 0, "not known"),
        (date(1961, 4, 17), (), 0, "gives no birth date"),
        (None, (), 0, "No birth date"),
    ],
)
def test_birth_dates_are_weighed(ours: date | None, listed: tuple[str, ...], points: int, told: str) -> None:
    entry = Entry("1", ("A B",), PERSON, "list", birth_dates=listed)
    evidence = besides_the_name(ScreeningSubject(name="A B", birth_date=ours), entry)
    assert sum(one.points for one in evidence) == points
    assert told in evidence[0].text


@pytest.mark.parametrize(
    ("ours", "listed", "points", "told"),
    [
        (("ru", "CY"), ("CY",), 0, "The country agrees: CY."),
        (("DE",), ("RU",), 5, "The countries differ: DE here, RU in the list."),
        ((), ("RU",), 0, "cannot be compared"),
        (("DE",), (), 0, "cannot be compared"),
    ],
)
def test_countries_are_weighed(ours: tuple[str, ...], listed: tuple[str, ...], points: int, told: str) -> None:
    entry = Entry("1", ("A B",), PERSON, "list", countries=listed)
    evidence = besides_the_name(ScreeningSubject(name="A B", countries=ours), entry)
    assert sum(one.points for one in evidence) == points
    assert told in evidence[1].text


async def screened(path: Path, name: str, **facts: Any) -> ScreeningReport:
    screener = LocalListScreener(LocalListSettings(path=path))
    return await screener.screen(ScreeningSubject(name=name, **facts))


async def test_somebody_of_the_same_name_and_another_age_is_set_aside_with_the_reason() -> None:
    report = await screened(SAMPLE, "Viktor Morozenko", birth_date=date(1999, 1, 1), countries=("AR",))
    assert (report.hits, report.found) == ((), 0)
    (aside,) = report.set_aside
    assert aside.entity == "sample-001"
    assert any("38 years apart" in line for line in aside.why)
    assert any("AR here, RU" in line for line in aside.why)


def csv_list(folder: Path, *rows: str) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join((",".join(COLUMNS), *rows)) + "\n", encoding="utf-8")
    return path


def ftm_list(folder: Path, *entities: dict[str, Any]) -> Path:
    path = folder / "entities.ftm.json"
    path.write_text("".join(json.dumps(entity, ensure_ascii=False) + "\n" for entity in entities), encoding="utf-8")
    return path


async def test_a_list_in_csv_is_read_with_its_versions(tmp_path: Path) -> None:
    path = csv_list(tmp_path, '1,"Doe, Jane",Jeanne D;J. Doe,person,1961;1962-03,fr;US,sanction,A', "2,Acme,,,,,,B")
    (jane, acme) = read_lists(path).entries
    assert jane == Entry(
        "1", ("Doe, Jane", "Jeanne D", "J. Doe"), PERSON, "A", ("1961", "1962-03"), ("FR", "US"), ("sanction",)
    )
    assert acme == Entry("2", ("Acme",), None, "B")
    report = await screened(path, "Jane Doe")
    assert [(one.name, one.entries) for one in report.lists] == [("A", 1), ("B", 1)]
    assert len({one.version for one in report.lists}) == 1
    assert (await screened(path, "Acme", kind=COMPANY)).found == (await screened(path, "Acme")).found == 1


async def test_a_list_of_followthemoney_entities_is_read(tmp_path: Path) -> None:
    properties = {
        "name": ["Иван Примеров", "Ivan Primerov"], "alias": ["Vanya"], "birthDate": ["1961-04-17"],
        "nationality": ["ru"], "country": ["cy", "ru"], "topics": ["sanction"],
    }  # fmt: skip
    person = {
        "id": "Q1",
        "schema": "Person",
        "caption": "Ivan Primerov",
        "properties": properties,
        "datasets": ["x", "a"],
    }
    path = ftm_list(
        tmp_path,
        person,
        {"id": "Q2", "schema": "Vessel", "properties": {"name": ["Ivan Primerov"]}},
        {"id": "Q3", "schema": "LegalEntity", "properties": {"name": ["Primerov Holding"]}},
        {"id": "Q4", "schema": "Person", "properties": {"birthDate": ["1990"]}},
    )
    names = ("Ivan Primerov", "Иван Примеров", "Vanya")
    assert read_lists(path).entries == (
        Entry("Q1", names, PERSON, "a, x", ("1961-04-17",), ("CY", "RU"), ("sanction",)),
        Entry("Q3", ("Primerov Holding",), None, "entities"),
    )
    (hit,) = (await screened(path, "Примеров Иван")).hits
    assert (hit.caption, hit.score) == ("Ivan Primerov", 100)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "id,name\n1,Jane\n", "the first line lacks aliases"),
        ("a.csv", ",".join(COLUMNS) + "\n,Jane,,,,,,A\n", "line 2: id is empty"),
        ("a.csv", ",".join(COLUMNS) + "\n1,Jane,,human,,,,A\n", "line 2: kind is 'human'"),
        ("a.csv", ",".join(COLUMNS) + "\n1,Jane,,,17.4.1961,,,A\n", "line 2: birth_date is '17.4.1961'"),
        ("a.csv", ",".join(COLUMNS) + "\n", "has no entries"),
        ("a.csv", ",".join(COLUMNS) + '\n1,"Jane', "unexpected end of data"),
        ("a.json", '{"id": "1", "schema": "Person", "properties": {"name": ["A"]}}\n{"id"', "line 2 is not"),
        ("a.json", '{"schema": "Person", "properties": {"name": ["A"]}}', "line 1 is not"),
        ("a.json", "[]", "line 1 is not"),
        ("a.json", "", "has no entries"),
    ],
)
async def test_a_list_with_a_mistake_is_not_used_at_all(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ListUnreadable, match=told):
        read_lists(path)
    with pytest.raises(ScreeningUnavailable, match="cannot be used"):
        await screened(path, "Jane Doe")


async def test_a_list_that_is_replaced_is_read_again_and_a_broken_one_clears_nobody(tmp_path: Path) -> None:
    path = csv_list(tmp_path, "1,Jane Doe,,person,,,,A")
    screener = LocalListScreener(LocalListSettings(path=path))
    before = await screener.screen(ScreeningSubject(name="Jane Doe"))
    os.utime(csv_list(tmp_path, "1,John Roe,,person,,,,A"), ns=(1, 1))
    after = await screener.screen(ScreeningSubject(name="Jane Doe"))
    assert (before.found, after.found) == (1, 0)
    assert before.lists[0].version != after.lists[0].version
    path.write_text("broken")
    with pytest.raises(ScreeningUnavailable):
        await screener.screen(ScreeningSubject(name="John Roe"))
    path.unlink()
    with pytest.raises(ScreeningUnavailable):
        await screener.screen(ScreeningSubject(name="John Roe"))


def test_a_list_that_does_not_exist_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no screening list"):
        LocalListScreener(LocalListSettings(path=tmp_path / "missing.csv"))


async def test_at_most_fifty_hits_travel_and_the_report_tells_how_many_there_are(tmp_path: Path) -> None:
    report = await screened(csv_list(tmp_path, *(f"{n},Jane Doe,,person,,,,A" for n in range(80))), "Jane Doe")
    assert (len(report.hits), report.found) == (MAX_HITS, 80)


async def test_many_screenings_at_once_read_the_list_once_and_agree() -> None:
    screener = LocalListScreener()
    subject = ScreeningSubject(name="Søren Prøvesen")
    reports = await asyncio.gather(*(screener.screen(subject) for _ in range(8)))
    assert len({report.model_dump_json() for report in reports}) == 1


def test_a_large_list_is_searched_in_well_under_a_second() -> None:
    chance = random.Random(7)
    syllables = ("ka", "mo", "ri", "ta", "ven", "shi", "dor", "al", "be", "ni", "lu", "per", "gri", "an", "ov", "sky")
    names = [" ".join("".join(chance.choices(syllables, k=3)) for _ in range(3)) for _ in range(20_000)]
    index = NameIndex(Entry(str(number), (name,), PERSON, "list") for number, name in enumerate(names))
    for number in (0, 9_999, 19_999):
        started = time.process_time()
        assert best(names[number], index)[str(number)] == 1
        assert time.process_time() - started < 1
