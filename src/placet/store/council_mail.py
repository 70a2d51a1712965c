"""What a council is told: that it is asked, whose turn it is, a reminder, and how it ended. Each once by its key."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from placet.domain import multisig as rule
from placet.domain.multisig import Heard
from placet.domain.people import Named
from placet.domain.said import in_full
from placet.domain.task import Verdict
from placet.store import people
from placet.store.notices import queue, verdict_words

if TYPE_CHECKING:
    from placet.store.multisig import LockedMultisig


def asked(council: "LockedMultisig") -> None:
    rules = council.rules
    members = [one.person for one in rules.members]
    order = f"You sign one after the other: {', then '.join(members)}." if rules.ordered else ""
    _tell(council, members, "asked", _named(council), "\n\n".join(part for part in (_request(council), order) if part))


def your_turn(council: "LockedMultisig", person: str | None) -> None:
    """Where they sign one after the other: tell the next, once."""
    if person is not None:
        _tell(council, [person], "turn", f"Your turn: {_named(council)}", f"It is your turn.\n\n{_request(council)}")


def reminded(council: "LockedMultisig", heard: Heard) -> None:
    """Remind those who have neither approved nor refused."""
    owing = [one.person for one in council.rules.members if one.person not in heard.acted]
    _tell(
        council, owing, "reminder", f"Reminder: {_named(council)}", f"This still waits for you.\n\n{_request(council)}"
    )


def outcome(council: "LockedMultisig", verdict: Verdict) -> None:
    subject = f"{verdict.outcome.capitalize()}: {_named(council)}"
    text = (
        f"{council.rules.title}: {verdict_words(verdict)}\n\n{_exactly(council)}\n\nThe whole course: {_page(council)}"
    )
    _tell(council, [one.person for one in council.rules.members], "outcome", subject, text)


def _request(council: "LockedMultisig") -> str:
    rules = council.rules
    lines = [
        f"{rules.title}: {council.case['title']}",
        rules.instructions,
        _exactly(council),
        rule.shortfall(rules),
        f"Approve or refuse here: {_page(council)}",
    ]
    if (at := rule.deadline(rules, council.heard)) is not None:
        lines.append(f"It takes {rules.threshold} of {len(rules.members)} by {in_full(at)}; after that it expires.")
    return "\n\n".join(line for line in lines if line)


def _payment(council: "LockedMultisig") -> str:
    intent = council.rules.intent
    return council.case.tx.house.currencies.payment(intent.units, intent.token, intent.to)


def _named(council: "LockedMultisig") -> str:
    """What is paid comes first: the title behind it is what somebody wrote."""
    payment, title = _payment(council), council.case["title"]
    return payment if title == payment else f"{payment}: {title}"


def _exactly(council: "LockedMultisig") -> str:
    intent = council.rules.intent
    what = f"{intent.amount} (smallest unit) of {intent.token or 'the native currency'}"
    return (
        f"{_payment(council)}.\nExactly: {what} from {intent.account} to {intent.to} on chain {intent.chain_id}.\n"
        f"Intent: {council.rules.intent_hash}"
    )


def _page(council: "LockedMultisig") -> str:
    return council.case.tx.house.page(f"/multisigs/{council.id}")


def _tell(council: "LockedMultisig", whom: Iterable[str], kind: str, subject: str, text: str) -> None:
    case = council.case
    to = tuple(Named(person=person) for person in whom)
    for person, name, email, _ in people.addressees(case.tx, to, case["scope"]):
        key = f"{council.id}/{kind}/{person}"
        queue(case.tx, key, (person, name, email), subject, f"Hello {name},\n\n{text}\n", case.id)
