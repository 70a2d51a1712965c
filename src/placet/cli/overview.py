"""The overview, from the command line."""

import click

from placet.cli.door import Door, table


@click.command()
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True)
@click.option("--csv", "sheet", metavar="TABLE", help="Print one table as CSV, such as throughput or waiting.")
@click.pass_obj
def overview(door: Door, days: int, sheet: str | None) -> None:
    """Show where cases stand, how fast they go and where they wait, of what you may see."""
    if sheet is not None:
        click.echo(door.download("/api/v1/overview/export.csv", table=sheet, days=days).decode(), nl=False)
        return
    found = door.call("GET", "/api/v1/overview", days=days)
    columns = [("kind", "KIND"), ("state", "STATE"), ("cases", "CASES")]
    parts = ["Cases now", table(found["counts"], columns, "None."), ""]
    flow = _by_kind(found["throughput"])
    columns = [("kind", "KIND"), ("opened", "OPENED"), ("closed", "CLOSED")]
    parts += [f"Since {found['since']}", table(flow, columns, "Nothing opened or closed."), ""]
    waits = [
        {**line, "median": _span(line["median"]), "p90": _span(line["p90"])}
        for line in sorted(found["waiting"], key=lambda line: -line["median"])
    ]
    columns = [("kind", "KIND"), ("name", "STEP"), ("decided", "DECIDED"), ("median", "HALF WITHIN")]
    parts += ["Waiting for people", table(waits, [*columns, ("p90", "NINE OF TEN WITHIN")], "Nothing was decided."), ""]
    columns = [("case_id", "CASE"), ("title", "WAITS FOR"), ("due_at", "DUE"), ("escalated", "ESCALATED")]
    parts += ["Overdue", table(found["overdue"], columns, "Nothing."), ""]
    columns = [("case_id", "CASE"), ("step", "STEP"), ("error", "WHY"), ("task", "TASK")]
    parts += ["Needs attention", table(found["attention"], columns, "Nothing.")]
    door.show(found, "\n".join(parts))


def _by_kind(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    found: dict[str, list[int]] = {}
    for line in lines:
        sums = found.setdefault(str(line["kind"]), [0, 0])
        sums[0] += int(str(line["opened"]))
        sums[1] += int(str(line["closed"]))
    return [{"kind": kind, "opened": opened, "closed": closed} for kind, (opened, closed) in sorted(found.items())]


def _span(seconds: float) -> str:
    """A length of time in the largest unit that fits."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
