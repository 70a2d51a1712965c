"""Which wallet signed what: against keys of this test, and whatever else arrives."""

import json
import subprocess
import sys

import pytest
from eth_account import Account
from eth_keys.datatypes import Signature
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.connectors.chain.signatures import BadAddress, checksum, recover, signable, signed, signer_of
from placet.domain.intent import Intent, typed_data
from placet.domain.signature import ORDER, BadSignature, wallet_proof

KEY = Account.from_key(b"\x07" * 32)
INTENT = Intent(chain_id=31337, account=KEY.address, to="0x" + "b" * 40, amount=str(2**256 - 1), case_id="case-1")


def sign(typed: dict) -> str:
    return KEY.sign_typed_data(full_message=typed).signature.to_0x_hex()


@pytest.mark.parametrize(
    "intent",
    [
        INTENT,
        INTENT.model_copy(update={"amount": "1", "data": "0xdeadbeef"}),
        INTENT.model_copy(update={"token": "0x" + "c" * 40, "case_id": "fünf – ✓"}),
    ],
)
def test_the_signer_of_an_intent_is_found_again_and_is_nobodys_of_another(intent: Intent) -> None:
    signature = sign(signable(intent))
    assert signable(intent) == typed_data(intent)
    assert recover(signable(intent), signature) == signer_of(intent, signature) == KEY.address
    other = intent.model_copy(update={"chain_id": 1})
    assert signer_of(other, signature) != KEY.address


def test_what_is_signed_survives_json() -> None:
    """Pages and scripts sign what the API answers, not our Python."""
    typed = json.loads(json.dumps(signable(INTENT)))
    assert signer_of(INTENT, sign(typed)) == KEY.address
    proof = wallet_proof("tara", KEY.address, "challenge")
    assert recover(proof, sign(json.loads(json.dumps(proof)))) == KEY.address
    assert recover(wallet_proof("theo", KEY.address, "challenge"), sign(proof)) != KEY.address


def test_the_twin_of_a_signature_is_refused_though_it_would_recover_the_same_wallet() -> None:
    typed = signable(INTENT)
    plain = KEY.sign_typed_data(full_message=typed)
    twin = Signature(vrs=(1 - (plain.v - 27), plain.r, ORDER - plain.s))
    assert checksum(twin.recover_public_key_from_msg_hash(plain.message_hash).to_address()) == KEY.address
    with pytest.raises(BadSignature) as raised:
        recover(typed, f"0x{plain.r:064x}{ORDER - plain.s:064x}{55 - plain.v:02x}")
    assert raised.value.code == "signature-high-s"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, ORDER - 1), st.integers(1, ORDER // 2), st.sampled_from([0, 1, 27, 28]))
def test_any_numbers_are_somebody_elses_signature_or_none(r: int, s: int, v: int) -> None:
    try:
        assert recover(signable(INTENT), f"0x{r:064x}{s:064x}{v:02x}") != KEY.address
    except BadSignature as error:
        assert error.code == "signature-malformed"


def test_an_address_is_spelled_with_its_checksum_and_a_wrong_one_is_refused() -> None:
    known = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    for spelled in (known, known.lower(), "0x" + known[2:].upper()):
        assert checksum(spelled) == known
    for wrong in (
        "0x" + known[2:].swapcase(),
        known[:-1] + "D",
        known[:-1],
        known[2:],
        "0x" + "g" * 40,
        "0x" + "0" * 40,
        "",
    ):
        with pytest.raises(BadAddress):
            checksum(wrong)


def test_a_keystore_signs_and_a_wrong_passphrase_or_file_does_not() -> None:
    keystore = json.dumps(Account.encrypt(KEY.key, "open sesame", iterations=2))
    assert signer_of(INTENT, signed(signable(INTENT), keystore, "open sesame")) == KEY.address
    for file, passphrase in ((keystore, "wrong"), ("{}", "x"), ("[]", "x"), ("no json", "x"), ('{"version": 9}', "x")):
        with pytest.raises(ValueError, match="cannot be opened"):
            signed(signable(INTENT), file, passphrase)


def test_its_libraries_leave_the_recursion_limit_of_the_process_alone() -> None:
    """In a process of its own, that loads them for the first time: deep JSON must be refused, not end the process."""
    script = """
import json, sys
from placet.connectors.chain import signatures
before = sys.getrecursionlimit()
print(signatures.checksum("0x" + "a" * 40))
from placet.domain.intent import Intent
intent = Intent(chain_id=1, account="0x" + "a" * 40, to="0x" + "b" * 40, amount="1", case_id="c")
signatures.signer_of(intent, signatures.signed(signatures.signable(intent), sys.argv[1], "x"))
assert sys.getrecursionlimit() == before
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("refused")
"""
    keystore = json.dumps(Account.encrypt(KEY.key, "x", iterations=2))
    command = [sys.executable, "-c", script, keystore]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "refused"), done.stderr


def test_without_the_extra_everything_else_works_and_checking_says_what_is_missing() -> None:
    """In a process of its own, in which the libraries of the extra cannot be imported."""
    script = """
import sys
for name in ("eth_account", "eth_utils", "eth_keys", "web3"):
    sys.modules[name] = None
from placet.connectors.chain import signatures
from placet.domain.intent import Intent
from placet.domain.signature import CannotRecover
from placet.runtime import api, processes, worker
intent = Intent(chain_id=1, account="0x" + "a" * 40, to="0x" + "b" * 40, amount="1", case_id="c")
for check in (lambda: signatures.signer_of(intent, "0x" + "1" * 128 + "1b"), lambda: signatures.checksum(intent.to)):
    try:
        check()
    except CannotRecover as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, done.stdout.count("placet[chain]")) == (0, 2), done.stderr


def test_for_a_safe_its_own_transaction_is_what_is_signed() -> None:
    safe = INTENT.model_copy(update={"safe_nonce": 3, "amount": "1"})
    typed = signable(safe)
    assert (typed["primaryType"], typed["message"]["nonce"]) == ("SafeTx", 3)
    assert signer_of(safe, sign(typed)) == KEY.address
    # Our own message for the same payment is another one, and so is the Safe's next transaction.
    for other in (INTENT.model_copy(update={"amount": "1"}), safe.model_copy(update={"safe_nonce": 4})):
        assert signer_of(safe, sign(signable(other))) != KEY.address
