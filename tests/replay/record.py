"""`make record`: record one history for each way a catalogue workflow can go; existing ones are never touched."""

import asyncio
import sys
from pathlib import Path

from placet.catalogue.registry import CATALOGUE
from placet.store import course
from placet.testing import World, scenario

sys.path.insert(0, str(Path(__file__).parents[1]))

from catalogue.test_partner_approval import ACME, PARTNER, staff  # noqa: E402

HISTORIES = Path(__file__).parent / "histories"


async def _partner_approvals(world: World) -> None:
    await staff(world)
    wish = {"commission_percent": 15, "term_months": 12}
    for end in ("accept", "decline", "refuse", "cancel", "silence"):
        case_id = await world.start("partner-approval", ACME | {"partner_id": f"acme-{end}"}, "ann", scope="deals")
        if end == "refuse":
            await world.answer("max", case_id, "manager-approval", "refuse", "no")
            await world.ended(case_id)
            continue
        await world.answer("max", case_id, "manager-approval", "approve")
        await world.answer("lea", case_id, "legal-review", "approve")
        await world.task(case_id, "negotiation")
        if end == "accept":
            await world.answer(PARTNER, case_id, "negotiation", "counter", data=wish)
            await world.answer("lea", case_id, "legal-review", "approve")
            await world.answer(PARTNER, case_id, "negotiation", "accept")
            await world.answer("eve", case_id, "executive-approval", "approve")
        elif end == "decline":
            await world.answer(PARTNER, case_id, "negotiation", "decline", "no")
        elif end == "cancel":
            await world.steer(course.pause, "cora", case_id)
            await world.steer(course.resume, "cora", case_id)
            await world.steer(course.cancel, "cora", case_id)
        await world.ended(case_id)


async def record(release: str) -> None:
    folder = HISTORIES / "partner-approval" / release
    if folder.exists():
        sys.exit(f"{folder} exists already; a recorded history is never changed. Name another release.")
    async with scenario(CATALOGUE) as world:
        await _partner_approvals(world)
        folder.mkdir(parents=True)
        for case_id in world.started:
            history = await world.history(case_id)
            (folder / f"{case_id}.json").write_text(history.to_json(), encoding="utf-8")


if __name__ == "__main__":
    from placet import __version__

    asyncio.run(record(sys.argv[1] if len(sys.argv) > 1 else __version__))
