"""The page for the first ten minutes names the people there are, and the words that are on the pages."""

import re
from pathlib import Path

from babel.messages.pofile import read_po

from docs.markdown import ROOT
from placet.runtime.first_admin import EVERYBODY

TEXT = (ROOT / "docs/howto/first-ten-minutes.md").read_text(encoding="utf-8")
CATALOGUE = ROOT / "src/placet/web/locale/ar/LC_MESSAGES/placet.po"
WRITTEN = {"A new fence", "Buy the wood", "The roof", "Council approval: The roof"}


def test_everybody_is_there_and_what_for() -> None:
    rows = re.findall(r"^\| (`.*) \| (.*) \|$", TEXT, re.MULTILINE)
    told = {name.strip("` "): duty for names, duty in rows for name in names.split(",")}
    assert told == {one.id: one.duty for one in EVERYBODY}


def test_every_word_in_quotes_is_one_that_a_page_shows() -> None:
    with Path(CATALOGUE).open("rb") as file:
        shown = {text for message in read_po(file) for text in ([message.id] if isinstance(message.id, str) else [])}
    quoted = {" ".join(words.split()) for words in re.findall("“([^”]+)”", TEXT)}
    assert quoted - shown == WRITTEN
