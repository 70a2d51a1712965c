"""One campaign of random kills, played once; its tests and those of the checker look at what it left behind."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from proof.campaign import Campaign, Ended
from proof.harness import installed
from proof.office import Office

KILLS = int(os.environ.get("KILLS", "12"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
CASES = 20
# In a long run each part is restarted after ten seconds at last; more haste would leave no time for work.
LONGEST_PAUSE = 1.8 if KILLS <= 30 else 9.0


async def random_kills(folder: Path) -> Ended:
    async with installed(folder) as place, Office(place) as office:
        campaign = Campaign(place, office, random.Random(SEED), CASES, LONGEST_PAUSE)
        await campaign.play(campaign.kill_at_random(KILLS))
        return await campaign.wind_up()


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    print(f"SEED={SEED} KILLS={KILLS}")
    return asyncio.run(random_kills(tmp_path_factory.mktemp("killed")))
