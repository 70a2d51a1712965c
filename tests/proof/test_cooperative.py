"""What a cooperative is owed: a paused onboarding survives a kill of everything, and forged approvals move no money."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from executor.anvil import Anvil
from executor.desk import somebody
from ports import free_port
from proof.conftest import LONGEST_SECONDS
from proof.harness import PATIENCE, Installation, installed, until
from proof.office import Office
from proof.test_acceptance import settled, signalled

pytestmark = [pytest.mark.server, pytest.mark.timeout(LONGEST_SECONDS)]

NIA = {"person_id": "nia", "name": "Nia Newcomer", "email": "nia@newcomer.example", "statement": "I like gardens."}
COUNCIL = ("kofi", "lena", "abel")
AMOUNT = 2_500_000
FORGED = ("council_approval", "answer", "approve", "treasury.pay", "wake")
REFUSED = (
    "SELECT actor, action, json_extract(detail, '$.code') AS code FROM audit WHERE chain = '@refused' ORDER BY seq"
)


async def opened(office: Office, kind: str, request: dict[str, Any]) -> str:
    body = {"scope": "deals", "request": request}
    answer = await office.act("ada", "start", f"/api/v1/workflows/{kind}/cases", body, subject=kind)
    assert answer.status == 201, answer.text
    return str(answer.body["id"])


def kept(place: Installation, case_id: str) -> dict[str, Any]:
    """Where a case is: its state, and all that was asked, answered and done."""
    asked = "SELECT id, state, opened_at, due_at, verdict FROM decision WHERE case_id = ? ORDER BY id"
    done = "SELECT name, ordinal, state, attempts FROM step WHERE case_id = ? ORDER BY name, ordinal"
    case = "SELECT state, paused_at, audit_seq, audit_head FROM case_ WHERE id = ?"
    return {query: place.rows(query, case_id) for query in (case, asked, done)}


async def test_a_paused_onboarding_goes_on_where_it_was_after_a_kill_of_everything(tmp_path: Path) -> None:
    async with installed(tmp_path) as place:
        async with Office(place) as office:
            case_id = await opened(office, "member-onboarding", NIA)
            link = await office.link_of(case_id)
            assert (await office.follow_link(case_id, link, {"outcome": "confirm", "comment": ""})).status == 200
            await office.decide("cora", case_id)
            task = await office.task_of("cora", case_id)
            assert task["title"] == "Introduction"
            assert (await office.steer("cora", case_id, "pause")).status == 200
            await settled(place)
            before = kept(place, case_id)
        place.kill_everything()
        await until(lambda: not place.left_over(), "the death of all children")
        await place.up()
        async with Office(place) as office:
            assert kept(place, case_id) == before
            assert (await office.case(case_id))["paused"] is True
            held = await office.answer("cora", task["id"], "introduced")
            assert (held.status, held.body["code"]) == (409, "case-paused")
            assert (await office.steer("cora", case_id, "resume")).status == 200
            again = await office.task_of("cora", case_id)
            assert (again["id"], again["due_at"] > task["due_at"]) == (task["id"], True)
            assert (await office.answer("cora", task["id"], "introduced")).status == 200
            ended = await office.closed(case_id)
        told = {"status": "active", "person_id": "nia", "identity": "human", "introduction": "human"}
        assert (ended["state"], ended["outcome"]) == ("completed", told)
        steps = {f"{one['name']}/{one['ordinal']}": one["state"] for one in ended["steps"]}
        names = ("membership.enter/1", *(f"membership.set-role/{number}" for number in (1, 2, 3)), "mail.send/1")
        assert steps == dict.fromkeys(names, "done")
        held_now = place.rows("SELECT role, scope FROM role_grant WHERE person_id = 'nia'")
        assert held_now == [{"role": "member", "scope": "deals"}]
        await settled(place)
        verified = place.placet("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


async def test_approvals_forged_straight_to_temporal_move_no_money_and_real_ones_pay_once(tmp_path: Path) -> None:
    port = free_port()
    settings = f'{PATIENCE}[chain]\nkind = "embedded"\nport = {port}\npoll_seconds = 0.1\n'
    chain = Anvil(f"http://127.0.0.1:{port}", itertools.count(1))
    to, wallets = somebody(), {name: Account.create() for name in COUNCIL}
    async with installed(tmp_path, f"{settings}[policy.treasury-disbursement]\nwallets = true\n") as place:
        async with Office(place) as office:
            for name, wallet in wallets.items():
                issued = await office.call("admin", "POST", f"/api/v1/people/{name}/tokens", {})
                place.tokens[name] = issued.body["token"]
                path, body = f"/api/v1/people/{name}/wallet", {"address": wallet.address}
                assert (await office.call("admin", "PUT", path, body)).status == 200
            case_id = await opened(office, "treasury-disbursement", {"to": to, "amount": str(AMOUNT)})
            multisig = f"/api/v1/multisigs/{case_id}.council-approval.1"
            shown: dict[str, Any] = await until(lambda: office.look("kofi", multisig), "the council being asked")
            await settled(place)
            before = kept(place, case_id)
            await _forge(place, office, case_id, shown, wallets)
            assert kept(place, case_id) == before
            assert chain.received()[to.lower()] == 0 and chain.transactions() == []
            for name in COUNCIL[:2]:
                given = {"intent_hash": shown["intent_hash"], "signature": sign(wallets[name], shown)}
                assert (await office.call(name, "POST", f"{multisig}/approve", given)).status == 200
            ended = await office.closed(case_id)
        assert (ended["state"], ended["outcome"]["status"]) == ("completed", "paid"), ended
        assert (chain.received()[to.lower()], chain.balance(to), len(chain.transactions())) == (1, AMOUNT, 1)
        assert place.placet("verify").returncode == 0


def sign(wallet: LocalAccount, shown: dict[str, Any]) -> str:
    signature: str = wallet.sign_typed_data(full_message=shown["typed_data"]).signature.to_0x_hex()
    return signature


async def _forge(
    place: Installation, office: Office, case_id: str, shown: dict[str, Any], wallets: dict[str, LocalAccount]
) -> None:
    """Signals by a real client of Temporal: without a token, with an invented one, and with somebody else's."""
    issued = await office.call("abel", "POST", f"/api/v1/multisigs/{shown['id']}/signal-token")
    assert issued.status == 201, issued.text
    token = issued.body["token"]
    other = shown | {"typed_data": json.loads(json.dumps(shown["typed_data"]))}
    other["typed_data"]["message"]["amount"] = str(AMOUNT * 1000)
    verdict = {"outcome": "approved", "favourable": True, "by": list(COUNCIL), "intent": shown["intent"]}
    sent: list[dict[str, Any]] = [
        *({"member": name, "signature": sign(wallet, shown)} for name, wallet in wallets.items()),
        {"member": "kofi", "signature": sign(wallets["kofi"], shown), "token": "sig_invented"},
        {"member": "kofi", "signature": sign(wallets["kofi"], shown), "token": token},
        {"member": "abel", "token": token},
        {"member": "abel", "signature": sign(wallets["kofi"], shown), "token": token},
        {"member": "abel", "signature": sign(wallets["abel"], other), "token": token},
        {"member": "abel", "intent_hash": "0" * 64, "signature": sign(wallets["abel"], shown), "token": token},
        verdict,
    ]
    assert [signalled(place, case_id, "council_approval", json.dumps(one)) for one in sent] == [0] * len(sent)
    assert [signalled(place, case_id, name, json.dumps(verdict)) for name in FORGED] == [0] * len(FORGED)
    # All but the wake-up, which means nothing to anybody.
    most = len(sent) + len(FORGED) - 1
    refused = await until(
        lambda: found if len(found := place.rows(REFUSED)) >= most else None, "an audit line for every forged approval"
    )
    codes = sorted(one["code"] for one in refused)
    wallet_codes = ["signature-missing", "stale-intent", "wrong-signature", "wrong-wallet"]
    assert codes == sorted([*["no-token"] * (3 + len(FORGED)), "unknown-token", "not-your-token", *wallet_codes]), codes
