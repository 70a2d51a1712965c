"""Policies and resources from the command line, on an installation that does not run."""

from pathlib import Path

import pytest

from cli.test_cli import USAGE, Terminal


@pytest.fixture
def admin(tmp_path: Path) -> Terminal:
    (tmp_path / "data").mkdir(mode=0o700)
    return Terminal(tmp_path / "data")


def somebody(admin: Terminal, tmp_path: Path, *grants: str) -> Terminal:
    given = [word for grant in grants for word in ("--grant", grant)]
    admin.says("person add nora --name Nora --email nora@example.org", *given)
    return Terminal(tmp_path / "data", admin.says("person token nora").strip())


def test_a_policy_is_listed_shown_and_set(admin: Terminal, tmp_path: Path) -> None:
    assert "treasury-disbursement" in admin.says("policy list")
    assert "holds for treasury-disbursement" in admin.says("policy show treasury-disbursement")
    set_to = "policy set treasury-disbursement threshold=3 wallets=true approval=5d"
    assert admin.says(set_to) == "treasury-disbursement is at version 1\n"
    values = admin.json("policy show treasury-disbursement")["values"]
    assert (values["threshold"], values["wallets"], values["approval"]) == (3, True, "5d")
    assert admin.says("policy set treasury-disbursement wallets=false --base-version 1 --key k").endswith("version 2\n")
    shown = admin.says("policy show treasury-disbursement")
    assert '"wallets": false' in shown and "wallets    false" in shown and "admin" in shown
    assert "[stale-policy]" in admin.refuses("policy set treasury-disbursement threshold=1 --base-version 1")
    nora = somebody(admin, tmp_path, "council")
    assert "version 2" in nora.says("policy show treasury-disbursement")
    assert "[forbidden]" in nora.refuses("policy set treasury-disbursement threshold=1")


def test_what_is_no_policy_or_no_value_is_told(admin: Terminal) -> None:
    assert "There is no such policy; there are:" in admin.refuses("policy show purse", code=1)
    assert "[invalid-policy]" in admin.refuses("policy set treasury-disbursement treshold=3")
    assert "[invalid-policy]" in admin.refuses("policy set treasury-disbursement threshold=many")
    assert "KEY=VALUE" in admin.refuses("policy set treasury-disbursement threshold", code=USAGE)


def test_a_resource_is_registered_listed_shown_and_asked_to_change(admin: Terminal, tmp_path: Path) -> None:
    add = "resource add project fence --scope garden --key once"
    for _ in range(2):
        assert admin.says(add, "--title", "The fence") == "registered: project fence\n"
    assert "[resource-exists]" in admin.refuses("resource add project fence --scope garden")
    nora = somebody(admin, tmp_path, "member@garden")
    assert admin.says("resource add member nora --scope garden") == "registered: member nora\n"
    projects = nora.says("resource list --kind project")
    assert "The fence" in projects and "nora" not in projects
    assert "No projects" in nora.says("resource list --state archived")
    assert "More: --cursor" in admin.says("resource list --limit 1")
    shown = nora.says("resource show project fence")
    assert "garden: active" in shown and "It can become: hibernating." in shown and "not changed yet" in shown
    assert "[transition-not-allowed]" in nora.refuses("resource change project fence archived")
    asked = nora.json("resource change project fence hibernating --key once --reason Winter.")
    assert asked["kind"] == "lifecycle-transition"
    assert nora.json("resource change project fence hibernating --key once --reason Winter.")["id"] == asked["id"]
    assert asked["id"] in nora.says("resource show project fence")
    assert "[transition-pending]" in nora.refuses("resource change project fence hibernating")
    assert "[forbidden]" in nora.refuses("resource add project pond --scope garden")
    nora.refuses("resource show boat fence", code=USAGE)
