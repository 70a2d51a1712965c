"""`python -m bench [--quick] [approval] [http] [up]`: measure, print the table, write it to bench/results."""

import argparse
import asyncio
import sys

from bench import approval, machine, over_http, report, up
from bench.place import template

PARTS = ("approval", "http", "up")
BURST_SECONDS = 10.0
BURST_CONNECTIONS = 32


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about two minutes instead of ten")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"only some of: {', '.join(PARTS)}")
    given = parser.parse_args()
    parts = set(given.parts or PARTS)
    if unknown := parts - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]}; there are: {', '.join(PARTS)}")
    rounds, cases, samples, waiting = (1, 60, 50, 300) if given.quick else (3, 200, 200, 5000)
    seen = machine.described()
    with template() as database:
        ended = asyncio.run(approval.rounds(database, rounds, cases)) if "approval" in parts else []
        served = None
        if "http" in parts:
            served = asyncio.run(over_http.measure(database, samples, waiting, BURST_SECONDS, BURST_CONNECTIONS))
    found = report.Report(seen, given.quick, ended, served, up.measure() if "up" in parts else None)
    print(report.markdown(found))
    print(f"Written to {report.write(found)}", file=sys.stderr)


if __name__ == "__main__":
    main()
