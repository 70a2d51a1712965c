"""Facts in words, as the pages of voting and of the catalogue tell them: amounts, lengths of time, states, policies."""

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import localcontext
from functools import lru_cache
from typing import Any, Literal

from babel.dates import format_timedelta
from babel.numbers import format_decimal
from babel.units import format_unit
from markupsafe import Markup

from placet.control.markdown import rendered
from placet.control.proposals import ProposalView
from placet.domain.people import EVERYWHERE, Grant
from placet.domain.span import PATTERN
from placet.web.words import _, _n, later, locale_of, reader

MOST_DIGITS = 100
UNITS: dict[str, Literal["second", "minute", "hour", "day", "week"]] = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}
TIMES_A_YEAR = {"one_time": 1, "daily": 365, "weekly": 52, "monthly": 12}
RHYTHMS = {
    "one_time": later("once"),
    "daily": later("every day"),
    "weekly": later("every week"),
    "monthly": later("every month"),
}
ENDS = {
    "approved": later("Approved"),
    "rejected": later("Rejected"),
    "expired": later("Expired"),
    "deleted": later("Deleted"),
}
COLOURS = {"approved": "good", "rejected": "bad", "expired": "still", "deleted": "still"}
CHOICES = {"approve": later("Approve"), "deny": later("Deny")}
KINDS = {"workflow": later("Workflow"), "deletion": later("Deletion"), "governance": later("Governance")}
# The first that fits counts: most browsers call themselves by the names of others as well.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "Chrome/": "Chrome",
    "CriOS/": "Chrome",
    "Safari/": "Safari",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}
HEADING = re.compile(r"<(/?)h([1-6])>")


def amount(number: float) -> str:
    """An amount in the smallest unit, with its thousands apart."""
    return _amount(number, reader().language)


@lru_cache(maxsize=1024)
def _amount(number: float, language: str) -> str:
    # Amounts of tokens have more digits than the 28 that are rounded to otherwise.
    with localcontext(prec=MOST_DIGITS):
        return str(format_decimal(number, locale=locale_of(language)))


def device(agent: str) -> str:
    """A browser as people know it, from what it says of itself; one that is not known, in its own words."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    return agent or _("An unnamed browser")


def _short(value: Any) -> bool:
    return not isinstance(value, Mapping | list) and all(len(word) < 20 for word in str(value).split())


def columns(value: Any) -> list[str]:
    """The keys of a list that reads best as a table: two or three, the same in every entry, with nothing nested and no
    word that a narrow column would break."""
    rows = value if isinstance(value, list | tuple) and len(value) > 1 else ()
    keys = list(rows[0]) if rows and isinstance(rows[0], Mapping) else []
    flat = all(isinstance(row, Mapping) and list(row) == keys and all(map(_short, row.values())) for row in rows)
    return keys if flat and 1 < len(keys) < 4 else []


def file_size(octets: int) -> str:
    """The size of a file, in kilobytes or megabytes."""
    unit, size = ("megabyte", 1e6) if octets >= 1e6 else ("kilobyte", 1e3)
    return str(format_unit(max(round(octets / size, 1), 0.1), f"digital-{unit}", "short", locale=reader().locale))


def prose(text: str) -> Markup:
    """Markdown of people as part of a page: its headings are below those of the page."""
    lower = HEADING.sub(lambda tag: f"<{tag[1]}h{min(int(tag[2]) + 2, 6)}>", rendered(str(text)))
    return Markup(lower)


def span(text: object) -> str:
    """`3bd` is “3 business days”; what is no length of time stays as it is."""
    match = PATTERN.fullmatch(str(text))
    if match is None:
        return str(text)
    number, unit = int(match[1]), match[2]
    if unit == "bd":
        return _n("%(num)s business day", "%(num)s business days", number)
    # Of a length of time Babel knows more languages in full than of a unit; the unit stays the one that was chosen.
    long = timedelta(**{f"{UNITS[unit]}s": number})
    return str(format_timedelta(long, UNITS[unit], threshold=math.inf, locale=reader().locale))


def policy(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each rule of a policy with its value in words."""
    return [(key, _told(value)) for key, value in values.items()]


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return amount(value)
    if isinstance(value, list):
        return _(", ").join(_told(one) for one in value) or "–"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_told(one)}" for key, one in value.items()) or "–"
    return "–" if value in (None, "") else span(value)


def status(proposal: ProposalView) -> tuple[str, str]:
    """How a proposal stands, and the colour of that."""
    if proposal.status in ENDS:
        return _(ENDS[proposal.status]), COLOURS[proposal.status]
    if proposal.paused:
        return _("Paused"), "warn"
    if proposal.vote_opens_at is not None:
        return _("Being discussed"), "still"
    if proposal.awaiting_funds:
        return _("Approved, waits for funds"), "warn"
    if proposal.finalized_at is not None:
        return _("Voted"), "still"
    return (_("Countdown runs"), "warn") if proposal.votes.quorum_reached else (_("Being voted on"), "")


def cost(recurrence: str, bounties: list[int]) -> str:
    """What it pays each time, and what a year of that costs."""
    each = sum(bounties)
    if recurrence == "one_time":
        return _("Once: %(each)s in all.", each=amount(each))
    times = TIMES_A_YEAR[recurrence]
    return _(
        "%(each)s %(rhythm)s: %(year)s a year (%(times)s times).",
        each=amount(each),
        rhythm=_(RHYTHMS[recurrence]),
        year=amount(each * times),
        times=times,
    )


def choice(name: str) -> str:
    return _(CHOICES.get(name, name))


def kind(name: str) -> str:
    return _(KINDS.get(name, name))


def action(act: Mapping[str, Any]) -> str:
    """What an approved act would do, as a sentence."""
    match act["kind"]:
        case "treasury-transfer":
            return _("The treasury pays, once its council has approved that too.")
        case "role-change" if act["change"] == "grant":
            return _("%(person)s gets the role %(role)s.", person=act["person"], role=act["role"])
        case "role-change":
            return _("%(person)s loses the role %(role)s.", person=act["person"], role=act["role"])
        case "policy-update":
            return _("The policy %(policy)s changes, for cases that open after it.", policy=act["policy"])
    return str(act["kind"])


def grant(given: Grant) -> str:
    if given.scope == EVERYWHERE:
        return _("%(role)s everywhere", role=given.role)
    return _("%(role)s in %(scope)s", role=given.role, scope=given.scope)


FILTERS = {
    "amount": amount,
    "columns": columns,
    "device": device,
    "file_size": file_size,
    "prose": prose,
    "span": span,
    "policy": policy,
    "proposal_status": status,
    "choice_word": choice,
    "kind_word": kind,
    "grant_words": grant,
    "action_words": action,
}
