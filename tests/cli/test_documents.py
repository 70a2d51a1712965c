"""Documents from the command line, over the files of an installation that is not running."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.samples import files

from placet.cli.main import placet
from placet.connectors.blobs.port import content_hash
from placet.domain.collection import DocumentRequest
from placet.domain.course import Ask, Report
from placet.domain.people import Role
from placet.domain.task import TaskSpec
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from placet.store import cases, course
from placet.store.engine import Store, Tx
from placet.store.house import House

CASE = "order-1"
ACT = {"kind": "role-change", "person": "admin", "role": "voter", "scope": "general", "change": "grant"}


def opened(tx: Tx) -> None:
    cases.create(tx, CASE, "test", "deals", "A deal", "rita", {"request": {}}, "rita", {})
    wanted = (DocumentRequest(name="deed"), DocumentRequest(name="passport"))
    spec = TaskSpec(name="collect", title="Collect", to=(Role(name="customer"),), documents=wanted)
    course.report(tx, Report(case_id=CASE, run_id="run-1", seen=0, state="waiting", ask=Ask(spec=spec, ordinal=1)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    datadir = DataDir(tmp_path / "data")
    prepare(Place(datadir, 8400, 8401, None, os.environ))
    store = Store(f"sqlite:///{datadir.app_db}", House(secret=datadir.secret()))
    store.submit(opened).result(timeout=60)
    store.close()
    return datadir.path


def run(data: Path, *arguments: Any) -> Result:
    return CliRunner().invoke(placet, ["--data", str(data), *map(str, arguments)], env={"PLACET_URL": None})


def test_a_document_is_uploaded_listed_and_fetched(data: Path, tmp_path: Path) -> None:
    (tmp_path / "deed.pdf").write_bytes(files.pdf())
    assert "passport  requested" in run(data, "document", "list", CASE).output
    sent = run(data, "--json", "document", "upload", CASE, "deed", tmp_path / "deed.pdf", "--key", "k")
    assert sent.exit_code == 0, sent.output
    document = json.loads(sent.output)["items"][0]["document"]
    listed = run(data, "document", "list", CASE).output
    assert f"deed      received   1      {document['id']}  deed.pdf" in listed
    got = run(data, "document", "get", document["id"], "-o", tmp_path / "copy.pdf")
    assert (got.exit_code, (tmp_path / "copy.pdf").read_bytes()) == (0, files.pdf())
    again = run(data, "document", "get", document["id"], "-o", tmp_path / "copy.pdf")
    assert (again.exit_code, "--force" in again.output) == (2, True)
    assert run(data, "document", "get", document["id"], "-o", tmp_path / "copy.pdf", "--force").exit_code == 0


def test_a_refusal_is_told_in_the_words_of_the_api(data: Path, tmp_path: Path) -> None:
    (tmp_path / "deed.pdf").write_bytes(files.png())
    refused = run(data, "document", "upload", CASE, "deed", tmp_path / "deed.pdf")
    assert (refused.exit_code, "[type-mismatch]" in refused.output) == (4, True)
    unknown = run(data, "document", "get", "doc-unknown", "-o", tmp_path / "copy.pdf")
    assert (unknown.exit_code, (tmp_path / "copy.pdf").exists()) == (4, False)


def request_of(data: Path, case_id: str) -> Any:
    return json.loads(run(data, "--json", "case", "show", case_id).output)["request"]


def test_a_case_is_started_with_files(data: Path, tmp_path: Path) -> None:
    for name in ("bill.pdf", "more.pdf"):
        (tmp_path / name).write_bytes(files.pdf(name))
    wanted = tmp_path / "request.json"
    wanted.write_text(json.dumps({"title": "Pay", "action": ACT}))
    start = ("case", "start", "governance-proposal", wanted, "--scope", "general")
    both = [f"--attach=attachments={tmp_path / name}" for name in ("bill.pdf", "more.pdf")]
    opened = run(data, *start, *both)
    assert opened.exit_code == 0, opened.output
    case_id = opened.output.strip()
    named = [content_hash(files.pdf(name)) for name in ("bill.pdf", "more.pdf")]
    assert request_of(data, case_id)["attachments"] == named
    listed = run(data, "document", "list", case_id).output
    assert "attachments  received" in listed and "bill.pdf" in listed and "more.pdf" in listed


@pytest.mark.parametrize(
    ("attached", "told"),
    [
        ("attachments", "write FIELD=FILE"),
        ("minutes=bill.pdf", "takes no document there"),
        ("title=bill.pdf", "takes no document there"),
        ("attachments=nothing.pdf", "there is no file"),
    ],
)
def test_a_file_that_has_no_place_is_not_sent(data: Path, tmp_path: Path, attached: str, told: str) -> None:
    (tmp_path / "request.json").write_text("{}")
    refused = run(data, "case", "start", "governance-proposal", tmp_path / "request.json", "--attach", attached)
    assert (refused.exit_code, told in refused.output) == (2, True), refused.output
