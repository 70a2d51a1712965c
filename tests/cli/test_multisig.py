"""A council from the command line, over the files of an installation that is not running; keys sign here."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from eth_account import Account
from eth_account.signers.local import LocalAccount

from placet.cli.main import placet
from placet.cli.multisigs import PASSPHRASE
from placet.connectors.chain.signatures import signable
from placet.domain.course import Ask, Report
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Grant, Role
from placet.runtime.database import prepare
from placet.runtime.datadir import DataDir
from placet.runtime.place import Place
from placet.store import cases, course, people
from placet.store.engine import Store, Tx
from placet.store.house import House

CASE, PAY = "order-1", "order-1.pay.1"
INTENT = Intent(chain_id=31337, account="0x" + "a" * 40, to="0x" + "b" * 40, amount="500", case_id=CASE)
TOKENS = {name: f"plc_token-of-{name}" for name in ("tara", "theo", "tina")}


def key_of(name: str) -> LocalAccount:
    return Account.from_key(name.encode().rjust(32, b"\x01"))


def opened(tx: Tx) -> None:
    cases.create(tx, CASE, "test", "deals", "A deal", "rita", {"request": {}}, "rita", {})
    who = {"council": Role(name="treasurer"), "threshold": 2, "wallets": True}
    spec = MultisigSpec(name="pay", title="Pay the baker", intent=INTENT, balance="499", **who)
    course.report(tx, Report(case_id=CASE, run_id="run-1", seen=0, state="waiting", ask=Ask(spec=spec, ordinal=1)))


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.datadir = DataDir(folder / "data")
        prepare(Place(self.datadir, 8400, 8401, None, os.environ))

        def hire(tx: Tx) -> None:
            for name, token in TOKENS.items():
                people.add(tx, "root", name, name.title(), f"{name}@example.org", [Grant(role="treasurer")])
                people.issue_token(tx, "root", name, "test", token)

        self.write(hire)

    def write(self, do: Any) -> None:
        store = Store(f"sqlite:///{self.datadir.app_db}", House(secret=self.datadir.secret()))
        store.submit(do).result(timeout=60)
        store.close()

    def run(self, who: str | None, *words: Any, passphrase: str | None = "open sesame") -> Result:
        environment = {"PLACET_URL": None, "PLACET_TOKEN": TOKENS.get(who or ""), PASSPHRASE: passphrase}
        return CliRunner().invoke(placet, ["--data", str(self.datadir.path), *map(str, words)], env=environment)

    def keystore(self, name: str) -> Path:
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(Account.encrypt(key_of(name).key, "open sesame", iterations=2)))
        return file


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    for name in ("tara", "theo"):
        done = made.run(name, "person", "wallet", name, key_of(name).address, "--key-file", made.keystore(name))
        assert done.exit_code == 0, done.output
    made.write(opened)
    return made


def test_a_payment_is_listed_shown_and_approved_with_a_key_that_stays_here(desk: Desk) -> None:
    assert "Pay the baker  A deal  0 of 2" in desk.run("tara", "multisig", "list").output
    shown = desk.run("tara", "multisig", "show", PAY).output
    assert "500 of the chain's own currency (smallest unit)\nfrom 0xaaaa" in shown
    assert f"Intent {INTENT.hash}" in shown and "held 499, less than the 500 of this payment" in shown
    assert "You cannot approve now: You had no registered wallet" in desk.run("tina", "multisig", "show", PAY).output
    first = desk.run("tara", "multisig", "approve", PAY, "--key-file", desk.keystore("tara"))
    assert first.exit_code == 0, first.output
    assert "counted, receipt" in first.output and "held 499, less than the 500" in first.stderr
    assert desk.run("tara", "multisig", "list").output == "No payment waits for your approval.\n"
    assert desk.run("tara", "multisig", "withdraw", PAY).exit_code == 0
    assert desk.run("tara", "multisig", "approve", PAY, "--key-file", desk.keystore("tara")).exit_code == 0
    signature = key_of("theo").sign_typed_data(full_message=signable(INTENT)).signature.to_0x_hex()
    last = desk.run("theo", "--json", "multisig", "approve", PAY, "--signature", signature)
    assert json.loads(last.stdout)["verdict"]["outcome"] == "approved"


def test_what_does_not_count_is_told_in_the_words_of_the_api(desk: Desk) -> None:
    key = desk.keystore("theo")
    for words, code in (
        (["approve", PAY], "signature-missing"),
        (["approve", PAY, "--key-file", key], "wrong-wallet"),
        (["approve", PAY, "--intent-hash", "0" * 64, "--signature", "0x12"], "stale-intent"),
        (["withdraw", PAY], "nothing-to-withdraw"),
        (["refuse", PAY, "--comment", " "], "comment-required"),
        (["show", "order-2.pay.1"], "not-found"),
    ):
        done = desk.run("tara", "multisig", *words)
        assert (done.exit_code, f"[{code}]" in done.output) == (4, True), done.output
    assert desk.run("tara", "multisig", "refuse", PAY, "--comment", "too much").exit_code == 0


def test_a_wrong_passphrase_or_another_intent_signs_nothing(desk: Desk) -> None:
    key = desk.keystore("tara")
    wrong = desk.run("tara", "multisig", "approve", PAY, "--key-file", key, passphrase="no")
    assert (wrong.exit_code, "cannot be opened" in wrong.output) == (1, True)
    stale = desk.run("tara", "multisig", "approve", PAY, "--key-file", key, "--intent-hash", "0" * 64)
    assert (stale.exit_code, "look at it again" in stale.output) == (1, True)
    assert desk.run("tara", "multisig", "approve", PAY, "--key-file", key, "--signature", "0x").exit_code == 2


def test_a_wallet_is_shown_proved_and_registered(desk: Desk) -> None:
    assert desk.run("tina", "person", "wallet", "tina").output == "No wallet is registered.\n"
    address = key_of("tina").address
    assert "[signature-missing]" in desk.run("tina", "person", "wallet", "tina", address).output
    typed = json.loads(desk.run("tina", "person", "wallet", "tina", address, "--proof").output)
    signature = key_of("tina").sign_typed_data(full_message=typed).signature.to_0x_hex()
    done = desk.run("tina", "person", "wallet", "tina", address, "--signature", signature)
    assert done.output == f"tina signs with {address}\n"
    assert desk.run(None, "person", "wallet", "tina", key_of("new").address).exit_code == 0
