"""What a council is told: that it is asked, whose turn it is, a reminder, and how it ended. Each once by its key."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from placet.domain import multisig as rule
from placet.domain.multisig import Heard
from placet.domain.people import Named
from placet.domain.said import Said
from placet.domain.task import Verdict
from placet.store import people
from placet.store.notices import leads, titled, write

if TYPE_CHECKING:
    from placet.store.multisig import LockedMultisig

LINES = "%(first)s\n%(next)s"


def asked(council: "LockedMultisig") -> None:
    rules = council.rules
    members = [one.person for one in rules.members]
    order = [Said("You sign one after the other: %(members)s.", members=_in_turn(members))] if rules.ordered else []
    _tell(council, members, "asked", _named(council), *_request(council), *order)


def your_turn(council: "LockedMultisig", person: str | None) -> None:
    """Where they sign one after the other: tell the next, once."""
    if person is not None:
        subject = Said("Your turn: %(what)s", what=_named(council))
        _tell(council, [person], "turn", subject, Said("It is your turn."), *_request(council))


def reminded(council: "LockedMultisig", heard: Heard) -> None:
    """Remind those who have neither approved nor refused."""
    owing = [one.person for one in council.rules.members if one.person not in heard.acted]
    subject = Said("Reminder: %(what)s", what=_named(council))
    _tell(council, owing, "reminder", subject, Said("This still waits for you."), *_request(council))


def outcome(council: "LockedMultisig", verdict: Verdict) -> None:
    subject = titled(Said(verdict.outcome.capitalize()), _named(council))
    told: str = Said(verdict.outcome)
    if verdict.by:
        told = Said("%(outcome)s by %(whom)s", outcome=told, whom=verdict.by)
    if verdict.comment:
        told = titled(told, verdict.comment)
    text = titled(Said(council.rules.title), told), _exactly(council), leads(Said("The whole course"), _page(council))
    _tell(council, [one.person for one in council.rules.members], "outcome", subject, *text)


def _in_turn(members: list[str]) -> str:
    first, *others = members
    told: str = first
    for one in others:
        told = Said("%(first)s, then %(next)s", first=told, next=one)
    return told


def _request(council: "LockedMultisig") -> list[str]:
    rules = council.rules
    lines = [
        titled(Said(rules.title), council.case["title"]),
        rules.instructions,
        _exactly(council),
        rule.shortfall(rules),
        leads(Said("Approve or refuse here"), _page(council)),
    ]
    if (at := rule.deadline(rules, council.heard)) is not None:
        threshold, of = rules.threshold, len(rules.members)
        lines.append(
            Said(
                "It takes %(threshold)s of %(of)s by %(at)s; after that it expires.", threshold=threshold, of=of, at=at
            )
        )
    return [line for line in lines if line]


def _payment(council: "LockedMultisig") -> Said:
    intent = council.rules.intent
    return council.case.tx.house.currencies.payment(intent.units, intent.token, intent.to)


def _named(council: "LockedMultisig") -> str:
    """What is paid comes first: the title behind it is what somebody wrote."""
    payment, title = _payment(council), council.case["title"]
    return payment if title == payment else titled(payment, title)


def _exactly(council: "LockedMultisig") -> Said:
    intent = council.rules.intent
    what = Said(
        "Exactly: %(amount)s (smallest unit) of %(token)s from %(account)s to %(to)s on chain %(chain)s.",
        amount=intent.amount,
        token=intent.token or Said("the native currency"),
        account=intent.account,
        to=intent.to,
        chain=intent.chain_id,
    )
    intent_line = Said("Intent: %(hash)s", hash=council.rules.intent_hash)
    return Said(
        LINES, first=Said("%(payment)s.", payment=_payment(council)), next=Said(LINES, first=what, next=intent_line)
    )


def _page(council: "LockedMultisig") -> str:
    return council.case.tx.house.page(f"/multisigs/{council.id}")


def _tell(council: "LockedMultisig", whom: Iterable[str], kind: str, subject: str, *text: str) -> None:
    case = council.case
    to = tuple(Named(person=person) for person in whom)
    for person, name, email, _ in people.addressees(case.tx, to, case["scope"]):
        key = f"{council.id}/{kind}/{person}"
        write(case.tx, key, (person, name, email), subject, *text, case_id=case.id)
