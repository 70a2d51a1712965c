"""Where one can go, by what one may do there; a new area of pages adds its line here."""

from collections.abc import Callable
from dataclasses import dataclass

from placet.domain.people import Person
from placet.web.words import later


@dataclass(frozen=True)
class Way:
    """A place in the navigation; `begins` are the addresses that belong to it."""

    path: str
    label: str
    icon: str
    open_to: Callable[[Person], bool]
    begins: tuple[str, ...] = ()

    def leads_to(self, path: str) -> bool:
        return path == self.path or path.startswith(
            tuple(f"{begin}/" for begin in (self.path, *self.begins) if begin != "/")
        )


def everybody(person: Person) -> bool:
    return True


WAYS = (
    Way("/", later("Inbox"), "inbox", everybody, ("/tasks",)),
    Way("/cases", later("Cases"), "cases", everybody),
)


def ways(person: Person) -> list[Way]:
    return [way for way in WAYS if way.open_to(person)]
