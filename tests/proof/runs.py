"""A run of a campaign in a folder: its history and progress outlive a kill -9 of the run, and it goes on from there."""

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from proof import report
from proof.campaign import Campaign, Pace
from proof.checker import check
from proof.harness import SETTINGS, installed
from proof.kills import POINTS, RARE_POINTS, Kill, Killer, all_cards, order
from proof.office import Office
from proof.postgres import Postgres

SHORT = Pace(cases=16, at_once=8, glance_seconds=0.2, thought_seconds=0.5)
# From the third plan on: the first takes five rounds.
SHORTER = Pace(cases=10, at_once=8, glance_seconds=0.2, thought_seconds=0.5, first=2)
LONG = Pace(cases=100, at_once=100, glance_seconds=1.0, thought_seconds=20.0)


class History(list[dict[str, Any]]):
    """What people sent and what came of it, also in a file, line by line."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        if file.exists():
            whole = file.read_bytes()
            # A run that was killed may have left half a line.
            whole = whole[: whole.rfind(b"\n") + 1]
            os.truncate(file, len(whole))
            self.extend(json.loads(line) for line in whole.splitlines())
        self._file = file.open("a", encoding="utf-8")

    def append(self, op: dict[str, Any]) -> None:
        super().append(op)
        self._file.write(json.dumps(op, ensure_ascii=False) + "\n")
        self._file.flush()


@dataclass
class Progress:
    """How far a run has come; `seconds` is the time in all its sittings."""

    file: Path
    seed: int
    database: str
    sittings: int = 0
    seconds: float = 0.0
    kills: list[Kill] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path, seed: int, database: str) -> "Progress":
        """What an earlier sitting left, with its own seed; or a beginning."""
        file = folder / "progress.json"
        if not file.exists():
            return cls(file, seed, database)
        known = json.loads(file.read_text(encoding="utf-8"))
        known["kills"] = [Kill(**kill) for kill in known["kills"]]
        return cls(file, **known)

    def keep(self) -> None:
        known = {name: value for name, value in vars(self).items() if not name.startswith("_") and name != "file"}
        known["kills"] = [kill._asdict() for kill in self.kills]
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(known, indent=1), encoding="utf-8")
        draft.replace(self.file)


@dataclass(frozen=True)
class Ended:
    """What a run left behind: a copy of the database as SQLite, the exported log, and what everybody did.

    `verified` is the product's own opinion of its audit log, `problems` the independent checker's of everything.
    """

    database: Path
    audit: Path
    history: list[dict[str, Any]]
    ends: dict[str, list[str]]
    kills: list[Kill]
    verified: bool
    figures: dict[str, Any]

    def problems(self) -> list[str]:
        """What the checker says now; `figures` has what it said at the end of the run."""
        return check(self.database, self.audit, self.history, self.ends)


async def play(
    folder: Path, database: str, kills: int, seed: int, pace: Pace, longest_pause: float, cards: list[str] | None = None
) -> Ended:
    """Play until there have been so many kills, all sittings together; then judge, and write the report.

    `cards` are played in the given order and over again; without them, every card shuffled by the seed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress = Progress.of(folder, seed, database)
    progress.sittings += 1
    progress.keep()
    server = Postgres(folder) if database == "postgres" else None
    try:
        if server:
            server.start()
        return await _played(folder, progress, server, kills, pace, longest_pause, cards)
    finally:
        if server:
            server.stop()


async def _played(
    folder: Path,
    progress: Progress,
    server: Postgres | None,
    kills: int,
    pace: Pace,
    longest_pause: float,
    cards: list[str] | None,
) -> Ended:
    tickets = folder / "tickets"
    tickets.mkdir(exist_ok=True)
    environment = {"PLACET_CRASH_AT": ",".join((*POINTS, *RARE_POINTS)), "PLACET_CRASH_TICKETS": str(tickets)}
    async with installed(folder, SETTINGS, environment, server.url if server else None) as place:
        place.history = History(folder / "history.jsonl")
        begun, before = time.monotonic(), progress.seconds

        def keep() -> None:
            progress.seconds = before + time.monotonic() - begun
            progress.keep()

        async with Office(place) as office:
            draw = random.Random(f"{progress.seed}/{progress.sittings}")
            campaign = Campaign(place, office, draw, pace)
            killer = Killer(place, server, tickets, draw, longest_pause, keep, progress.kills)
            dealt: Iterator[str] = cycle(cards) if cards else order(progress.seed, all_cards(server))
            await campaign.play(killer.run(campaign, dealt, kills))
        keep()
        assert await place.down() == 0
        assert place.left_over() == []
        verified = place.placet("verify").returncode == 0
        audit, copied = place.export(), place.copied()
        problems = check(copied, audit, place.history, campaign.ends)
        figures = report.figures(progress, place.history, copied, problems, verified)
        report.write(folder, figures)
        return Ended(copied, audit, place.history, campaign.ends, progress.kills, verified, figures)


def clear(folder: Path) -> None:
    """Take away what a finished run keeps outside its folder."""
    place = Postgres(folder).place
    if place.exists():
        shutil.rmtree(place)
