"""The documents of a case at a glance, pure: what was asked for, what has come, and where each stands."""

from collections.abc import Iterable, Mapping

from placet.domain.collection import DocumentRequest, DocumentState, Received
from placet.domain.model import Durable


class Entry(Durable):
    """One document of a case: how it was last asked for, and every file that came under its name, oldest first."""

    name: str
    title: str = ""
    reason: str = ""
    required: bool = False
    round: int
    state: DocumentState
    files: tuple[Received, ...] = ()


def dossier(
    rounds: Mapping[int, Iterable[DocumentRequest]], received: Iterable[Received], accepted: bool = False
) -> tuple[Entry, ...]:
    """Every document, in the order in which they were first asked for; `rounds` are the requests of each round.

    A reviewer accepts a document by not asking for it again in a later round, or, with `accepted`, by the end.
    """
    asked: dict[str, list[tuple[int, DocumentRequest]]] = {}
    for number in sorted(rounds):
        for request in rounds[number]:
            asked.setdefault(request.name, []).append((number, request))
    files: dict[str, list[Received]] = {}
    for one in sorted(received, key=lambda document: (document.round, document.at)):
        files.setdefault(one.name, []).append(one)
    latest = max(rounds, default=1)
    entries = [_asked_for(history, files.pop(name, []), latest, accepted) for name, history in asked.items()]
    unasked = [
        Entry(name=name, round=came[-1].round, state=_come(came[-1].round, latest, accepted), files=tuple(came))
        for name, came in files.items()
    ]
    return (*entries, *unasked)


def _asked_for(history: list[tuple[int, DocumentRequest]], came: list[Received], latest: int, accepted: bool) -> Entry:
    number, request = history[-1]
    if any(one.round >= number for one in came):
        state = _come(number, latest, accepted)
    else:
        state = DocumentState.REVISION if len(history) > 1 else DocumentState.REQUESTED
    return Entry(
        name=request.name,
        title=request.title,
        reason=request.reason,
        required=request.required,
        round=number,
        state=state,
        files=tuple(came),
    )


def _come(number: int, latest: int, accepted: bool) -> DocumentState:
    return DocumentState.ACCEPTED if accepted or number < latest else DocumentState.RECEIVED
