"""`make record`: record one history for each way a catalogue workflow can go; existing ones are never touched."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from placet import __version__
from placet.catalogue.registry import CATALOGUE
from placet.testing import scenario

sys.path.insert(0, str(Path(__file__).parents[1]))

from catalogue.treasury import treasury
from replay.stories import PAID, STORIES

HISTORIES = Path(__file__).parent / "histories"


async def record(release: str) -> None:
    for kind in (*STORIES, *PAID):
        folder = HISTORIES / kind / release
        if folder.exists():
            print(f"{kind}: recorded for {release} already; a recorded history is never changed")
            continue
        async with AsyncExitStack() as stack:
            if kind in PAID:
                at = await stack.enter_async_context(treasury(Path(stack.enter_context(TemporaryDirectory()))))
                world = at.world
                await PAID[kind](at)
            else:
                world = await stack.enter_async_context(scenario(CATALOGUE))
                await STORIES[kind](world)
            folder.mkdir(parents=True)
            for case_id in world.started:
                history = await world.history(case_id)
                text = json.dumps(_anywhere(json.loads(history.to_json())), indent=2)
                (folder / f"{case_id}.json").write_text(text, encoding="utf-8")
        print(f"{kind}: {len(world.started)} histories in {folder}")


def _anywhere(value: Any) -> Any:
    """The history without stack traces, which name folders of this machine, and which no replay reads."""
    if isinstance(value, dict):
        return {key: _anywhere(inner) for key, inner in value.items() if key != "stackTrace"}
    return [_anywhere(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1] if len(sys.argv) > 1 else __version__))
