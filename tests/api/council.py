"""A council of treasurers behind the real application, with wallets of its own."""

from typing import Any

import httpx2
from eth_account import Account
from eth_account.signers.local import LocalAccount

from api.office import Office
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Role
from placet.domain.span import Span

PATH = "/api/v1/multisigs"
TREASURERS = ("tara", "theo", "tina")
ACCOUNT, PAYEE = "0x" + "a" * 40, "0x" + "b" * 40
INTENT = Intent(chain_id=31337, account=ACCOUNT, to=PAYEE, amount="5000000000000000000", case_id="of-a-case")


def key_of(name: str) -> LocalAccount:
    """A wallet of this name, the same in every test."""
    return Account.from_key(name.encode().rjust(32, b"\x01"))


def sign(name: str, typed: dict[str, Any]) -> str:
    signed: str = key_of(name).sign_typed_data(full_message=typed).signature.to_0x_hex()
    return signed


async def sit(office: Office) -> None:
    """Three treasurers of deals; rita, who asks in the office, is one too; tess is one elsewhere."""
    for name in TREASURERS:
        await office.hire(name, "treasurer@deals")
    await office.hire("tess", "treasurer@labs")


async def wallet(office: Office, *names: str) -> None:
    for name in names:
        body = {"address": key_of(name).address}
        answer = await office.call("root", "PUT", f"/api/v1/people/{name}/wallet", body)
        assert answer.status_code == 200, answer.text


async def put(office: Office, case_id: str | None = None, **more: Any) -> str:
    """A new case of rita's that waits for the council."""
    rules = {"name": "pay", "title": "Pay the baker", "intent": INTENT, "council": Role(name="treasurer")}
    spec = MultisigSpec(**(rules | {"threshold": 2, "within": Span("3d")} | more))
    return await office.ask(case_id or await office.start(), spec)


async def act(office: Office, who: str | None, multisig: str, name: str = "approve", **body: Any) -> httpx2.Response:
    sent = {"approve": {"intent_hash": INTENT.hash}, "refuse": {"comment": "too much"}, "withdraw": {}}[name] | body
    return await office.call(who, "POST", f"{PATH}/{multisig}/{name}", sent)
