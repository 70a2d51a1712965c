"""Languages: catalogues compiled when needed, the reader's choice, and pages that are read from the right."""

from pathlib import Path

import pytest

from api.office import Office
from placet.web import words
from web.desk import desk

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


def test_every_catalogue_fits_the_texts() -> None:
    """Placeholders are the same in each language, else a page would break in it."""
    from babel.messages.pofile import read_po

    for file in words.LOCALES.glob("*/LC_MESSAGES/placet.po"):
        with file.open("rb") as source:
            read = read_po(source, abort_invalid=True)
        wrong = [message.id for message in read for _error in message.check(read) if message.id]
        assert wrong == [], file
