"""Where one can go, by what one may do there; a new area of pages adds its line here."""

from collections.abc import Callable
from dataclasses import dataclass

from placet.control.voting import scopes_of
from placet.domain.access import Action, permitted
from placet.domain.people import ADMIN, EVERYWHERE, Person
from placet.web.words import later


@dataclass(frozen=True)
class Way:
    """A place in the navigation; `begins` are the addresses that belong to it."""

    path: str
    label: str
    open_to: Callable[[Person], bool]
    begins: tuple[str, ...] = ()

    def leads_to(self, path: str) -> bool:
        return path == self.path or path.startswith(
            tuple(f"{begin}/" for begin in (self.path, *self.begins) if begin != "/")
        )


def everybody(person: Person) -> bool:
    return True


def votes_or_oversees(person: Person) -> bool:
    return bool(scopes_of(person))


def proposes(person: Person) -> bool:
    return not person.external and any(person.holds_any(role) for role in ("proposer", "voter", ADMIN))


def manages(person: Person) -> bool:
    return permitted(person, Action.MANAGE_PEOPLE, EVERYWHERE)


def administers(person: Person) -> bool:
    return manages(person) or permitted(person, Action.READ_LEDGER, EVERYWHERE)


def starts(person: Person) -> bool:
    return not person.external


WAYS = (
    Way("/", later("Inbox"), everybody, ("/tasks",)),
    Way("/cases", later("Cases"), everybody),
    Way("/overview", later("Overview"), starts),
    Way("/voter", later("Voting"), votes_or_oversees),
    Way("/proposer", later("Proposals"), proposes),
    Way("/catalogue", later("Catalogue"), starts),
    Way("/resources", later("Projects"), starts),
    Way("/admin", later("Administration"), administers),
)


def ways(person: Person) -> list[Way]:
    return [way for way in WAYS if way.open_to(person)]
