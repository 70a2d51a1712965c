"""Ballots as evidence: what anybody who sees the case needs to count the votes again without us."""

from collections.abc import AsyncIterator, Sequence
from json import JSONEncoder

from placet.control import reading
from placet.control.door import Door
from placet.control.errors import found
from placet.domain.people import Person
from placet.store.ballot_export import BallotExport, Line
from placet.store.decisions import NoSuchTask
from placet.store.engine import Tx

_JSON = JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Ballots:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def export(self, person: Person, ballot_id: str, texts: bool = False) -> AsyncIterator[bytes]:
        """The ballot's export as JSON Lines, page by page; `texts` adds the comments and other texts of its log."""

        def begin(tx: Tx, check: reading.Check) -> tuple[BallotExport, bytes] | None:
            export = BallotExport(ballot_id, texts)
            try:
                first = export.page(tx)
            except NoSuchTask:
                return None
            if reading.seen_case(tx, person, export.case_id) is None:
                return None
            check(tx, [export.case_id])
            return export, json_lines(first)

        return self._pages(*found(await self._door.read_settled(begin)))

    async def _pages(self, export: BallotExport, first: bytes) -> AsyncIterator[bytes]:
        yield first
        while not export.done:
            yield await self._door.read(lambda tx: json_lines(export.page(tx)))


def json_lines(lines: Sequence[Line]) -> bytes:
    """One JSON object a line, UTF-8."""
    return "".join(_JSON.encode(line) + "\n" for line in lines).encode()
