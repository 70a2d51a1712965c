"""Badges and credentials from the command line, on an installation that does not run; checking needs none at all."""

import asyncio
import json
from pathlib import Path

import pytest

from cli.test_cli import Terminal
from connectors.test_credentials import ORDER, PLACES
from placet.connectors.credentials.jwt import signed
from placet.connectors.credentials.open_badge import claims
from placet.connectors.credentials.status_list import list_claims
from placet.executor.badge_keys import LocalKey

DEFINE = ["--name", "First aid", "--description", "Helps.", "--criteria", "A course.", "--cost", "500"]


@pytest.fixture
def admin(tmp_path: Path) -> Terminal:
    (tmp_path / "data").mkdir(mode=0o700)
    return Terminal(tmp_path / "data")


def test_a_badge_is_defined_listed_and_asked_for(admin: Terminal) -> None:
    assert "defined: first-aid" in admin.says("badge add first-aid", *DEFINE)
    assert "500" in admin.says("badge list")
    assert "badge-exists" in admin.refuses("badge add first-aid", *DEFINE[:-1], "1")
    asked = admin.json("badge request first-aid --key once", "--note", "Well done.")
    assert asked["kind"] == "credential-issuance"
    assert admin.json("badge request first-aid --key once", "--note", "Well done.")["id"] == asked["id"]
    assert "already-requested" in admin.refuses("badge request first-aid")
    assert "unknown-badge" in admin.refuses("badge request flying")


def test_there_are_no_credentials_yet(admin: Terminal) -> None:
    assert "No credentials." in admin.says("credential list")
    assert "not-found" in admin.refuses("credential show 00000000-0000-4000-8000-000000000000")
    assert "not-found" in admin.refuses("credential revoke 00000000-0000-4000-8000-000000000000 --reason x")
    assert "invalid-request" in admin.refuses("credential list --state lost")


class Papers:
    """A credential with its keys and its lists, as files."""

    def __init__(self, folder: Path) -> None:
        key = LocalKey.generated()
        order = ORDER.model_copy(update={"valid_until": None})
        self.badge, self.jwks = folder / "badge.jwt", folder / "jwks.json"
        self.badge.write_text(asyncio.run(signed(key, claims(order))) + "\n")
        self.jwks.write_text(json.dumps({"keys": [key.public()]}))
        self.lists = {}
        for name, bits in (("good", [0]), ("revoked", [ORDER.status_index])):
            content = list_claims(ORDER.status_list, ORDER.issuer, bits, PLACES, ORDER.valid_from)
            self.lists[name] = str(folder / f"{name}.jwt")
            Path(self.lists[name]).write_text(asyncio.run(signed(key, content)))


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    return Papers(tmp_path)


@pytest.fixture
def anybody(tmp_path: Path) -> Terminal:
    """Somebody without an installation."""
    return Terminal(tmp_path / "nothing")


def test_a_credential_is_checked_without_an_installation(anybody: Terminal, papers: Papers) -> None:
    given = [str(papers.badge), "--jwks", str(papers.jwks)]
    assert "it holds; nobody looked whether it was revoked" in anybody.says("credential verify", *given)
    assert "it holds; not revoked" in anybody.says("credential verify", *given, "--status", papers.lists["good"])
    revoked = anybody.refuses("credential verify", *given, "--status", papers.lists["revoked"], code=1)
    assert "IT DOES NOT HOLD; REVOKED" in revoked
    found = anybody.json("credential verify", *given, "--status", papers.lists["good"])
    assert found["ok"] and found["revoked"] is False and found["id"] == f"urn:uuid:{ORDER.id}"


def test_files_that_are_something_else_are_named(anybody: Terminal, papers: Papers, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    for content in (b"\xff\xfe", b"[]", b"{}", b"{", b""):
        odd.write_bytes(content)
        said = anybody.refuses("credential verify", str(papers.badge), "--jwks", str(odd), code=1)
        assert "odd" in said
        checked = [str(odd), "--jwks", str(papers.jwks)]
        assert anybody("credential verify", *checked).exit_code == 1
    wrong = anybody.refuses("credential verify", papers.lists["good"], "--jwks", str(papers.jwks), code=1)
    assert "IT DOES NOT HOLD" in wrong
