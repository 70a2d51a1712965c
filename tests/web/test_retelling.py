"""Sentences of the domain on pages: in the reader's language, and with moments of their own zone."""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from api import chamber, council
from api.office import Office, review
from placet.control.errors import Problem
from placet.domain.people import Named, Role
from placet.domain.said import Said, listed, together
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec, n_of
from placet.web import words
from placet.web.retelling import plain, retold
from web.desk import desk

ARABIC = {"Accept-Language": "ar"}
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ISOLATES = re.compile("[\u2066-\u2069\u200e\u200f]")
LADDER = (
    RungSpec(action=RungAction.REMIND, after=Span("1d")),
    RungSpec(action=RungAction.ESCALATE, after=Span("2d"), to=(Role(name="chief"), Named(person="ben"))),
)


@pytest.fixture
def reading() -> Iterator[None]:
    """An Arabic reader in Tokyo."""
    words.read_by(words.Reader(language="ar", zone=ZoneInfo("Asia/Tokyo"), now=NOON))
    yield
    words.read_by(words.Reader())


def seen(told: str) -> str:
    """What one reads: without marks of direction, and without tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", ISOLATES.sub("", told)))


def test_a_sentence_is_told_in_the_language_and_zone_of_its_reader(reading: None) -> None:
    said = Said("it expires and nothing is paid on %(at)s (%(left)s)", at=NOON, left=timedelta(days=2))
    assert seen(retold(said)) == "تنتهي المهلة في 2 مارس 2026, 21:00 JST (خلال يومين) ولا يُدفع شيء"
    assert '<time datetime="2026-03-02T12:00:00.000000Z" data-moment' in retold(said)
    over = Said("it expires and nothing is paid on %(at)s (%(left)s)", at=NOON, left=timedelta())
    assert "(الآن)" in seen(retold(over))


def test_what_is_inside_a_sentence_is_told_anew_and_names_stay(reading: None) -> None:
    whom = listed([Said("somebody with the role %(role)s in %(scope)s", role="legal", scope="hq"), "ann", "bob"])
    said = together(
        Said("Waiting for %(whom)s: %(title)s.", whom=whom, title=Said("Legal review")),
        Said("It waits until somebody acts."),
    )
    told = "بانتظار شخص له الدور legal في hq، ann أو bob: المراجعة القانونية. يستمر الانتظار حتى يتصرف أحد."
    assert seen(retold(said)) == told


def test_a_clause_that_begins_with_a_name_is_read_from_the_right_all_the_same(reading: None) -> None:
    told = retold(Said("You cannot decide this: %(why)s.", why=listed(["ann", "bob"])))
    assert ": \u2068\u200f\u2068\u200f\u2068ann\u2069\u2069 أو \u2068bob\u2069\u2069." in told


@pytest.mark.parametrize(
    ("missing", "needed"),
    [(1, "يلزم صوت واحد آخر"), (2, "صوتان آخران"), (3, "3 أصوات أخرى"), (11, "11 صوتًا"), (100, "100 صوت")],
)
def test_numbers_choose_among_all_forms_of_a_plural(reading: None, missing: int, needed: str) -> None:
    told = Said.plural(
        "%(num)s more vote is needed for quorum, without which the vote expires on %(at)s (%(left)s)",
        "%(num)s more votes are needed for quorum, without which the vote expires on %(at)s (%(left)s)",
        missing,
        at=NOON,
        left=timedelta(hours=1),
    )
    assert needed in seen(retold(told)) and "2 مارس 2026, 21:00 JST (خلال ساعة واحدة)" in seen(retold(told))


def test_a_state_or_an_outcome_is_known_by_its_heading(reading: None) -> None:
    assert seen(retold(Said("Closed: %(outcome)s.", outcome=Said("needs-attention")))) == "أُغلقت: تحتاج إلى تدخّل."


def test_what_no_catalogue_knows_is_marked_as_english(reading: None) -> None:
    told = retold(Said("Closed: %(outcome)s.", outcome=Said("Postponed by <Ann>")))
    assert '<span lang="en" dir="auto">Postponed by &lt;Ann&gt;</span>' in told
    assert retold(Said("Nobody wrote %(this)s.", this="a catalogue")).startswith('<span lang="en" dir="auto">Nobody')
    assert retold("Waiting for <somebody>.") == words.written("Waiting for <somebody>.")


def test_in_plain_text_nothing_is_marked_up(reading: None) -> None:
    said = Said("%(voted)s; %(needed)s.", voted=("a & <b>", Said("Legal review")), needed=Said("%(at)s", at=NOON))
    assert ISOLATES.sub("", plain(said)) == "a & <b>، المراجعة القانونية؛ 2 مارس 2026, 21:00 JST."
    left = Said("it expires and nothing is paid on %(at)s (%(left)s)", at=NOON, left=timedelta(days=2))
    assert ISOLATES.sub("", plain(left)) == seen(retold(left))


@given(st.text(max_size=40))
def test_nothing_that_is_filled_in_becomes_a_part_of_the_page(name: str) -> None:
    for language in ("en", "ar"):
        words.read_by(words.Reader(language=language))
        told = retold(Said("Waiting for %(whom)s: %(title)s.", whom=name, title=Said(f"{name} x")))
        assert isinstance(told, Markup)
        assert seen(told).count(ISOLATES.sub("", name)) >= 2 and "<script" not in told.replace("<span", "")
    words.read_by(words.Reader())


def test_english_stays_as_it_is_but_for_moments() -> None:
    words.read_by(words.Reader(zone=ZoneInfo("Asia/Tokyo")))
    said = Said(
        "It is %(state)s since %(at)s, %(left)s, by %(who)s.",
        at=NOON,
        left=timedelta(days=14),
        who="a<b",
        state=Said("open"),
    )
    assert seen(retold(said)) == "It is open since 2 March 2026, 21:00 JST, in 14 days, by a<b."
    words.read_by(words.Reader())


async def test_an_arabic_reader_meets_no_english_sentence(office: Office) -> None:
    await chamber.sit(office)
    await council.sit(office)
    task = await office.task(review(title="Manager approval", ladder=LADDER, seats=n_of(2, 3)))
    assert (await office.answer("bea", task)).status_code == 200
    paused, ended = await office.start(), await office.task(review(title="Legal review"))
    assert (await office.call("cora", "POST", f"/api/v1/cases/{paused}/pause", {"reason": "انتظار"})).is_success
    assert (await office.answer("ben", ended)).status_code == 200
    proposal = (await chamber.propose(office, title="سياج"))["id"]
    await chamber.vote(office, proposal, "approve")
    payment = await council.put(office, title="Payment", remind=Span("1d"))
    case, voting = f"/cases/{task.partition('.')[0]}", f"/voter/proposals/{proposal}"
    for who, path, told in (
        ("ben", "/", "إن لم يتصرف أحد، تنتهي المهلة في 5 مارس 2026, 18:00 JST وتُرفض القضية."),
        (
            "ben",
            f"/tasks/{task}",
            "بانتظار 2 من أصل 3 من الإجابات من شخص له الدور buyer في deals (حتى الآن: 1): موافقة المدير.",
        ),
        ("rita", f"/tasks/{task}", "لا يمكنك البتّ في هذا: الطلب مقدَّم منك."),
        ("cora", case, "ثم يُسأل أيضًا في 4 مارس 2026, 18:00 JST شخص له الدور chief في deals وben"),
        ("cora", f"/cases/{paused}", "موقوفة مؤقتًا منذ 2 مارس 2026, 18:00 JST"),
        ("cora", f"/tasks/{ended}", "أُغلقت: موافقة."),
        ("kofi", "/cases", "لا يُقبل أي فعل ولا تجري أي مهلة حتى استئنافها."),
        ("v5", "/", "صوّت واحد من أصل 10 (1 مع، 0 ضد)؛ تلزم 4 أصوات أخرى لاكتمال النصاب"),
        ("v5", voting, "وإلا انتهت مهلة التصويت في 16 مارس 2026, 18:00 JST (خلال 14 يومًا)."),
        ("prue", voting, "لا يمكنك التصويت على مقترحك أنت."),
        ("tara", "/", "أنت من أعضاء المجلس؛ وافق 0 من أصل 2."),
        ("tara", f"/multisigs/{payment}", "من الموافقات (لا شيء حتى الآن)، من Tara، Theo أو Tina: دفعة."),
        ("prue", "/catalogue", "يقرر كل من له الدور voter؛ ولا يصوّت مقدّم المقترح أبدًا."),
    ):
        page = await (await desk(office, who)).get(path, headers=ARABIC, cookies={"zone": "Asia/Tokyo"})
        assert told in " ".join(seen(page.text).split()), (path, told)
        unknown = {html.unescape(one) for one in re.findall(r'<span lang="en"[^>]*>(.*?)</span>', page.text)}
        # What the workflows of these tests say of themselves is in no catalogue.
        assert unknown <= OF_TESTS, (path, unknown)
        assert not re.search(r"(Waiting for|If nobody|[Yy]ou |voted|UTC)", seen(page.text)), path


OF_TESTS = {
    "Order",
    "Audit",
    "Buy something.",
    "Only auditors start this.",
    "A buyer approves.",
    "It is refused.",
    "x",
    "y",
}


async def test_a_deadline_is_told_in_the_zone_of_the_reader_inside_the_sentence(office: Office) -> None:
    task = await office.task()
    ben = await desk(office, "ben")
    page = await ben.get(f"/tasks/{task}", headers={"Accept-Language": "en"}, cookies={"zone": "Asia/Tokyo"})
    told = "If nobody acts, it expires and the case is refused on 5 March 2026, 18:00 JST (in 3 days)."
    assert told in seen(page.text)
    # To programs nothing has changed.
    plain = "it expires and the case is refused on 5 March 2026 09:00 UTC (in 3 days)."
    assert (await office.get("ben", f"/api/v1/tasks/{task}"))["waiting_for"].endswith(plain)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"outcome": "refuse"}, "يُرجى ذكر السبب في تعليق."),
        ({"outcome": "approve", "comment": "x" * 8001}, "يُرجى استخدام 8000 حرف على الأكثر."),
        ({"outcome": "approve", "subject_hash": "0"}, "تغيّر ما اطّلعت عليه منذ ذلك الحين؛ تُرجى قراءته من جديد."),
    ],
)
async def test_a_refusal_is_told_in_the_language_too(office: Office, form: dict[str, str], told: str) -> None:
    task = await office.task()
    answer = await (await desk(office, "ben")).post(f"/tasks/{task}", form, headers=ARABIC)
    assert answer.status_code in (409, 422) and told in seen(answer.text)


def test_a_problem_keeps_what_its_detail_was_made_of(reading: None) -> None:
    problem = Problem("excluded", Said("You cannot decide this: %(why)s.", why=Said("you did it")))
    assert seen(retold(problem.detail)) == "لا يمكنك البتّ في هذا: العمل عملك."
