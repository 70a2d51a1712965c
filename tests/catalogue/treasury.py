"""A treasury with a council: a real executor on a real local chain, and people with wallets of their own."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from eth_account import Account
from eth_account.signers.local import LocalAccount

from executor.anvil import Anvil, anvil
from executor.desk import Desk, desk
from executor.test_service import open_door
from placet.catalogue.registry import CATALOGUE
from placet.connectors.chain.signatures import signable
from placet.connectors.treasury.executor_client import ExecutorClient
from placet.domain.multisig import MultisigRules
from placet.domain.people import Person
from placet.executor.keys import LocalKey
from placet.runtime.settings import Settings
from placet.store import multisig_acts, people, wallets
from placet.store import tables as t
from placet.store.acts import NotCounted
from placet.store.engine import Tx
from placet.store.multisig_acts import GivenApproval
from placet.testing import QUICK, World, scenario

COUNCIL = ("kofi", "kaia", "koji")
APPROVAL = "council-approval"


def key_of(name: str) -> LocalAccount:
    """A wallet of this name, the same in every test."""
    return Account.from_key(name.encode().rjust(32, b"\x01"))


@dataclass
class Treasury:
    """The world of the cases, and the desk of the executor that pays for them."""

    world: World
    desk: Desk

    @property
    def chain(self) -> Anvil:
        return self.desk.chain

    async def seat(self) -> None:
        """Ann, who asks, and three of the council, each with a wallet."""
        await self.world.hire("ann", "member")
        for name in COUNCIL:
            await self.world.hire(name, "council")

        def register(tx: Tx) -> None:
            for name in COUNCIL:
                assert wallets.register(tx, "root", _person(tx, name), key_of(name).address) is None

        await self.world.store.write(register)

    async def start(self, to: str, amount: str = "1000", **more: Any) -> str:
        return await self.world.start("treasury-disbursement", {"to": to, "amount": amount} | more, "ann")

    async def rules(self, case_id: str) -> MultisigRules:
        """What the council of this case is asked."""
        multisig = await self.world.task(case_id, APPROVAL)
        query = sa.select(t.decision.c.rules).where(t.decision.c.id == multisig)
        return MultisigRules.model_validate(await self.world.store.read(lambda tx: tx.conn.execute(query).scalar_one()))

    async def sign(self, case_id: str, *names: str) -> None:
        """These members approve, with their wallets where the council uses them."""
        rules = await self.rules(case_id)
        for name in names:
            signature = None
            if rules.wallets:
                signature = key_of(name).sign_typed_data(full_message=signable(rules.intent)).signature.to_0x_hex()
            counted = await self.approve(
                case_id, name, GivenApproval(intent_hash=rules.intent_hash, signature=signature)
            )
            assert not isinstance(counted, NotCounted), counted.refusal

    async def approve(self, case_id: str, name: str, given: GivenApproval) -> Any:
        multisig = await self.world.task(case_id, APPROVAL)
        return await self.world.store.write(
            lambda tx: multisig_acts.approve(tx, _person(tx, name), multisig, given, "test")
        )

    async def refuse(self, case_id: str, *names: str) -> None:
        multisig = await self.world.task(case_id, APPROVAL)
        for name in names:
            await self.world.store.write(
                lambda tx, name=name: multisig_acts.refuse(tx, _person(tx, name), multisig, "too much", "test")
            )

    def paid(self, to: str, token: str | None = None) -> int:
        """How many transfers the chain has to this address."""
        return self.chain.received(token)[to.lower()]


@asynccontextmanager
async def treasury(
    folder: Path, *, real_server: bool = False, endowed: bool = True, confirmations: int = 1, **policy: Any
) -> AsyncIterator[Treasury]:
    """The whole catalogue with this policy of payments; the executor has the sample token, too."""
    path, key = folder / "s", LocalKey(secrets.token_bytes(32))
    settings = Settings(patience=QUICK, policy={"treasury-disbursement": policy})
    url = f"sqlite:///{folder}/placet.db"
    with anvil() as chain:
        token = chain.token(key.address)
        async with (
            scenario(
                CATALOGUE,
                settings=settings,
                real_server=real_server,
                database_url=url,
                ports=lambda ports: replace(ports, treasury=ExecutorClient(path)),
            ) as world,
            desk(chain, folder, key=key, endowed=endowed, confirmations=confirmations, tokens=(token,)) as at,
            open_door(at, path),
        ):
            at.token = token
            made = Treasury(world, at)
            await made.seat()
            yield made


def _person(tx: Tx, name: str) -> Person:
    found = people.find(tx, name)
    assert found is not None
    return found
