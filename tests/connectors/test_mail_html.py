"""The look of a mail: what people wrote stays text, and only the last address of ours leads anywhere."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import placet.web
from placet.connectors.mail.html import rendered
from placet.connectors.mail.port import Mail

HOME = "http://placet.example"
PAGE = f"{HOME}/tasks/order-7K3M2.legal-review.1"
REQUEST = f"""Hello Zoë,

Legal review: Order of Pens

Look at the offer.
Then decide.

- 24 pens
- 2 sheets

Answer here: {PAGE}

Please answer by 3 March 2026 12:00 UTC; after that it counts as “Refuse”.
"""
EMPTY = {"meta", "br", "link", "img", "input", "hr", "base", "area", "embed", "source", "wbr"}


def mail(text: str, **more: object) -> Mail:
    given = {"key": "k", "to": "zoe@example.com", "to_name": "Zoë", "subject": "Legal review: Order of Pens"}
    return Mail.model_validate(given | {"text": text} | more)


@dataclass
class Read(HTMLParser):
    """What a parser finds: elements with their attributes, links with their texts, and all the text."""

    seen: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    links: list[tuple[str | None, str]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append((dict(attrs).get("href"), ""))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))
        if "a" in self.open:
            address, told = self.links[-1]
            self.links[-1] = (address, told + data)


def read(page: str) -> Read:
    found = Read()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """The elements and the names of their attributes, without the paragraphs of the text."""
    return [(tag, tuple(attributes)) for tag, attributes in read(page).seen if tag not in ("p", "br", "ul", "li")]


def links(text: str, **more: object) -> list[tuple[str | None, str]]:
    return read(rendered(mail(text, **more), HOME)).links


def test_a_request_has_a_heading_paragraphs_a_list_and_a_button() -> None:
    page = rendered(mail(REQUEST), HOME)
    found = read(page)
    assert found.links == [(PAGE, "Answer here")]
    assert [text for tag, text in found.texts if tag in ("h1", "title")] == ["Legal review: Order of Pens"] * 2
    assert [text for tag, text in found.texts if tag == "li"] == ["24 pens", "2 sheets"]
    told = [text for tag, text in found.texts if tag == "p" and text.strip()]
    assert told[:3] == ["Hello Zoë,", "Look at the offer.", "Then decide."], "the heading is not said twice"
    assert told[3].startswith("If the button does not open") and "counts as “Refuse”" in told[4]
    assert ("span", PAGE) in found.texts and page.index(f'href="{PAGE}"') < page.rindex("Please answer by")
    assert "Sent by Placet at" in told[5] and "a reply to it does not count" in told[-1]
    assert 'lang="en" dir="ltr"' in page and 'lang="ar" dir="rtl"' in rendered(mail(REQUEST), HOME, "ar", "rtl")
    assert len(page.encode()) < 8_000


def test_how_it_begins_is_hidden_on_top_for_the_list_of_mails() -> None:
    for text, begins in (
        (REQUEST, "Look at the offer. Then decide. Please answer by"),
        ("Hello Zoë,\n\n" + "long " * 99, "long long"),
    ):
        preview = rendered(mail(text), HOME).split('mso-hide:all" dir="auto">')[1].split("<")[0]
        assert preview.startswith(begins) and len(preview) <= 140


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"A comment:\n\nFine.\n\n{PAGE}\n", [(PAGE, "Open the page")]),
        (f"Look at {PAGE}.", [(PAGE, PAGE)]),
        (f"It is there ({PAGE}), so look.", [(PAGE, PAGE)]),
        (f"{HOME}/tasks/other\n\nAnswer here: {HOME}/tasks/mine\n\nAnswer here: {PAGE}\n", [(PAGE, "Answer here")]),
        (f"The installation: {HOME}", [(HOME, "The installation")]),
        (f"{'x' * 61}: {PAGE}", [(PAGE, PAGE)]),
        ("Nothing to open.", []),
    ],
)  # fmt: skip
def test_at_most_the_last_address_of_ours_leads_anywhere(text: str, told: list[tuple[str, str]]) -> None:
    assert links(text) == told
    assert links(text, leads=False) == []


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/", "http://placet.example@evil.example/", "http://placet.example.evil.org/",
        "http://placet.example:x@evil.example/", f"{HOME}\\@evil.example", f"{HOME}/../x", f"{HOME}//evil.example",
        f"{HOME}:81/x", f"{HOME}/tasks/%2e%2e", f"{HOME}/signin?next=//evil", f"{HOME}/a#b", f"{HOME}/a@evil.example",
        f"{HOME}/a\u202eb", f"https://evil.example/?to={HOME}/tasks/1", f"https://evil.example/{HOME}", f"evil{HOME}/",
        f"{HOME}/é", "HTTP://placet.example/", "https://placet.example/", "//placet.example/", "placet.example/tasks/1",
        "http://placet.example\u2024evil.org/", "http://xn--placet.example/", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_whatever_only_looks_like_ours_stays_text(address: str) -> None:
    text = f"Answer here: {address}"
    assert links(text) == []
    assert address in "".join(told for _, told in read(rendered(mail(text), HOME)).texts)


@pytest.mark.parametrize(
    "text",
    [
        "Answer here: <a href=https://evil.example>x</a>", f'Answer here"onclick="x: {HOME}/"onclick="x',
        "</p></td><script>x", f"<b>Answer here</b>: {PAGE}", "Answer here\x00: https://evil.example \x00",
        "&lt;b&gt; {{ 7 * 7 }} {% raw %}", "<!--[if mso]><a href=https://evil.example>",
        "</title><style>*{display:none}</style>", "- <img src=x onerror=x>",
    ],
)  # fmt: skip
def test_what_people_wrote_is_no_markup(text: str) -> None:
    known = {one for harmless in (REQUEST, "x", f"See {PAGE} x") for one in shape(rendered(mail(harmless), HOME))}
    for page in (
        rendered(mail(text), HOME),
        rendered(mail("x", subject=text, to_name=text, to=text), HOME),
        rendered(mail(f"{text}\n\nAnswer here: {PAGE}"), HOME),
    ):
        assert set(shape(page)) <= known
        assert {address for address, _ in read(page).links} <= {PAGE}
        assert "7 * 7" not in text or "7 * 7" in page


@given(text=st.text(max_size=400), name=st.text(max_size=60), subject=st.text(max_size=200))
@example(text="\x00", name="\x00", subject="\x00")
@example(text=f"{PAGE}\r\n\r\n- {PAGE}\u2028Answer here: https://evil", name=PAGE, subject=PAGE)
def test_any_text_makes_a_page_that_leads_nowhere_else(text: str, name: str, subject: str) -> None:
    found = read(rendered(mail(f"{text}\n\nAnswer here: {PAGE}\n", to_name=name, subject=subject), HOME))
    assert found.links == [(PAGE, "Answer here")]
    shown = "".join("".join(told for _, told in found.texts).split())
    for word in (text, name, subject):
        # Marks of a list are drawn, and what cannot be seen is dropped.
        plain = re.sub(r"(?m)^\s*[-*•]\s", "", re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "\n", word))
        assert all("".join(line.split()) in shown for line in plain.split("\n"))


def test_an_address_that_is_no_web_address_never_becomes_a_link() -> None:
    assert read(rendered(mail("Answer here: javascript:alert"), "javascript:alert")).links == []
    prefixed = rendered(mail(f"Answer here: {HOME}/placet/tasks/1"), f"{HOME}/placet/")
    assert read(prefixed).links == [(f"{HOME}/placet/tasks/1", "Answer here")]
    assert read(rendered(mail(f"Answer here: {HOME}/placetools/1"), f"{HOME}/placet")).links == []


def test_it_fetches_nothing_and_uses_the_colours_of_the_pages() -> None:
    page = rendered(mail(REQUEST), HOME)
    assert not re.search(r"url\(|@import|\bsrc=|<link|<script|<img|<form|http(?!://placet\.example)", page)
    css = (Path(placet.web.__file__).parent / "static/placet.css").read_text(encoding="utf-8")
    tokens = re.findall(r"--[\w-]+: light-dark\((#\w+), (#\w+)\)", css)
    ours = {colour for pair in tokens for colour in pair}
    assert set(re.findall(r"#[0-9a-f]{6}\b", page)) <= ours
    light, dark = dict.fromkeys(one for one, _ in tokens), dict.fromkeys(two for _, two in tokens)
    styled = page.split("prefers-color-scheme: dark")[1].split("</style>")[0]
    assert set(re.findall(r"#[0-9a-f]{6}\b", styled)) <= set(dark) and "#0b5f5a" in light


def test_a_long_text_is_only_as_large_as_itself() -> None:
    text = "word " * 4_000
    assert len(rendered(mail(text), HOME).encode()) < len(text) + 8_000
