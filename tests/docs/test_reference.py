"""The reference pages and the sample settings say what the code says."""

import tomllib

from pydantic import BaseModel

from docs.markdown import ROOT
from placet.catalogue.registry import CATALOGUE
from placet.connectors.mail.smtp import SmtpSettings
from placet.runtime import reference
from placet.runtime.settings import Settings, effective, load

FOLDER = ROOT / "docs/reference"
SAMPLE = ROOT / "placet.toml.example"


def test_the_reference_pages_are_the_generated_ones() -> None:
    generated = reference.pages()
    stale = [
        name
        for name, text in generated.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs`"
    assert {file.name for file in FOLDER.iterdir()} == set(generated)


def test_every_workflow_setting_and_command_has_its_place() -> None:
    pages = reference.pages()
    assert all(f"| Kind | `{entry.kind}` |" in pages["workflows.md"] for entry in CATALOGUE)
    assert all(f"## [{name}]" in pages["settings.md"] for name in Settings.model_fields if name != "policy")
    assert "## placet case start" in pages["cli.md"]
    assert "`POST /api/v1/tasks/{task_id}/answer`" in pages["api.md"]
    assert "| `task-closed` | 409 |" in pages["errors.md"]
    assert "| `task.answered` | a person |" in pages["audit-actions.md"]
    assert "| `task.closed` | Placet |" in pages["audit-actions.md"]
    closed = next(line for line in pages["audit-actions.md"].splitlines() if line.startswith("| `ballot.closed`"))
    assert all(f"`{key}`" in closed for key in ("ballot", "votes", "log", "roll", "rules", "tally", "as_of"))


def test_the_sample_settings_are_the_defaults() -> None:
    sample = load(SAMPLE, CATALOGUE)
    assert effective(sample, CATALOGUE) == effective(load(None, CATALOGUE), CATALOGUE)


def test_the_sample_settings_leave_nothing_out() -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    uncommented = tomllib.loads("\n".join(_uncommented(line) for line in text.splitlines()))
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert set(uncommented[name]) == set(field.annotation.model_fields), name
    assert set(uncommented["mail"]["smtp"]) == set(SmtpSettings.model_fields)
    SmtpSettings.model_validate(uncommented["mail"]["smtp"])
    kinds = {entry.policy_name: entry.policy for entry in CATALOGUE}
    for kind, policy in uncommented["policy"].items():
        assert set(policy) == set(kinds[kind].model_fields), kind


def _uncommented(line: str) -> str:
    """A setting that is commented out, as a setting; a remark as nothing."""
    bare = line.removeprefix("# ")
    if bare == line:
        return line
    return bare if bare.startswith("[") or " = " in bare else ""
