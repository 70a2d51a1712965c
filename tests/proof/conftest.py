"""Campaigns of kills, each played once; their tests and those of the checker look at what they left behind.

`KILLS=500` makes it the long run, `DATABASE` is `sqlite`, `postgres` or `both`, `SEED` repeats the order of kills, and
`RUN` names the folder in which a run is kept, and gone on with.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from proof.kills import EVERYTHING, POSTGRES
from proof.runs import LONG, SHORT, SHORTER, Ended, clear, play

KILLS = int(os.environ.get("KILLS") or "0")
SEED = int(os.environ.get("SEED") or "0") or random.SystemRandom().randrange(1, 1_000_000)
DATABASE = os.environ.get("DATABASE") or "both"
DATABASES = ("sqlite", "postgres") if DATABASE == "both" else (DATABASE,)
# Parts take turns, so that one comes back while the other is killed; half way everything is: the supervisor that comes
# then restarts its parts without delay again.
SHORT_CARDS = {
    "sqlite": [
        *("case-row-written", "step-planned", "case.start-committed", "report-committed", "outbox-claimed"),
        *(EVERYTHING, "step-effected", "document.receive-committed", "mail-claimed", "task.answer-committed"),
        *("temporal", "outbox-sent"),
    ],
    "postgres": ["task.answer-committed", POSTGRES, "step-effected", "document.receive-committed"],
}
SHORT_PACE = {"sqlite": SHORT, "postgres": SHORTER}
# Of whatever kills and starts again, most of all a short campaign; a long one has no end.
LONGEST_SECONDS = 0 if KILLS else 1800
LONGEST_PAUSE = 4.0
SHORTEST_PAUSE = 0.4

assert set(DATABASES) <= set(SHORT_CARDS), "DATABASE is sqlite, postgres or both"


@pytest.fixture(scope="session")
def campaign_on(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ended]:
    """The campaign on this database, played when it is asked for first."""
    ended: dict[str, Ended | None] = {}

    def played(database: str) -> Ended:
        if database not in ended:
            ended[database] = None
            run = os.environ.get("RUN")
            folder = (Path(run).resolve() if run else tmp_path_factory.mktemp("run")) / database
            if KILLS:
                print(f"\n{database}: {KILLS} kills, kept in {folder}; started again with the same RUN it goes on")
                playing = play(folder, database, KILLS, SEED, LONG, LONGEST_PAUSE)
            else:
                cards = SHORT_CARDS[database]
                playing = play(folder, database, len(cards), SEED, SHORT_PACE[database], SHORTEST_PAUSE, cards)
            ended[database] = asyncio.run(playing)
            if not run:
                clear(folder)
        found = ended[database]
        assert found is not None, f"the campaign on {database} did not come to its end"
        return found

    return played


@pytest.fixture(scope="session")
def killed(campaign_on: Callable[[str], Ended]) -> Ended:
    return campaign_on(DATABASES[0])
