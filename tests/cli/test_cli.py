"""Every command of `placet`, against an installation that runs and one that does not."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from placet.cli.main import placet
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from proof.harness import Installation, until
from proof.office import Office, application

pytestmark = pytest.mark.server

REFUSED, USAGE = 4, 2


class Terminal:
    """One person's command line; a command's words are written as in a shell."""

    def __init__(self, data: Path, token: str | None = None) -> None:
        self._words = ["--data", str(data)]
        self._environment = {"PLACET_TOKEN": token, "PLACET_URL": None, "PLACET_CONFIG": None}

    def __call__(self, words: str, *more: str, stdin: str | None = None) -> Result:
        given = [*self._words, *words.split(), *more]
        return CliRunner().invoke(placet, given, env=self._environment, input=stdin)

    def says(self, words: str, *more: str, stdin: str | None = None) -> str:
        done = self(words, *more, stdin=stdin)
        assert done.exit_code == 0, done.output
        return done.output

    def json(self, words: str, *more: str, stdin: str | None = None) -> Any:
        return json.loads(self.says(f"--json {words}", *more, stdin=stdin))

    def refuses(self, words: str, *more: str, code: int = REFUSED, stdin: str | None = None) -> str:
        done = self(words, *more, stdin=stdin)
        assert done.exit_code == code, (done.exit_code, done.output)
        # A mistake of ours would come as another exception.
        assert isinstance(done.exception, SystemExit), done.exception
        return done.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("cli"))
    try:
        asyncio.run(running.up())
        yield running
    finally:
        running.clean_up()


@pytest.fixture
def admin(place: Installation) -> Terminal:
    return Terminal(place.data)


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(application("acme", "Acme")))
    return file


@pytest.fixture
def stopped(tmp_path: Path) -> Terminal:
    """An installation that has never run."""
    (tmp_path / "data").mkdir(mode=0o700)
    return Terminal(tmp_path / "data")


def as_person(place: Installation, person: str) -> Terminal:
    return Terminal(place.data, place.tokens[person])


def opened(place: Installation, file: Path, person: str = "ada") -> str:
    return as_person(place, person).says(f"case start partner-approval {file} --scope deals").strip()


def task_of(place: Installation, person: str, case_id: str) -> str:
    async def wait() -> str:
        async with Office(place) as office:
            return str((await office.task_of(person, case_id))["id"])

    return asyncio.run(wait())


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", [(), *commands(placet)], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(placet, [*path, "--help"])
    assert told.exit_code == 0
    usage, _, words = told.output.partition("\n\n")
    assert usage.startswith(f"Usage: {' '.join(('placet', *path))}")
    assert words.lstrip()[0].isupper()


def test_the_catalogue_is_listed_and_a_workflow_shown_with_its_request(admin: Terminal) -> None:
    assert "partner-approval: Partner approval" in admin.says("workflows")
    shown = admin.json("workflows partner-approval")
    assert "partner_id" in shown["request_schema"]["properties"]
    assert "[unknown-kind]" in admin.refuses("workflows nope")


def test_people_are_added_granted_given_tokens_and_imported(
    place: Installation, admin: Terminal, tmp_path: Path
) -> None:
    added = admin.says("person add nora --name Nora --email nora@example.org --grant legal@deals --grant member")
    assert added == "added: nora\n"
    assert admin.says("person grant nora member@labs") == "nora: member@labs\n"
    token = admin.says("person token nora").strip()
    assert Terminal(place.data, token).says("task list") == "Nothing waits for you.\n"
    people = tmp_path / "people.csv"
    people.write_text("id,name,email,grants\nolga,Olga,olga@example.org,legal@deals;member\n")
    assert [person["id"] for person in admin.json(f"person import {people}")["items"]] == ["olga"]
    assert "[person-exists]" in admin.refuses("person add nora --name Nora --email nora@example.org")
    assert "[forbidden]" in as_person(place, "ada").refuses("person token nora")


def test_somebody_is_deactivated_shown_and_let_in_again(stopped: Terminal, tmp_path: Path) -> None:
    stopped.says("person add nora --name Nora --email nora@example.org --grant legal@deals")
    nora = Terminal(tmp_path / "data", stopped.says("person token nora").strip())
    assert nora.says("task list") == "Nothing waits for you.\n"
    assert stopped.says("person deactivate nora --reason", "Has left.") == "nora is deactivated\n"
    assert "[unauthenticated]" in nora.refuses("task list")
    shown = stopped.says("person show nora")
    assert "Grants: legal@deals" in shown and "by admin: Has left." in shown
    assert "[own-account]" in stopped.refuses("person deactivate admin --reason bored")
    assert "--reason" in stopped.refuses("person deactivate nora", code=USAGE)
    assert stopped.says("person reactivate nora") == "nora is active again\n"
    assert stopped.json("person show nora")["person"]["active"] is True


def test_the_same_key_starts_the_same_case_once(place: Installation, request_file: Path) -> None:
    ada = as_person(place, "ada")
    start = f"case start partner-approval {request_file} --scope deals --key monday"
    first = ada.json(start)["id"]
    assert ada.says(start) == f"{first}\n"
    other = json.dumps(application("other", "Other"))
    told = ada.refuses("case start partner-approval - --scope deals --key monday", stdin=other)
    assert "[idempotency-mismatch]" in told
    assert [case["id"] for case in ada.json("case list --scope deals")["items"]].count(first) == 1


def test_a_task_is_listed_shown_claimed_passed_on_and_answered(place: Installation, request_file: Path) -> None:
    case_id = opened(place, request_file)
    marta, cora = as_person(place, "marta"), as_person(place, "cora")
    task = task_of(place, "marta", case_id)
    assert task in marta.says("task list")
    assert marta.json(f"task show {task}")["outcomes"][0]["name"] == "approve"
    assert marta.says(f"task claim {task}") == f"claimed: {task}\n"
    assert marta.says(f"task release {task}") == f"released: {task}\n"
    assert "[not-asked]" in cora.refuses(f"task answer {task} approve")
    assert "[forbidden]" in marta.refuses(f"task reassign {task} leo")
    for _ in range(2):
        assert cora.says(f"task reassign {task} marta --comment yours") == f"{task} is now with marta\n"
        assert marta.says(f"task delegate {task} cora --comment holiday") == f"{task} is now with cora\n"
    assert "[comment-required]" in cora.refuses(f"task answer {task} refuse")
    answer = f"task answer {task} refuse --comment no --key once"
    told = cora.says(answer)
    assert told.startswith("counted, receipt ") and told.endswith("; decided: refuse\n")
    assert cora.says(answer) == told
    assert "[task-closed]" in marta.refuses(f"task answer {task} approve")
    assert "--data" in cora.refuses(f"task answer {task} approve --data {{", code=USAGE)


def test_a_case_is_shown_paused_resumed_and_cancelled(place: Installation, request_file: Path) -> None:
    # And another one, for a second page.
    case_id, _ = opened(place, request_file), opened(place, request_file)
    task_of(place, "marta", case_id)
    cora = as_person(place, "cora")
    shown = cora.says(f"case show {case_id} --events")
    assert "Manager approval" in shown and "crm.set-status" in shown and "task.opened" in shown
    assert cora.says(f"case pause {case_id} --reason wait") == f"pause: {case_id}\n"
    assert cora.json(f"case show {case_id}")["paused"] is True
    assert cora.says(f"case resume {case_id} --reason go") == f"resume: {case_id}\n"
    assert cora.says(f"case cancel {case_id} --reason enough") == f"cancel: {case_id}\n"
    assert case_id in cora.says("case list --kind partner-approval --limit 200")
    assert "--reason" in cora.refuses(f"case cancel {case_id}", code=USAGE)
    page = cora.json("case list --limit 1")
    assert page["next_cursor"] and cora.json(f"case list --limit 1 --cursor {page['next_cursor']}")["items"]
    assert "More: --cursor" in cora.says("case list --limit 1")
    assert "[not-found]" in as_person(place, "marta").refuses("case show partner-approval-unknown")


def test_mail_is_read(place: Installation, request_file: Path) -> None:
    task_of(place, "marta", opened(place, request_file))
    assert "Manager approval: Acme" in as_person(place, "marta").says("mail")
    assert as_person(place, "leo").json("mail")["items"] == []
    assert "rosa" in Terminal(place.data).says("mail --all").lower()
    assert "[forbidden]" in as_person(place, "leo").refuses("mail --all")


def test_the_running_installation_is_exported_verified_and_copied(
    place: Installation, admin: Terminal, request_file: Path, tmp_path: Path
) -> None:
    case_id = opened(place, request_file)
    checkpoint = "SELECT number FROM checkpoint"
    asyncio.run(until(lambda: place.rows(checkpoint), "the first checkpoint of the audit log"))
    log, one, copy = tmp_path / "log.jsonl", tmp_path / "one.jsonl", tmp_path / "copy.tar"
    assert admin.json(f"export {log}")["lines"] > 10
    assert "exists already" in admin.refuses(f"export {log}", code=USAGE)
    assert "lines in" in admin.says(f"export {one} --case {case_id}")
    assert "all hold" in admin.says("verify")
    assert "all hold" in admin.says(f"verify {one}")
    witness = admin.json(f"verify {log}")["last_checkpoint"]
    assert admin.json(f"verify --witness {witness}")["ok"] is True
    assert "placet.db" in admin.says(f"backup {copy}")
    assert "exists already" in admin.refuses(f"backup {copy}", code=1)
    assert "Stop that one first" in admin.refuses(f"restore {copy}", code=1)
    asked = CliRunner().invoke(placet, ["--url", place.url, "--token", place.tokens["ada"], "verify"])
    assert (asked.exit_code, "export first" in asked.output) == (USAGE, True)


def test_a_remote_instance_is_reached_by_address_and_token(place: Installation) -> None:
    leo = {"PLACET_URL": place.url, "PLACET_TOKEN": place.tokens["leo"]}
    assert CliRunner().invoke(placet, ["task", "list"], env=leo).exit_code == 0
    wrong = CliRunner().invoke(placet, ["task", "list"], env=leo | {"PLACET_TOKEN": "wrong"})
    assert (wrong.exit_code, "[unauthenticated]" in wrong.output) == (REFUSED, True)
    nameless = CliRunner().invoke(placet, ["task", "list"], env={"PLACET_URL": place.url, "PLACET_TOKEN": None})
    assert (nameless.exit_code, "PLACET_TOKEN" in nameless.output) == (USAGE, True)
    nobody = CliRunner().invoke(placet, ["task", "list"], env=leo | {"PLACET_URL": "http://127.0.0.1:9"})
    assert (nobody.exit_code, "Is `placet up` running?" in nobody.output) == (1, True)


def test_errors_are_json_for_scripts(place: Installation) -> None:
    told = json.loads(as_person(place, "leo").refuses("--json case show nope"))
    assert (told["code"], told["status"]) == ("not-found", 404)


def test_a_changed_log_does_not_verify(stopped: Terminal, tmp_path: Path) -> None:
    stopped.says("person add nora --name Nora --email nora@example.org")
    log = tmp_path / "log.jsonl"
    stopped.says(f"export {log}")
    assert "all hold" in stopped.says(f"verify {log}")
    changed = tmp_path / "changed.jsonl"
    changed.write_text(log.read_text().replace("nora", "lora"))
    told = stopped.refuses(f"verify {changed}", code=1)
    assert "PROBLEM" in told and "THE LOG WAS CHANGED" in told
    assert "not in this log" in stopped.refuses(f"verify {log} --witness {'ab' * 32}", code=1)
    changed.write_text("{")
    assert "line 1: not JSON" in stopped.refuses(f"verify {changed}", code=1)
    with sqlite3.connect(tmp_path / "data" / "placet.db") as connection:
        connection.execute("UPDATE audit SET actor = 'mallory' WHERE seq = 2")
    connection.close()
    assert "content was changed" in stopped.refuses("verify", code=1)


def test_settings_are_printed_and_faults_in_them_told(stopped: Terminal, tmp_path: Path) -> None:
    assert 'manager_review = "3bd"' in stopped.says("config")
    config = tmp_path / "placet.toml"
    config.write_text('[policy.partner-approval]\nmanager_review = "2h"\n')
    assert stopped.json(f"config --config {config}")["policy"]["partner-approval"]["manager_review"] == "2h"
    config.write_text("[policy.partner-approval]\nmanger_review = 1\n")
    for words in ("config", "task list", "verify", "up"):
        told = stopped.refuses(f"--config {config} {words}", code=1)
        assert "manger_review: there is no such key" in told, words
    assert "cannot read" in stopped.refuses(f"--config {tmp_path / 'none.toml'} task list", code=1)


def test_without_an_installation_the_command_says_what_to_do(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path / "nowhere")
    for words in ("task list", "verify", f"export {tmp_path / 'log'}"):
        assert "There is no installation in" in nowhere.refuses(words, code=USAGE), words
    assert not (tmp_path / "nowhere").exists() and not (tmp_path / "log").exists()
    assert "no embedded database" in nowhere.refuses(f"backup {tmp_path / 'copy.tar'}", code=1)
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert "There is no installation in" in Terminal(empty).refuses("verify", code=USAGE)


def test_a_file_that_is_no_request_or_no_backup_is_refused(stopped: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("{")
    assert "is not valid JSON" in stopped.refuses(f"case start partner-approval {file}", code=1)
    assert "is not a backup" in stopped.refuses(f"restore {file}", code=1)
    file.write_text("{}")
    assert "[invalid-request]" in stopped.refuses(f"case start partner-approval {file}")


async def test_what_is_done_while_nothing_runs_has_its_consequences_later(tmp_path: Path, request_file: Path) -> None:
    place = Installation(tmp_path)
    place.data.mkdir(mode=0o700, parents=True)

    def offline() -> str:
        prepare(Place(DataDir(place.data), place.port, place.temporal_port, None, os.environ), demo=True)
        terminal = Terminal(place.data)
        start = f"case start partner-approval {request_file} --scope deals --key k"
        first = terminal.says(start)
        assert terminal.says(start) == first
        assert terminal.says("task list") == "Nothing waits for you.\n"
        return first.strip()

    case_id = await asyncio.to_thread(offline)
    try:
        await place.up()
        async with Office(place) as office:
            assert (await office.task_of("marta", case_id))["title"] == "Manager approval"
        # After a kill -9 the note of the running instance is stale, and the files are there.
        place.kill_everything()
        await until(lambda: not place.left_over(), "the death of all children")
        marta = Terminal(place.data, place.tokens["marta"])
        answered = await asyncio.to_thread(marta.says, f"task answer {case_id}.manager-approval.1 approve")
        assert "decided: approve" in answered
        await place.up()
        async with Office(place) as office:
            assert (await office.task_of("leo", case_id))["title"] == "Legal review"
        assert await place.down(signal.SIGTERM) == 0
    finally:
        place.clean_up()
