"""`docs/access.md`, from the tables that the tests check: `python tests/docs/access_matrix.py` (`make docs`)."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/access.md"
sys.path.insert(0, str(ROOT / "tests"))

from api import (  # noqa: E402
    test_access,
    test_cooperative_access,
    test_credentials_access,
    test_multisig_access,
    test_voting_access,
)
from web import test_access as pages  # noqa: E402
from web import test_access_voting as more_pages  # noqa: E402

Row = Mapping[str, int | str]


def started(rows: Mapping[str, Row]) -> dict[tuple[str, str], Row]:
    """Starting goes through one address; what is behind it differs."""
    return {("start", what): row for what, row in rows.items()}


TABLES: dict[str, tuple[str, Mapping[tuple[str, str], Row]]] = {
    "Cases, tasks, people": ("tests/api/test_access.py", test_access.ACCESS),
    "Voting and governance": ("tests/api/test_voting_access.py", test_voting_access.ACCESS),
    "Councils and wallets": ("tests/api/test_multisig_access.py", test_multisig_access.ACCESS),
    "Credentials": ("tests/api/test_credentials_access.py", test_credentials_access.ACCESS),
    "Starting: credentials": ("tests/api/test_credentials_access.py", started(test_credentials_access.STARTS)),
    "Starting: the cooperative": ("tests/api/test_cooperative_access.py", started(test_cooperative_access.STARTS)),
    "Pages": ("tests/web/test_access.py", pages.ACCESS),
    "Pages of voting and administration": ("tests/web/test_access_voting.py", more_pages.ACCESS),
}
HEAD = """# Who may use which address

Written by `make docs` from the tables that the tests check. The tests call every address, of the API and of
the pages, as every kind of caller, and compare the status; an address without a row fails, and so does a row without an
address. A page sends whoever is not signed in to do so (303), and leads on when something is `done`.

| Addresses | Kinds of caller | Cells checked | Allowed | Not signed in (401, pages 303) | Not allowed (403) | Hidden (404) | Other | Leaks |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|
| {addresses} | {callers} | {cells} | {allowed} | {unknown} | {forbidden} | {hidden} | {other} | 0 |

A *leak* is a cell where a caller gets more than the table says. There is none as long as the tests pass. Beside the cells
they compare, word for word, what is hidden (cases, tasks, votes, councils, credentials) with what does not exist, and look for a
hidden case in lists, counts, searches and exports. The rule of sight itself, `store/sight.py`, is checked against the same
rule in plain Python by `tests/store/test_sight.py`.
"""  # noqa: E501


def kind_of(title: str, status: int | str) -> str:
    names: dict[int | str, str] = {"done": "allowed", 401: "unknown", 403: "forbidden", 404: "hidden"}
    if title.startswith("Pages"):
        names[303] = "unknown"
    return names.get(status) or ("allowed" if isinstance(status, int) and status < 400 else "other")


def page() -> str:
    cells = [
        kind_of(title, status)
        for title, (_, rows) in TABLES.items()
        for row in rows.values()
        for status in row.values()
    ]
    kinds = Counter(dict.fromkeys(("allowed", "unknown", "forbidden", "hidden", "other"), 0))
    kinds.update(cells)
    callers = {caller for _, rows in TABLES.values() for row in rows.values() for caller in row}
    addresses = {
        (method, path.partition("?")[0]) for _, rows in TABLES.values() for method, path in rows if method != "start"
    }
    parts = [HEAD.format(addresses=len(addresses), callers=len(callers), cells=len(cells), **kinds)]
    for title, (file, rows) in TABLES.items():
        names = list(next(iter(rows.values())))
        lines = [f"## {title}", "", f"Checked by `{file}`.", ""]
        lines += ["| | " + " | ".join(names) + " |", "|---|" + "--:|" * len(names)]
        for (method, path), row in rows.items():
            lines.append(f"| `{method} {path}` | " + " | ".join(str(row[name]) for name in names) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
