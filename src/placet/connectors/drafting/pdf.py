"""Render a term sheet with typst: the same request gives the same bytes, and user text stays literal."""

import json
import re
import unicodedata
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from placet.connectors.drafting.port import DraftingRefused, TermSheetRequest

# Each would let the printed order of characters differ from the stored one.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MISSING_GLYPH = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")


def render(request: TermSheetRequest) -> bytes:
    """The PDF/A-3b; raises DraftingRefused for text that cannot be printed, naming the characters."""
    import typst

    data = _data(request)
    if characters := _never_printable(request):
        raise _unprintable(characters)
    try:
        # PDF/A refuses glyphs that plain PDF would silently print as boxes.
        return typst.compile(
            _template(),
            sys_inputs={"data": json.dumps(data)},
            ignore_system_fonts=True,
            pdf_standards=["a-3b"],
        )
    except typst.TypstError as error:
        if texts := _MISSING_GLYPH.findall(error.diagnostic):
            plain = (_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) for text in texts)
            raise _unprintable("".join(plain)) from error
        raise DraftingRefused(
            "document-not-drafted", f"The term sheet could not be drafted: {error.message}"
        ) from error


@cache
def _template() -> bytes:
    return files(__package__).joinpath("term_sheet.typ").read_bytes()


def _data(request: TermSheetRequest) -> dict[str, Any]:
    return {
        "title": _plain(request.title),
        "date": [request.drafted_on.year, request.drafted_on.month, request.drafted_on.day],
        "rows": [
            ["Partner", _plain(request.partner_name)],
            ["Partner number", _plain(request.partner_id)],
            ["Contact", _plain(request.contact_name)],
            ["Territory", _plain(request.territory)],
            ["Commission", f"{_shortest(request.commission_percent)} %"],
            ["Term", f"{request.term_months} {'month' if request.term_months == 1 else 'months'}"],
            ["Version", str(request.version)],
            ["Drafted on", request.drafted_on.isoformat()],
        ],
        "notes": [line for line in (_plain(line) for line in request.notes.splitlines()) if line],
    }


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _shortest(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _never_printable(request: TermSheetRequest) -> str:
    texts = (request.partner_id, request.partner_name, request.contact_name, request.territory, request.notes)
    # Tabs and line ends are white space, which `_data` has already turned into spaces and paragraphs.
    return "".join(c for c in "".join(texts) if not c.isspace() and _is_odd(c))


def _is_odd(character: str) -> bool:
    return character in _REORDERING or unicodedata.category(character) in {"Cc", "Co", "Cn"}


def _unprintable(characters: str) -> DraftingRefused:
    distinct = dict.fromkeys(characters)
    named = ", ".join(_name(character) for character in list(distinct)[:10])
    more = f" and {len(distinct) - 10} more" if len(distinct) > 10 else ""
    return DraftingRefused(
        "unprintable-text", f"The term sheet cannot print: {named}{more}. Replace these characters and draft it again."
    )


def _name(character: str) -> str:
    shown = f"“{character}” " if character.isprintable() else ""
    return f"{shown}U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
