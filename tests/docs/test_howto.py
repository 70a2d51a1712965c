"""“Write your own workflow in 15 minutes”, done as printed: the files, the registry line, the scenarios."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.markdown import ROOT, files_in

PAGE = ROOT / "docs/howto/write-a-workflow.md"
PATIENCE_SECONDS = 300
REGISTRY_LINE = re.compile(r"^(from \S+ import \w+)\n\n(CATALOGUE: .* = \()(entry_of\(\w+\), )\.\.\.\)$", re.MULTILINE)
RULES = "durable_names or catalogue_workflow or catalogue_files or speaks_to_the_reader"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the code base into which the page's files are written."""
    for part in ("src", "tests/architecture"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path, code in files_in(PAGE).items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, encoding="utf-8")
    (tmp_path / "src/placet/catalogue/refunds/__init__.py").touch()
    return tmp_path


def run(clone: Path, *command: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(clone / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"


@pytest.mark.timeout(4 * PATIENCE_SECONDS)
def test_the_how_to_works_exactly_as_printed(clone: Path) -> None:
    registry = clone / "src/placet/catalogue/registry.py"
    printed = REGISTRY_LINE.search(PAGE.read_text(encoding="utf-8"))
    assert printed is not None, "the page must show the import and the entry for the registry"
    imported, opening, entry = printed.groups()
    text = registry.read_text(encoding="utf-8")
    assert text.count(opening) == 1, "the registry no longer looks as the page shows it"
    text = text.replace(opening, opening + entry)
    registry.write_text(text.replace("\n\nfrom ", f"\n\n{imported}\nfrom ", 1), encoding="utf-8")
    names = clone / "tests/architecture/names.json"
    written = json.loads(names.read_text(encoding="utf-8"))
    written["workflows"] = sorted([*written["workflows"], "refund-approval"])
    names.write_text(json.dumps(written), encoding="utf-8")

    new = [path for path in files_in(PAGE)]
    run(clone, "ruff", "format", "--check", *new)
    run(clone, "ruff", "check", *new)
    run(clone, "pytest", "-q", "-p", "no:cacheprovider", "tests/catalogue/test_refund_approval.py")
    run(clone, "pytest", "-q", "-p", "no:cacheprovider", "tests/architecture/test_shape.py", "-k", RULES)
