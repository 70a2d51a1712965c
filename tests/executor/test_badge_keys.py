"""The key of credentials: made once, opened by its passphrase only, never readable by others."""

import json
from pathlib import Path

import pytest

from placet.connectors.credentials.jwt import signed, verified
from placet.executor.badge_keys import KEY_FILE, PASSPHRASE, PASSPHRASE_FILE, KeyLocked, LocalKey, opened

ENVIRONMENT = {PASSPHRASE: "correct horse battery staple"}


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519"])
async def test_a_key_is_made_once_and_signs_the_same_message_alike(tmp_path: Path, algorithm: str) -> None:
    first, again = opened(tmp_path, ENVIRONMENT, algorithm), opened(tmp_path, ENVIRONMENT)
    assert (first.kid, first.algorithm) == (again.kid, algorithm)
    assert await signed(first, {"a": 1}) == await signed(again, {"a": 1})
    assert verified(await signed(first, {"a": 1}), [again.public()]) == {"a": 1}
    assert "d" not in first.public()


def test_the_private_half_is_not_in_the_file(tmp_path: Path) -> None:
    key = opened(tmp_path, ENVIRONMENT)
    kept = (tmp_path / KEY_FILE).read_text()
    secret = key._jwk.as_dict(private=True)["d"]
    assert isinstance(secret, str) and secret not in kept
    assert not (tmp_path / PASSPHRASE_FILE).exists()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_without_a_passphrase_one_is_made_beside_the_key(tmp_path: Path) -> None:
    assert opened(tmp_path, {}).kid == opened(tmp_path, {}).kid
    assert (tmp_path / PASSPHRASE_FILE).stat().st_mode & 0o777 == 0o600


def test_another_passphrase_does_not_open_it(tmp_path: Path) -> None:
    opened(tmp_path, ENVIRONMENT)
    with pytest.raises(KeyLocked, match=PASSPHRASE):
        opened(tmp_path, {PASSPHRASE: "another"})


@pytest.mark.parametrize("field", ["kid", "sealed"])
def test_a_changed_file_does_not_open(tmp_path: Path, field: str) -> None:
    opened(tmp_path, ENVIRONMENT)
    kept = json.loads((tmp_path / KEY_FILE).read_text())
    kept[field] = LocalKey.generated().locked("x")[field]
    (tmp_path / KEY_FILE).write_text(json.dumps(kept))
    with pytest.raises(KeyLocked):
        opened(tmp_path, ENVIRONMENT)


def test_a_file_that_is_cut_off_does_not_open(tmp_path: Path) -> None:
    opened(tmp_path, ENVIRONMENT)
    (tmp_path / KEY_FILE).write_text("{")
    with pytest.raises(KeyLocked, match="damaged"):
        opened(tmp_path, ENVIRONMENT)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    opened(tmp_path, ENVIRONMENT)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(KeyLocked, match="0600"):
        opened(tmp_path, ENVIRONMENT)
