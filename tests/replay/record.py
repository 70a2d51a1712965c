"""`make record`: record one history for each way a catalogue workflow can go; existing ones are never touched."""

import asyncio
import sys
from pathlib import Path

from placet import __version__
from placet.catalogue.registry import CATALOGUE
from placet.testing import scenario

sys.path.insert(0, str(Path(__file__).parents[1]))

from replay.stories import STORIES

HISTORIES = Path(__file__).parent / "histories"


async def record(release: str) -> None:
    for kind, story in STORIES.items():
        folder = HISTORIES / kind / release
        if folder.exists():
            print(f"{kind}: recorded for {release} already; a recorded history is never changed")
            continue
        async with scenario(CATALOGUE) as world:
            await story(world)
            folder.mkdir(parents=True)
            for case_id in world.started:
                history = await world.history(case_id)
                (folder / f"{case_id}.json").write_text(history.to_json(), encoding="utf-8")
        print(f"{kind}: {len(world.started)} histories in {folder}")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1] if len(sys.argv) > 1 else __version__))
