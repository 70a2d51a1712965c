"""How a mail looks: HTML made of its plain text, in which nothing that people wrote is markup or leads anywhere.

Our own sentences stand last in a mail, so of all addresses in it at most the last one that belongs to this installation
becomes a link; alone on its line, after a few words, it becomes the button. What a case writes in its letters leads
nowhere: it knows no address of ours.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from placet.connectors.mail.message import one_line
from placet.connectors.mail.port import Mail
from placet.domain.said import later

if TYPE_CHECKING:
    from jinja2 import Template

PREVIEW = 140
"""So many characters of the text stand beside the subject in a list of mails."""

# Takes the place of the address while the text is taken apart; it has been removed from what people wrote.
_HERE = "\x00"
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_BUTTON = re.compile(rf"(?:([^{_HERE}]{{1,60}}):)? ?{_HERE}")
_GREETS = later("Hello %(name)s,")
_GREETING = re.compile(r"(Hello|Dear) .*,")
# Marks of direction, which nobody sees.
_MARKS = re.compile("[\u200e\u200f\u2066-\u2069]")
_REPEATED = ("%(what)s", later("Reminder: %(what)s"), later("Your turn: %(what)s"))
_OPEN = later("Open the page")
_COPY = later("If the button does not open, copy this address:")
_SENT = later(
    "Sent by Placet at %(home)s to %(name)s <%(address)s>, because you are asked something, take part in a case, or "
    "have an account there."
)
_DECIDES_NOTHING = later("Opening this mail decides nothing, and a reply to it does not count.")
_DECIDES_THERE = later(
    "Opening this mail or its link decides nothing, and a reply to it does not count: what you decide, you decide on "
    "the page."
)

Tell = Callable[[str], str]

Kind = Literal["text", "list", "button"]


@dataclass(frozen=True)
class Line:
    """One line; `leads` is where the link stands in it, between `before` and `after`."""

    before: str
    leads: bool = False
    after: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph, a list, or the button, whose one line says what it is for."""

    kind: Kind
    lines: list[Line]


def rendered(
    mail: Mail, base_url: str, language: str = "en", direction: Literal["ltr", "rtl"] = "ltr", tell: Tell = str
) -> str:
    """The mail as a page of its own, which fetches nothing; `base_url` is where this installation is.

    The text is in `language` already, and `tell` says what stands around it in that language.
    """
    text = _UNSEEN.sub("", "\n".join(mail.text.splitlines()))
    address = None
    if mail.leads and (found := _last(text, base_url)):
        address = found[0]
        text = f"{text[: found.start()]}{_HERE}{text[found.end() :]}"
    subject = one_line(mail.subject)
    blocks = [block for block in _blocks(text, tell(_OPEN)) if not _repeats(block, subject, tell)]
    return _look().render(
        subject=subject,
        blocks=blocks,
        address=address,
        preview=_preview(blocks, tell(_GREETS) % {"name": mail.to_name}),
        copy=tell(_COPY),
        sent=tell(_SENT),
        decides=tell(_DECIDES_THERE if address else _DECIDES_NOTHING),
        home=base_url.rstrip("/"),
        to=mail.to,
        to_name=one_line(mail.to_name),
        language=language,
        direction=direction,
    )


@lru_cache(maxsize=1)
def _look() -> "Template":
    # A worker that sends nothing needs none of it.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = FileSystemLoader(Path(__file__).parent)
    looks = Environment(loader=here, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return looks.get_template("mail.html")


def _last(text: str, base_url: str) -> re.Match[str] | None:
    """The last address that is ours from its first character to its last, and no part of a longer word."""
    found = [*_ours(base_url).finditer(text)]
    return found[-1] if found else None


@lru_cache(maxsize=8)
def _ours(base_url: str) -> re.Pattern[str]:
    home = base_url.rstrip("/")
    if not home.startswith(("http://", "https://")):
        return re.compile(r"(?!)")
    # Each part of the path begins and ends with something else than a dot: so it neither climbs, nor takes the full
    # stop of the sentence along. Nothing else of what an address may hold is in ours.
    path = r"(?:/[\w~-](?:[\w.~-]*[\w~-])?)*/?"
    return re.compile(rf"(?<![^\s(]){re.escape(home)}{path}(?=[.,;:!?)]*(?:\s|$))", re.ASCII)


def _blocks(text: str, unnamed: str) -> Iterator[Block]:
    kind: Kind | None = None
    lines: list[Line] = []
    for written in [*text.split("\n"), ""]:
        new, line = _line(written.strip(), unnamed)
        if lines and (new != kind or new == "button"):
            yield Block(kind or "text", lines)
            lines = []
        kind = new
        if kind is not None:
            lines.append(line)


def _line(written: str, unnamed: str) -> tuple[Kind | None, Line]:
    if not written:
        return None, Line("")
    if button := _BUTTON.fullmatch(written):
        return "button", Line(button[1] or unnamed)
    item = written.startswith(("- ", "* ", "• "))
    before, here, after = (written[2:].lstrip() if item else written).partition(_HERE)
    return "list" if item else "text", Line(before, bool(here), after)


def _repeats(block: Block, subject: str, tell: Tell) -> bool:
    """Whether this paragraph says only what the heading says."""
    if block.kind != "text" or len(block.lines) != 1 or block.lines[0].leads:
        return False
    told, heading = block.lines[0].before, _unmarked(subject)
    if len(told) > 2 * len(subject):
        return False
    return heading in [_unmarked(tell(lead) % {"what": one_line(told)}) for lead in _REPEATED]


def _unmarked(text: str) -> str:
    return _MARKS.sub("", text)


def _preview(blocks: list[Block], greeting: str) -> str:
    """How the mail begins, for the list of mails."""
    texts = (" ".join(f"{line.before}{line.after}" for line in block.lines) for block in blocks if block.kind == "text")
    greets = _unmarked(greeting)
    begins = " ".join(text for text in texts if not _GREETING.fullmatch(text) and _unmarked(text) != greets)[
        : 10 * PREVIEW
    ]
    said = one_line(begins)
    return said if len(said) <= PREVIEW else f"{said[: PREVIEW - 1]}…"
