"""The rules of this code base that a machine can check."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import activity, workflow

from placet.catalogue.registry import CATALOGUE
from placet.durable.case import Case
from placet.durable.tick import SeriesTick
from placet.runtime import wiring
from placet.store.engine import Store
from placet.store.house import House

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
NAMES = Path(__file__).with_name("names.json")


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for file in SOURCES:
        yield file.relative_to(ROOT / "src/placet"), ast.parse(file.read_text(encoding="utf-8"))


def test_no_file_is_longer_than_400_lines() -> None:
    assert [file.name for file in SOURCES if len(file.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_a_catalogue_workflow_is_at_most_100_lines() -> None:
    files = [file for file in SOURCES if "catalogue" in file.parts and file.name not in ("model.py", "registry.py")]
    assert [file.name for file in files if len(file.read_text(encoding="utf-8").splitlines()) > 100] == []


def test_package_inits_are_empty() -> None:
    """A registry in one would make every sandbox load import all the workflows."""
    inits = [file for file in SOURCES if file.name == "__init__.py" and file.parent.name != "placet"]
    assert [str(file) for file in inits if file.read_text(encoding="utf-8").strip()] == []


def test_every_module_says_what_it_is() -> None:
    silent = [str(name) for name, tree in modules() if tree.body and not ast.get_docstring(tree)]
    assert [name for name in silent if name != "__init__.py"] == []


def test_catalogue_files_have_no_timers_handlers_or_retry_options() -> None:
    forbidden = {"signal", "update", "query", "sleep", "wait_condition", "execute_activity", "RetryPolicy", "upsert"}
    used = {
        f"{name}: {node.attr}"
        for name, tree in modules()
        if name.parts[0] == "catalogue"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    }
    assert used == set()


def test_the_domain_reads_no_clock_and_makes_no_ids() -> None:
    used = {
        f"{name}:{node.lineno} {node.func.attr}"
        for name, tree in modules()
        if name.parts[0] == "domain"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today", "time", "monotonic", "uuid4", "token_hex", "getenv"}
    }
    assert used == set()


def test_only_the_durable_layer_schedules_activities() -> None:
    pattern = re.compile(r"execute_(local_)?activity|start_(local_)?activity")
    callers = {
        str(name.parts[0])
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and pattern.match(node.attr)
        if not (isinstance(node.value, ast.Call))
    }
    assert callers == {"durable"}


def durable_names(folder: Path) -> dict[str, list[str]]:
    store = Store(f"sqlite:///{folder}/names.db", House())
    try:
        found = wiring.activities(store, wiring.embedded_ports(store))
        activities = sorted(str(activity._Definition.must_from_callable(do).name) for do in found)
    finally:
        store.close()
    definition = workflow._Definition.must_from_class(CATALOGUE[0].workflow)
    return {
        "workflows": sorted(
            str(workflow._Definition.must_from_class(found).name)
            for found in (*(entry.workflow for entry in CATALOGUE), SeriesTick)
        ),
        "activities": activities,
        "queries": sorted(str(name) for name in definition.queries),
        "patches": sorted(
            str(node.args[0].value)
            for _, tree in modules()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "patched"
            and isinstance(node.args[0], ast.Constant)
        ),
    }


def test_durable_names_are_the_recorded_ones(tmp_path: Path) -> None:
    """Running cases know these names. Add to names.json; never rename or remove while a case may still use one."""
    assert durable_names(tmp_path) == json.loads(NAMES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.kind)
def test_every_workflow_speaks_to_the_reader_who_approves(entry) -> None:
    assert entry.title and entry.decides.endswith(".") and entry.silence.endswith(".") and entry.description
    assert issubclass(entry.workflow, Case)
    assert entry.policy.model_validate({}) is not None


def test_no_machine_path_is_tracked() -> None:
    wanted = re.compile(r"(?<![\w.])/(work|farm|root)/[a-z.]")
    texts = [file for file in (ROOT / "src").rglob("*") if file.suffix in {".py", ".md", ".toml", ".html"}]
    assert [str(file) for file in texts if wanted.search(file.read_text(encoding="utf-8"))] == []
