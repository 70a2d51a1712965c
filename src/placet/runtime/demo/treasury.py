"""A governance proposal that pays: discussed, voted on, signed by three wallets, and paid on a real chain."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2

from placet.connectors.chain.extra import importing
from placet.connectors.chain.port import ChainSettings
from placet.runtime import chain
from placet.runtime.demo.stage import DemoFailed, Stage
from placet.runtime.demo.voting import SCOPE, VOTERS

COUNCIL = ("kofi", "lena", "abel")
DISCUSSION = "20s"
AMOUNT = 2_500_000_000_000_000_000
SETTINGS = f"""
[policy.governance-proposal]
discussion = "{DISCUSSION}"

[policy.treasury-disbursement]
threshold = {len(COUNCIL)}
wallets = true
"""


@dataclass
class Transfer:
    """The proposal, whom it pays, and the keys of the council's wallets, which only this demonstration holds."""

    proposal: str
    payee: str
    wallets: dict[str, Any]


def is_there() -> bool:
    """Whether this machine has what a local chain takes."""
    return chain.resolved(ChainSettings()).kind == "embedded"


async def propose_transfer(stage: Stage) -> Transfer:
    """Register the council's wallets, and open the discussion."""
    with importing():
        from eth_account import Account
    wallets = {name: Account.create() for name in COUNCIL}
    stage.say("\nEach of the council registers a wallet, and proves that it is theirs")
    for name, wallet in wallets.items():
        path = f"/api/v1/people/{name}/wallet"
        asked = await stage.call(name, "GET", f"{path}?address={wallet.address}")
        proof = wallet.sign_typed_data(full_message=asked["typed_data"]).signature.to_0x_hex()
        await stage.call(name, "PUT", path, {"address": wallet.address, "signature": proof})
        stage.say(f"  {name}: {wallet.address}")
    payee = Account.create().address
    action = {"kind": "treasury-transfer", "to": payee, "amount": str(AMOUNT), "memo": "The new roof"}
    request = {"title": "Pay for the roof", "description": "It **leaks**.", "action": action}
    mistyped = payee[:-1] + ("0" if payee[-1] != "0" else "1")
    wrong = {"scope": SCOPE, "request": request | {"action": action | {"to": mistyped}}}
    start = "/api/v1/workflows/governance-proposal/cases"
    refused = await stage.call("pia", "POST", start, wrong, expect=422)
    proposal = str((await stage.call("pia", "POST", start, {"scope": SCOPE, "request": request}))["id"])
    stage.say(f"\nGovernance proposal: {request['title']} ({proposal}), to be discussed for {DISCUSSION} here")
    stage.say(f"  pia mistypes a digit of the address at first: refused ({refused['code']})")

    async def open_to_discussion() -> bool:
        seen = await stage.call("nils", "GET", "/api/v1/cases?kind=governance-proposal")
        return proposal in {one["id"] for one in seen["items"]}

    await stage.wait_for("the discussion", open_to_discussion)
    comments = f"/api/v1/cases/{proposal}/comments"
    asked = await stage.call("nils", "POST", comments, {"text": "Have we asked a *second* roofer?"})
    await stage.call("pia", "POST", comments, {"text": "Two of them; this one is cheaper.", "reply_to": asked["id"]})
    for one in (await stage.call("yara", "GET", comments))["items"]:
        stage.say(f"  {'    ' * one['depth']}{one['person']}: {one['text']}")
    return Transfer(proposal, payee, wallets)


async def play_transfer(stage: Stage, transfer: Transfer, rpc: str) -> None:
    """The vote, the council's signatures, the payment; then the chain itself is asked."""
    before = await _ask_chain(rpc, "eth_getBalance", transfer.payee, "latest")
    path = f"/voter/governance-proposals/{transfer.proposal}"

    async def open_to_votes() -> bool:
        return bool((await stage.call("ada", "GET", path))["subject_hash"])

    await stage.wait_for("the vote of the governance proposal", open_to_votes)
    stage.say(f"\nThe discussion is over; the vote on the roof ({transfer.proposal})")
    for who in VOTERS[:6]:
        seen = await stage.call(who, "POST", f"{path}/vote", {"decision": "approve"})
        stage.say(f"  {who}: approve  (receipt {seen['receipt'][:12]})")
    await _sign(stage, transfer)
    ended = await stage.closed("kofi", transfer.proposal)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    if ended["outcome"].get("execution") != "done":
        raise DemoFailed(f"{transfer.proposal} should have been carried out")
    (execution,) = ended["children"]
    await stage.timeline(execution["id"])
    (payment,) = (await stage.call("kofi", "GET", f"/api/v1/cases/{execution['id']}"))["children"]
    await stage.timeline(payment["id"])
    last = (await stage.call("kofi", "GET", f"/api/v1/cases/{payment['id']}/events?limit=200"))["items"][-1]
    receipt = json.loads(last["texts"]["outcome"])["receipt"]
    stage.say(f"  receipt in the audit log: block {receipt['block_number']}, transaction {receipt['tx_hash']}")
    after = await _ask_chain(rpc, "eth_getBalance", transfer.payee, "latest")
    mined = await _ask_chain(rpc, "eth_getTransactionReceipt", receipt["tx_hash"])
    stage.say(f"  the chain itself: {transfer.payee} had {int(before, 16)}, and has {int(after, 16)}")
    if (int(before, 16), int(after, 16)) != (0, AMOUNT) or mined["to"] != transfer.payee.lower():
        raise DemoFailed("the recipient should have exactly what was approved")


async def _sign(stage: Stage, transfer: Transfer) -> None:
    """Each of the council looks at what is asked, and signs it with their wallet."""

    async def asked() -> dict[str, Any] | None:
        waiting = (await stage.call("kofi", "GET", "/api/v1/multisigs"))["items"]
        return next((one for one in waiting if one["case_id"].startswith(transfer.proposal)), None)

    multisig = (await stage.wait_for("the council being asked", asked))["id"]
    path = f"/api/v1/multisigs/{multisig}"
    for name, wallet in transfer.wallets.items():
        shown = await stage.call(name, "GET", path)
        if (shown["intent"]["to"], shown["intent"]["amount"]) != (transfer.payee, str(AMOUNT)):
            raise DemoFailed(f"the council is asked for another payment: {json.dumps(shown['intent'])}")
        given = {"intent_hash": shown["intent_hash"]}
        if name == COUNCIL[0]:
            stage.say(f"  {shown['waiting_for']}")
            foreign = transfer.wallets[COUNCIL[1]].sign_typed_data(full_message=shown["typed_data"])
            wrong = given | {"signature": foreign.signature.to_0x_hex()}
            refused = await stage.call(name, "POST", f"{path}/approve", wrong, expect=422)
            stage.say(f"  {name} sends a signature of {COUNCIL[1]}'s wallet: refused ({refused['code']})")
        given["signature"] = wallet.sign_typed_data(full_message=shown["typed_data"]).signature.to_0x_hex()
        counted = await stage.call(name, "POST", f"{path}/approve", given)
        stage.say(f"  {name} signs {shown['intent_hash'][:12]}…  (receipt {counted['receipt'][:12]})")


async def _ask_chain(rpc: str, method: str, *params: Any) -> Any:
    """One question to the node, past all of Placet."""
    question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    async with httpx2.AsyncClient(timeout=10) as node:
        return (await node.post(rpc, json=question)).json()["result"]
