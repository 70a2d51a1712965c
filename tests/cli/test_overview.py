"""The overview on the command line, of an installation that does not run."""

from pathlib import Path

import pytest

from cli.test_cli import USAGE, Terminal


@pytest.fixture
def stopped(tmp_path: Path) -> Terminal:
    (tmp_path / "data").mkdir(mode=0o700)
    return Terminal(tmp_path / "data")


def test_the_overview_is_shown_in_words_as_json_and_as_a_table(stopped: Terminal) -> None:
    told = stopped.says("overview --days 7")
    assert all(part in told for part in ("Cases now", "Waiting for people", "Overdue", "Needs attention", "Nothing."))
    assert stopped.json("overview")["sees"] == "everything"
    assert stopped.says("overview --csv throughput") == "begins,kind,opened,closed\n"


def test_what_is_no_table_or_period_is_refused(stopped: Terminal) -> None:
    assert "[invalid-request]" in stopped.refuses("overview --csv people")
    stopped.refuses("overview --days 0", code=USAGE)
