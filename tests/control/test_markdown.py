"""Markdown of strangers on our pages: what they may do with it, and that it cannot do more."""

import re
import time
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from placet.control import markdown
from placet.control.markdown import ATTRIBUTES, SCHEMES, TAGS, rendered

ATTACKS = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<object data=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='x' onclick=alert(1)>x</a>",
    "<style>@import 'http://evil.example'</style>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><input name=q></form>",
    "<details open ontoggle=alert(1)>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?php echo 1 ?>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;&#x61;vascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](<javascript:alert(1)>)",
    '[x](http://e.example "onmouseover=alert(1)")',
    '[x](http://e.example "\\" onmouseover=alert(1) \\"")',
    '[x](http://e.example/"onmouseover="alert(1))',
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    '<http://e.example/?"onclick=alert(1)>',
    "![x](http://evil.example/track.png)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](x)',
    "[![x](http://evil.example/p.png)](http://evil.example)",
    "```<script>\nalert(1)\n```",
    '```"onload=alert(1)\nx\n```',
    "`<img src=x onerror=alert(1)>`",
    "<img src=x\nonerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "# <script>alert(1)</script>",
    "|<script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "> <script>alert(1)</script>",
    "- <script>alert(1)</script>",
    "\u2028<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "[" * 500 + "<script>alert(1)</script>",
)


class Reader(HTMLParser):
    """Every tag and attribute that a browser would find."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def harmless(html: str) -> bool:
    """Whether only known tags with known attributes are there, and links lead where links may lead."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    for tag, attributes in reader.tags:
        if tag not in TAGS or not set(attributes) <= ATTRIBUTES.get(tag, set()) | ({"rel"} if tag == "a" else set()):
            return False
        scheme, colon, _ = (attributes.get("href") or "").partition(":")
        if tag == "a" and colon and "/" not in scheme and scheme.strip().lower() not in SCHEMES:
            return False
    return not reader.odd


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_ends_as_text(attack: str) -> None:
    assert harmless(rendered(attack))
    assert harmless(rendered(f"before\n\n{attack}\n\nafter"))
    assert harmless(rendered(f"**a {attack} b**"))


def test_the_checker_itself_finds_what_is_not_harmless() -> None:
    for bad in ATTACKS[:18]:
        assert not harmless(bad), bad
    assert not harmless('<a href="javascript:alert(1)">x</a>')
    assert not harmless('<p style="x">')


@given(st.text(alphabet=st.sampled_from("<>\"'()[]!`*_#&;:/\\\n\t =-|xsjavscript"), max_size=200))
def test_no_text_becomes_more_than_the_allowed_html(text: str) -> None:
    assert harmless(rendered(text))


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_of_the_two_walls_holds_alone(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without_the_first:
        without_the_first.setattr(markdown, "_RENDERER", MarkdownIt("commonmark", {"html": True}))
        without_the_first.setattr(markdown._RENDERER, "validateLink", lambda _: True)
        assert harmless(markdown._render(attack))
    with monkeypatch.context() as without_the_second:
        without_the_second.setattr(nh3, "clean", lambda html, **_: html)
        told = markdown._render(attack)
        assert all(harmless(f"<{tag}>") for tag in re.findall(r"<([^/>][^>]*)>", told) if not tag.startswith("code"))


def test_markdown_is_rendered() -> None:
    html = rendered("# Fence\n\n*Wood*, **oak** or ~~pine~~, see [plan](https://e.example/p).\n\n1. dig\n2. build")
    assert "<h1>Fence</h1>" in html
    assert "<em>Wood</em>, <strong>oak</strong> or <s>pine</s>" in html
    assert '<a href="https://e.example/p" rel="noopener noreferrer nofollow">plan</a>' in html
    assert "<ol>\n<li>dig</li>" in html
    assert "<td>1</td>" in rendered("|a|\n|-|\n|1|")
    assert rendered("") == ""


def test_a_picture_is_never_fetched_but_its_address_stays() -> None:
    assert "<img" not in rendered("![plan](https://e.example/p.png)")
    assert 'href="https://e.example/p.png"' in rendered("![plan](https://e.example/p.png)")


@pytest.mark.parametrize(
    "hostile",
    ["[" * 50_000, "![" * 25_000, "*a " * 16_000, "[a](b" * 10_000, ">" * 50_000, "_a_" * 16_000, "- " * 25_000],
)
def test_a_text_made_to_be_slow_is_not(hostile: str) -> None:
    began = time.process_time()
    assert harmless(rendered(hostile))
    assert time.process_time() - began < 3
