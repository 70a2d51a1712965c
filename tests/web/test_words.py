"""Languages: catalogues compiled when needed, the reader's choice, and pages that are read from the right."""

import ast
import re
from collections import Counter
from datetime import UTC, datetime
from gettext import c2py  # type: ignore[attr-defined]
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from markupsafe import Markup

from api.office import Office
from placet.web import telling, times, words
from web.desk import desk

PACKAGE = Path(words.__file__).parents[1]
ARABIC = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5);\\n"

msgid "Inbox"
msgstr "الوارد"

msgid "%(num)s thing awaits you."
msgid_plural "%(num)s things await you."
msgstr[0] ""
msgstr[1] "شيء واحد ينتظرك"
msgstr[2] ""
msgstr[3] ""
msgstr[4] ""
msgstr[5] ""
"""


@pytest.fixture
def arabic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ar" / "LC_MESSAGES" / "placet.po"
    file.parent.mkdir(parents=True)
    file.write_text(ARABIC, encoding="utf-8")
    monkeypatch.setattr(words, "LOCALES", tmp_path)
    words.languages.cache_clear()
    words.catalogue.cache_clear()
    yield
    words.languages.cache_clear()
    words.catalogue.cache_clear()


async def test_the_browser_names_the_language(office: Office, arabic: None) -> None:
    await office.task()
    ben = await desk(office, "ben")
    page = await ben.get("/", headers={"Accept-Language": "ar-EG,en;q=0.5"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "<h1>الوارد</h1>" in page.text and "شيء واحد ينتظرك" in page.text
    # What a catalogue does not know stays as it is.
    assert "Sign out" in page.text
    assert '<html lang="en" dir="ltr">' in (await ben.get("/", headers={"Accept-Language": "xx, de;q=x"})).text


async def test_the_setting_of_the_account_comes_first(office: Office, arabic: None) -> None:
    ben = await desk(office, "ben")
    assert (await ben.post("/account/preferences", {"language": "ar"})).status_code == 303
    assert 'dir="rtl"' in (await ben.get("/", headers={"Accept-Language": "en"})).text
    assert 'dir="ltr"' in (await (await desk(office, "bea")).get("/", headers={"Accept-Language": "en"})).text


@pytest.mark.parametrize(
    ("setting", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "de-AT, de;q=0.9", "en"),
        (None, "de, ar;q=0.2", "ar"),
        ("ar", "en", "ar"),
        ("xx", "ar", "ar"),
        (None, "*;q=zero, ,;;", "en"),
        (None, "a" * 5000, "en"),
    ],
)
def test_the_best_language_there_is(arabic: None, setting: str | None, accepted: str, language: str) -> None:
    assert words.preferred(setting, accepted) == language


@pytest.mark.parametrize("name", ["../../etc/passwd", "Nowhere/None", "", "x" * 100, "\x00", None])
def test_an_odd_zone_is_utc(name: str | None) -> None:
    assert words.zone_of(name).key == "UTC"


def of_the_code() -> Catalog:
    """Every text that the code says now, found as `make messages` finds it."""
    with (words.LOCALES / "babel.cfg").open("r", encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    keywords = DEFAULT_KEYWORDS | {"_n": (1, 2), "later": None, "Said": None, "plural": (1, 2)}
    found = Catalog()
    for _file, _line, text, _comments, _context in extract_from_dir(PACKAGE, methods, options, keywords):
        found.add(text)
    return found


def of(language: str) -> Catalog:
    with (words.LOCALES / language / "LC_MESSAGES" / "placet.po").open("rb") as source:
        return read_po(source, locale=language, abort_invalid=True)


def placeholders(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)[a-z]", text))


def _without(known: set[str], text: str) -> Counter[str]:
    return Counter({name: times for name, times in placeholders(text).items() if name not in known})


LANGUAGES = [file.parents[1].name for file in words.LOCALES.glob("*/LC_MESSAGES/placet.po")]


def test_there_is_an_arabic_catalogue() -> None:
    assert "ar" in LANGUAGES and words.languages()["ar"] == "العربية"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_up_to_date_with_the_code(language: str) -> None:
    """If this fails, `make messages` brings the new texts in, and takes the old ones away."""
    said = {message.id for message in of_the_code() if message.id}
    kept = {message.id for message in of(language) if message.id}
    assert (sorted(map(str, said - kept)), sorted(map(str, kept - said))) == ([], [])


def test_every_sentence_of_the_code_is_found_and_says_what_fills_it_in() -> None:
    """What Babel overlooks, such as a text within another text, would stay English for ever."""
    found = {message.id for message in of_the_code()}
    lost, unfit = [], []
    for file in sorted(PACKAGE.rglob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not (texts := _texts(call)):
                continue
            lost += [texts] if (texts if len(texts) > 1 else texts[0]) not in found else []
            given = {keyword.arg for keyword in call.keywords}
            asked = {name for text in texts for name in re.findall(r"%\((\w+)\)s", text)} - {"num"}
            unfit += [texts] if _name(call) != "later" and None not in given and given != asked else []
    assert (lost, unfit) == ([], [])


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _texts(call: ast.Call) -> tuple[str, ...]:
    """The texts of a call that marks some."""
    taken = call.args[: {"Said": 1, "later": 1, "plural": 2}.get(_name(call), 0)]
    return tuple(one.value for one in taken if isinstance(one, ast.Constant) and isinstance(one.value, str))


@pytest.mark.parametrize("language", LANGUAGES)
def test_nearly_everything_is_translated(language: str) -> None:
    messages = [message for message in of(language) if message.id]
    missing = [message.id for message in messages if not any(message.string)]
    assert len(missing) <= 0.05 * len(messages), missing
    assert [message.id for message in messages if message.fuzzy] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_translation_holds_what_will_be_filled_in(language: str) -> None:
    """Placeholders are the same in each language, else a page would break in it; so are all forms of a plural. A form
    for one number alone need not name it: where English says “1 vote”, others say “one vote”, or “two votes”."""
    catalogue = of(language)
    numbers = Counter(map(c2py(catalogue.plural_expr), range(1000)))
    for message in catalogue:
        if not message.id or not any(message.string):
            continue
        asked = message.id if isinstance(message.id, str) else message.id[1]
        told = [message.string] if isinstance(message.string, str) else list(message.string)
        assert len(told) == (catalogue.num_plurals if message.pluralizable else 1), message.id
        for form, one in enumerate(told):
            known = {"%(num)s"} if message.pluralizable and numbers[form] == 1 else set()
            assert _without(known, one) == _without(known, asked), message.id
        assert all(one.strip() for one in told), message.id
        assert list(message.check(catalogue)) == []


def test_arabic_counts_in_six_ways() -> None:
    words.read_by(words.Reader(language="ar"))
    told = [words._n("%(num)s business day", "%(num)s business days", number) for number in (0, 1, 2, 3, 11, 100)]
    plain = [one.replace("\u2068", "").replace("\u2069", "") for one in told]
    assert plain[3:] == ["3 أيام عمل", "11 يوم عمل", "100 يوم عمل"] and "يوما عمل" in plain[2]
    words.read_by(words.Reader())


def test_what_is_filled_in_is_set_apart_in_a_language_read_from_the_right() -> None:
    """Else an id at the end of a sentence would take the full stop along."""
    words.read_by(words.Reader(language="ar"))
    assert words._("Hello %(name)s.", name="Ben") == "مرحبًا \u2068Ben\u2069."
    words.read_by(words.Reader())
    assert words._("Hello %(name)s.", name="Ben") == "Hello Ben."


def test_an_english_text_is_marked_on_a_page_in_another_language_alone() -> None:
    text = "Waiting for <somebody>."
    assert words.written(text) == text
    words.read_by(words.Reader(language="ar"))
    assert words.written(text) == Markup('<span lang="en" dir="auto">Waiting for &lt;somebody&gt;.</span>')
    assert words.written("Inbox") == "الوارد" and words.written("مرحبًا") == "مرحبًا"
    words.read_by(words.Reader())


def test_numbers_and_sizes_are_told_in_the_language() -> None:
    words.read_by(words.Reader(language="ar", zone=words.ZoneInfo("Africa/Cairo")))
    assert telling.amount(1234567) == "1,234,567" and telling.span("3d") == "3 أيام"
    assert telling.file_size(1500) == "1.5 كيلوبايت"
    assert times.absolute(datetime(2026, 1, 2, 22, 30, tzinfo=UTC)) == "3 يناير 2026, 00:30 EET"
    words.read_by(words.Reader())
