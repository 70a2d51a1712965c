"""`python -m bench.votes [--quick] [rounds] [large] [history]`: measure the vote, print the tables, write them."""

import argparse
import asyncio
import os
import sys

from bench import machine, votes_history, votes_large, votes_report, votes_rounds
from bench.place import template

PARTS = ("rounds", "large", "history")
FEW, MANY = 9, 1000
MOST_PER_SECOND = 4000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.votes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes instead of twelve")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"only some of: {', '.join(PARTS)}")
    given = parser.parse_args()
    parts = set(given.parts or PARTS)
    if unknown := parts - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]}; there are: {', '.join(PARTS)}")
    rounds, seconds, crowd = (1, 3.0, 100_001) if given.quick else (3, 5.0, 1_000_001)
    voters = int(MOST_PER_SECOND * seconds)
    seen = machine.described()
    with template() as database:
        cells = asyncio.run(votes_rounds.measure(database, rounds, seconds, voters)) if "rounds" in parts else []
        history = asyncio.run(votes_history.measure(database, (FEW, MANY))) if "history" in parts else {}
    large = asyncio.run(votes_large.measure(crowd, seconds)) if "large" in parts else None
    # Whoever else is at work on the machine takes from all of them.
    seen["load"] += f", {os.getloadavg()[2]:.1f} in its last quarter of an hour"
    found = votes_report.Report(seen, given.quick, cells, large, history)
    print(votes_report.markdown(found))
    print(f"Written to {votes_report.write(found)}", file=sys.stderr)


if __name__ == "__main__":
    main()
