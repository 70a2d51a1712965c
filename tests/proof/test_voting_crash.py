"""kill -9 of any part while people vote across the end of a countdown: every acknowledged vote counts once.

The short run is small; `make proof-votes KILLS=100` is the long one.
"""

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proof.conftest import LONGEST_SECONDS
from proof.harness import installed, until
from proof.kills import EVERYTHING, Kill, order
from proof.office import Office
from proof.postgres import Postgres
from proof.votes_checker import DOUBLED, LOST, STUCK, End, Terms, check, counted, instant
from proof.voting_office import CARDS, OTHER_POINTS, PLANS, TERMS, VOTE_POINT, VOTERS, VOTING, Hall, Plan, VoteKiller

pytestmark = pytest.mark.timeout(LONGEST_SECONDS)

KILLS = int(os.environ.get("KILLS") or "0")
SEED = int(os.environ.get("SEED") or "0") or random.SystemRandom().randrange(1, 1_000_000)
DATABASE = os.environ.get("DATABASE") or "sqlite"
SHORT_CARDS = (VOTE_POINT, "worker", "temporal", "api")
NIGHT, NIGHTS = Plan(4, 2, 0.2), 5
SECOND = 1_000_000


@dataclass(frozen=True)
class Voted:
    """What a run left behind. `night` is the proposal whose countdown ended while nothing ran."""

    figures: dict[str, Any]
    kills: list[Kill]
    night: str
    database: Path
    audit: Path
    history: list[dict[str, Any]]


async def play(folder: Path) -> Voted:
    tickets = folder / "tickets"
    tickets.mkdir()
    environment = {"PLACET_CRASH_AT": ",".join((VOTE_POINT, *OTHER_POINTS)), "PLACET_CRASH_TICKETS": str(tickets)}
    server = Postgres(folder) if DATABASE == "postgres" else None
    begun = time.monotonic()
    draw = random.Random(SEED)
    kills: list[Kill] = []
    try:
        if server:
            server.start()
        async with installed(folder, VOTING, environment, server.url if server else None) as place, Office(place) as us:
            hall = Hall(place, us, draw, least=2 * len(PLANS) if KILLS else 4, at_once=4)
            await hall.sit()
            killer = VoteKiller(place, server, tickets, draw, 4.0 if KILLS else 1.0, lambda: None, kills)
            dealt = order(SEED, CARDS) if KILLS else iter(SHORT_CARDS)
            await hall.play(killer.run(hall, dealt, KILLS or len(SHORT_CARDS)))  # type: ignore[arg-type]
            night = await _over_night(hall)
            assert await place.down() == 0
            assert place.left_over() == []
            verified = place.placet("verify").returncode == 0
            audit, database = place.export(), place.copied()
            problems = check(database, audit, place.history, TERMS)
            seconds = time.monotonic() - begun
            told = _figures(kills, place.history, place.rows(ENDS), problems, verified, seconds)
            return Voted(told, kills, night, database, audit, place.history)
    finally:
        if server:
            server.stop()


async def _over_night(hall: Hall) -> str:
    """Nothing runs when the countdown ends; what comes up later finds it over."""
    for _ in range(NIGHTS):
        night = await hall.propose()
        await hall.vote_by(night, NIGHT)
        over = time.time() + TERMS.countdown / SECOND + 1
        hall.place.kill_everything()
        await until(lambda: not hall.place.left_over(), "the death of all children")
        query = "SELECT state, tally FROM decision WHERE case_id = ? AND form = 'ballot'"
        row = (await hall.rows(query, night))[0]
        quorum = (json.loads(row["tally"]) if isinstance(row["tally"], str) else row["tally"])["quorum_at"]
        counts_down = row["state"] == "open" and quorum
        if counts_down:
            await until(lambda over=over: time.time() > over, "the end of the countdown")  # type: ignore[misc]
        await hall.place.up()
        await until(hall.is_quiet, "the consequences of the vote")
        if counts_down:
            return night
    # A busy machine may be too slow for one night.
    raise AssertionError("no vote was in its countdown when everything was killed")


ENDS = "SELECT verdict FROM decision WHERE form = 'ballot' AND state = 'closed'"


def _figures(
    kills: list[Kill],
    history: list[dict[str, Any]],
    ends: list[dict[str, Any]],
    problems: list[str],
    verified: bool,
    seconds: float,
) -> dict[str, Any]:
    votes = [op for op in history if op["f"] == "vote"]
    verdicts = [json.loads(row["verdict"]) if isinstance(row["verdict"], str) else row["verdict"] for row in ends]
    back = sorted(kill.recovered for kill in kills) or [0.0]
    counts = {prefix: sum(problem.startswith(prefix) for problem in problems) for prefix in (LOST, DOUBLED, STUCK)}
    return {
        "database": DATABASE,
        "seed, seconds": f"{SEED}, {seconds:.0f}",
        "kills": len(kills),
        "by process": dict(sorted(Counter(kill.part for kill in kills).items())),
        "by point": dict(sorted(Counter(kill.point or "at random" for kill in kills).items())),
        "kills while votes were open": sum(kill.open > 0 for kill in kills),
        "served again after (median, longest)": f"{statistics.median(back):.1f} s, {back[-1]:.1f} s",
        "proposals": len(verdicts),
        "by end": dict(sorted(Counter(f"{one['outcome']} ({one['reason']})" for one in verdicts).items())),
        "votes acknowledged": len({(op["who"], op["proposal"]) for op in votes if op["type"] == "ok"}),
        "votes refused": len({(op["who"], op["proposal"]) for op in votes if op["type"] == "fail"}),
        "tries without an answer": sum(op["type"] == "info" for op in votes),
        "lost": counts[LOST],
        "doubled": counts[DOUBLED],
        "stuck": counts[STUCK],
        "other problems": len(problems) - sum(counts.values()),
        "audit log": "holds" if verified else "DOES NOT HOLD",
        "problems": problems[:50],
    }


def table(told: dict[str, Any]) -> str:
    def cell(value: Any) -> Any:
        return ", ".join(f"{name} {count}" for name, count in value.items()) if isinstance(value, dict) else value

    rows = (f"| {name} | {cell(value)} |\n" for name, value in told.items() if name != "problems")
    return "| | |\n|---|---|\n" + "".join(rows)


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Voted:
    ended = asyncio.run(play(tmp_path_factory.mktemp("votes")))
    print("\n" + table(ended.figures))
    if run := os.environ.get("RUN"):
        Path(run).mkdir(parents=True, exist_ok=True)
        (Path(run) / "votes.json").write_text(json.dumps(ended.figures, indent=1) + "\n", encoding="utf-8")
        (Path(run) / "votes.md").write_text(f"# Votes under kills\n\n{table(ended.figures)}", encoding="utf-8")
    return ended


@pytest.mark.server
def test_every_acknowledged_vote_counts_once_and_the_verdict_follows_from_the_votes(voted: Voted) -> None:
    assert voted.figures["problems"] == []
    assert voted.figures["audit log"] == "holds"


@pytest.mark.server
def test_the_kills_hit_votes_under_way_and_votes_ended_in_more_than_one_way(voted: Voted) -> None:
    assert len(voted.kills) >= (KILLS or len(SHORT_CARDS))
    assert voted.figures["kills while votes were open"] * 2 >= len(voted.kills)
    assert voted.figures["votes acknowledged"] >= len(VOTERS)
    assert len(voted.figures["by end"]) >= 2
    assert VOTE_POINT in {kill.point for kill in voted.kills}
    if KILLS >= 50:
        assert {kill.part for kill in voted.kills} >= {"temporal", "worker", "api", EVERYTHING}
        assert voted.figures["tries without an answer"] > 0
        assert voted.figures["votes refused"] > 0


@pytest.mark.server
def test_a_countdown_that_ended_while_nothing_ran_is_dated_at_its_end(voted: Voted) -> None:
    """The checker has found the instant right; here it lies before the moment at which it was noticed."""
    with contextlib.closing(sqlite3.connect(f"file:{voted.database}?mode=ro", uri=True)) as connection:
        query = "SELECT verdict, closed_at FROM decision WHERE case_id = ? AND form = 'ballot'"
        verdict, closed_at = connection.execute(query, (voted.night,)).fetchone()
    found = json.loads(verdict)
    assert (found["outcome"], found["reason"]) == ("approve", "countdown")
    assert closed_at - instant(found["at"]) > SECOND


# The judge itself

T = Terms(countdown=100, expiry=1000, amount=40)


@pytest.mark.parametrize(
    ("total", "votes", "end", "late"),
    [
        (4, [], End("expired", "expired", 1000), []),
        (4, [(10, "approve")], End("expired", "expired", 1000), []),
        (4, [(10, "approve"), (20, "deny")], End("deny", "countdown", 120), []),
        (4, [(10, "approve"), (20, "approve")], End("approve", "countdown", 120), []),
        (4, [(10, "approve"), (20, "approve"), (119, "approve")], End("approve", "early", 119), []),
        (4, [(10, "approve"), (20, "approve"), (120, "deny")], End("approve", "countdown", 120), [120]),
        (3, [(10, "deny"), (20, "deny"), (21, "deny")], End("deny", "early", 20), [21]),
        (4, [(999, "approve"), (1000, "approve")], End("expired", "expired", 1000), [1000]),
        (0, [], End("expired", "expired", 1000), []),
    ],
)
def test_the_judge_counts_by_hand(total: int, votes: list[tuple[int, str]], end: End, late: list[int]) -> None:
    assert counted(total, 0, votes, T) == (end, late)


WRONGS = {
    "a vote is gone": "DELETE FROM act WHERE rowid = (SELECT min(rowid) FROM act)",
    "a vote says something else": "UPDATE act SET outcome = iif(outcome = 'deny', 'approve', 'deny')",
    "a verdict is dated late": "UPDATE decision SET verdict = json_set(verdict, '$.at', '2100-01-01T00:00:00Z')",
    "a work is gone": "DELETE FROM work",
    "a reservation is doubled": "INSERT INTO ledger SELECT id + 1000, key || 'x', account, amount, case_id, memo, by,"
    " at FROM ledger",
    "a mail is gone": "DELETE FROM message WHERE id = (SELECT min(id) FROM message WHERE key LIKE '%/outcome/%')",
    "a mail was never sent": "UPDATE message SET state = 'queued'",
    "a status is another": "UPDATE proposal SET status = 'pending'",
    "a vote is open": "UPDATE decision SET state = 'open' WHERE form = 'ballot'",
    "somebody voted late": "UPDATE act SET at = at + 86400000000",
}


@pytest.mark.server
@pytest.mark.parametrize("wrong", WRONGS.values(), ids=WRONGS.keys())
def test_the_judge_sees_every_kind_of_mistake(voted: Voted, tmp_path: Path, wrong: str) -> None:
    copy = tmp_path / "wrong.db"
    with (
        contextlib.closing(sqlite3.connect(f"file:{voted.database}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        assert target.execute(wrong).rowcount > 0
        target.commit()
    assert check(copy, voted.audit, voted.history, TERMS) != voted.figures["problems"]
