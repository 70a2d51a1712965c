"""What a run has shown, in figures: as JSON for programs, as Markdown for people."""

import contextlib
import json
import sqlite3
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proof.runs import Progress

NAMES = {"sqlite": "SQLite", "postgres": "Postgres"}
LOST, DOUBLED, STUCK = "lost:", "doubled:", "stuck:"


def figures(
    progress: "Progress", history: Sequence[Mapping[str, Any]], database: Path, problems: list[str], verified: bool
) -> dict[str, Any]:
    """Everything that is told of the run; no path and no name of a machine."""
    ended = Counter((op["f"] == "upload", op["type"]) for op in history)
    kills = progress.kills
    back = sorted(kill.recovered for kill in kills) or [0.0]
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        status = "CASE WHEN kind = 'compliance-case' AND state = 'completed' THEN json_extract(outcome, '$.status') END"
        end = f"kind || ' ' || state || coalesce('/' || {status}, '')"
        ends = f"SELECT {end}, count(*) FROM case_ GROUP BY 1 ORDER BY 1"
        cases = dict(connection.execute(ends).fetchall())
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("act", "case_document", "step", "message", "audit")
        }
    told = {prefix: sum(problem.startswith(prefix) for problem in problems) for prefix in (LOST, DOUBLED, STUCK)}
    return {
        "database": progress.database,
        "seed": progress.seed,
        "sittings": progress.sittings,
        "seconds": round(progress.seconds),
        "kills": len(kills),
        "kills_by_process": dict(sorted(Counter(kill.part for kill in kills).items())),
        "kills_by_point": dict(sorted(Counter(kill.point or "at random" for kill in kills).items())),
        "kills_that_hit_work": sum(kill.busy > 0 for kill in kills),
        "open_cases_at_kills": _spread([kill.open for kill in kills]),
        "work_at_kills": _spread([kill.busy for kill in kills]),
        "serving_again_seconds": {"median": round(statistics.median(back), 1), "longest": round(back[-1], 1)},
        "cases": sum(cases.values()),
        "cases_by_end": cases,
        "acts_acknowledged": ended[False, "ok"],
        "acts_refused": ended[False, "fail"],
        "uploads_acknowledged": ended[True, "ok"],
        "uploads_refused": ended[True, "fail"],
        "tries_without_answer": ended[False, "info"] + ended[True, "info"],
        "rows": counts,
        "lost": told[LOST],
        "doubled": told[DOUBLED],
        "stuck": told[STUCK],
        "other_problems": len(problems) - sum(told.values()),
        "audit_log_holds": verified,
        "problems": problems[:50],
    }


def write(folder: Path, told: Mapping[str, Any]) -> None:
    (folder / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    heading = f"# Crash campaign on {NAMES[told['database']]}\n\n"
    (folder / "report.md").write_text(heading + table(told), encoding="utf-8")


def table(told: Mapping[str, Any]) -> str:
    """The report as one Markdown table."""
    cells = {
        "database": told["database"],
        "seed, sittings, duration": f"{told['seed']}, {told['sittings']}, {told['seconds']} s",
        "kills": f"{told['kills']}, of which {told['kills_that_hit_work']} hit work under way",
        "by process": _list(told["kills_by_process"]),
        "by point": _list(told["kills_by_point"]),
        "open cases at a kill": _told(told["open_cases_at_kills"]),
        "work under way at a kill": _told(told["work_at_kills"]),
        "served again after": "{median} s (median), {longest} s (longest)".format(**told["serving_again_seconds"]),
        "cases": told["cases"],
        "by kind and end": _list(told["cases_by_end"]),
        "acts": f"{told['acts_acknowledged']} acknowledged, {told['acts_refused']} refused",
        "uploads": f"{told['uploads_acknowledged']} acknowledged, {told['uploads_refused']} refused",
        "tries without an answer": told["tries_without_answer"],
        "**lost**": told["lost"],
        "**doubled**": told["doubled"],
        "**stuck**": told["stuck"],
        "other problems": told["other_problems"],
        "audit log": "holds" if told["audit_log_holds"] else "DOES NOT HOLD",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in cells.items())


def _spread(numbers: Iterable[int]) -> dict[str, int]:
    known = sorted(numbers) or [0]
    return {"least": known[0], "median": round(statistics.median(known)), "most": known[-1]}


def _told(spread: Mapping[str, int]) -> str:
    return "{least} to {most}, median {median}".format(**spread)


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
