"""`placet verify --ballot` and `placet export --ballot`, on an installation that does not run and on files."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner, Result

from placet.api.app import create_app
from placet.cli.main import placet
from placet.runtime.api import control_of
from placet.runtime.settings import Settings
from placet.store import people
from voting.assembly import DAY, HOUR, Assembly

BALLOT = "proposal-1.vote.1"


class Terminal:
    def __init__(self, data: Path) -> None:
        self._words = ["--data", str(data)]

    def __call__(self, words: str, *more: str) -> Result:
        environment = {"PLACET_TOKEN": None, "PLACET_URL": None, "PLACET_CONFIG": None}
        return CliRunner().invoke(placet, [*self._words, *words.split(), *more], env=environment)

    def says(self, words: str, *more: str, code: int = 0) -> str:
        done = self(words, *more)
        assert done.exit_code == code, done.output
        return done.output


@pytest.fixture
def terminal(assembly: Assembly, tmp_path: Path) -> Terminal:
    """The command line of an installation with one decided ballot; its database is the assembly's file."""
    case = assembly.propose()
    assembly.votes(case, approve=3, deny=2, after=HOUR)
    assembly.wait(DAY)
    assembly.look(case)
    return Terminal(tmp_path)


@pytest.fixture
def address(assembly: Assembly) -> Iterator[str]:
    """The API over the assembly's store, on a port of this machine."""

    async def down() -> dict[str, Any]:
        return {"engine": "down"}

    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(control_of(assembly.store, Settings()), engine_status=down)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


def over(address: str, token: str, words: str) -> Result:
    return CliRunner().invoke(placet, ["--url", address, "--token", token, *words.split()], env={"PLACET_CONFIG": None})


def receipt_of(assembly: Assembly, who: str) -> str:
    return next(str(line["hash"]) for line in assembly.export("proposal-1") if line.get("actor") == who)


def test_a_ballot_of_the_installation_is_counted_again(terminal: Terminal) -> None:
    told = terminal.says(f"verify --ballot {BALLOT}")
    assert "5 of 10 voted, 3 for, 2 against: approve (countdown) as of 2026-03-03T14:00:00+00:00" in told
    assert "the count holds" in told
    found = json.loads(terminal.says(f"--json verify --ballot {BALLOT}"))
    assert (found["ok"], found["votes"], found["verdict"]["outcome"]) == (True, 5, "approve")


def test_an_export_is_counted_without_the_installation(terminal: Terminal, assembly: Assembly, tmp_path: Path) -> None:
    file, nowhere = tmp_path / "ballot.jsonl", Terminal(tmp_path / "nowhere")
    assert "10 lines in" in terminal.says(f"export --ballot {BALLOT} {file}")
    assert "the count holds" in nowhere.says(f"verify --ballot {BALLOT} {file}")
    receipt = receipt_of(assembly, "v0")
    told = nowhere.says(f"verify --ballot {BALLOT} --receipt {receipt} --witness {receipt} {file}")
    assert "v0 voted to deny at 2026-03-02T10:00:00.000000Z, it counts" in told
    assert "exists already" in terminal.says(f"export --ballot {BALLOT} {file}", code=2)
    assert sorted(found.name for found in tmp_path.glob("ballot*")) == ["ballot.jsonl"]


def test_a_flipped_vote_a_foreign_receipt_and_a_lost_witness_are_told(terminal: Terminal, tmp_path: Path) -> None:
    file, forged = tmp_path / "ballot.jsonl", tmp_path / "forged.jsonl"
    terminal.says(f"export --ballot {BALLOT} {file}")
    forged.write_text(file.read_text().replace('"decision": "deny"', '"decision": "approve"', 1))
    told = terminal.says(f"verify --ballot {BALLOT} {forged}", code=1)
    assert "PROBLEM" in told and "THE COUNT DOES NOT HOLD" in told
    unknown = "ab" * 32
    assert "no vote with the receipt" in terminal.says(f"verify --ballot {BALLOT} --receipt {unknown} {file}", code=1)
    assert "witnessed line" in terminal.says(f"verify --ballot {BALLOT} --witness {unknown} {file}", code=1)
    assert "not of another.vote.1" in terminal.says(f"verify --ballot another.vote.1 {file}", code=1)


def test_a_changed_row_in_the_database_is_told(terminal: Terminal, assembly: Assembly) -> None:
    changed = "UPDATE decision SET verdict = replace(verdict, 'approve', 'deny')"
    assembly.do(lambda tx: tx.conn.exec_driver_sql(changed))
    assert "the verdict as published is deny" in terminal.says(f"verify --ballot {BALLOT}", code=1)


def test_mistakes_are_told_in_a_sentence(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "ballot.jsonl"
    assert "There is no ballot nope" in terminal.says("verify --ballot nope", code=1)
    assert "There is no ballot nope" in terminal.says(f"export --ballot nope {file}", code=1)
    assert not list(tmp_path.glob("ballot*"))
    assert "add --ballot ID" in terminal.says(f"verify --receipt {'ab' * 32}", code=2)
    assert "either --case or --ballot" in terminal.says(f"export --case x --ballot {BALLOT} {file}", code=2)
    terminal.says(f"export --ballot {BALLOT} {file}")
    assert f"add --ballot {BALLOT}" in terminal.says(f"verify {file}", code=2)
    file.write_text("{not json\n")
    assert "line 1: not JSON" in terminal.says(f"verify --ballot {BALLOT} {file}", code=1)


def test_texts_are_exported_only_when_asked_for(terminal: Terminal, tmp_path: Path) -> None:
    for name, flag, titles in (("bare", "", 0), ("whole", "--texts", 1)):
        file = tmp_path / f"{name}.jsonl"
        terminal.says(f"export --ballot {BALLOT} {flag} {file}")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert sum(line.get("field") == "title" for line in lines) == titles
        assert "the count holds" in terminal.says(f"verify --ballot {BALLOT} {file}")


def test_a_voter_fetches_the_evidence_from_a_server(
    terminal: Terminal, assembly: Assembly, address: str, tmp_path: Path
) -> None:
    assembly.vote(assembly.propose(), "v9", "deny", "Two\u2028lines, one object")
    assembly.hire("nobody")
    voter, nobody = (
        assembly.do(lambda tx, who=who: people.issue_token(tx, "adam", who, "test")) for who in ("v9", "nobody")
    )
    for ballot in (BALLOT, "proposal-2.vote.1"):
        file = tmp_path / f"{ballot}.jsonl"
        done = over(address, voter, f"export --texts --ballot {ballot} {file}")
        assert done.exit_code == 0, done.output
        assert "the count holds" in terminal.says(f"verify --ballot {ballot} {file}")
    hidden = over(address, nobody, f"export --ballot {BALLOT} {tmp_path / 'hidden'}")
    assert (hidden.exit_code, "[not-found]" in hidden.output) == (4, True)
    assert not list(tmp_path.glob("hidden*"))
    refused = over(address, voter, f"verify --ballot {BALLOT}")
    assert (refused.exit_code, "fetch an export first" in refused.output) == (2, True)
