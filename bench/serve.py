"""`python -m bench.serve worker|api|naive`: Placet's own processes on the measured case, or its rival's worker."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from bench import naive
from bench.kind import OneApproval
from placet.durable.workflow import entry_of
from placet.runtime import api, worker
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place

CATALOGUE = (entry_of(OneApproval),)


def place_of(data: Path, port: int, temporal_port: int) -> Place:
    return Place(DataDir(data), port, temporal_port, None, os.environ)


def use_own_catalogue() -> None:
    """Everything else of the two processes is as it is shipped."""
    api.CATALOGUE = worker.CATALOGUE = CATALOGUE  # type: ignore[attr-defined]


def main(part: str, data: str, port: str, temporal_port: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    if part == "naive":
        asyncio.run(naive.serve(Path(data), int(temporal_port)))
        return
    use_own_catalogue()
    run = {"worker": worker.run_worker, "api": api.run_api}[part]
    asyncio.run(run(place_of(Path(data), int(port), int(temporal_port))))


if __name__ == "__main__":
    main(*sys.argv[1:])
