"""The faucet: what there is, what is promised of it, and every movement of money."""

import secrets
from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
from pydantic import Field

from placet.control import cursor
from placet.control.door import Done, Door, Once, forbidden
from placet.control.errors import Problem
from placet.control.sent import OneLine, Paging, Sent
from placet.control.views import Page, View
from placet.domain.access import Action, permitted
from placet.domain.people import EVERYWHERE, Person
from placet.domain.said import Said
from placet.store import funds
from placet.store import tables as t
from placet.store.acts import audit_refusal
from placet.store.engine import StoreUnavailable, Tx

READ, DEPOSIT = "faucet.read", "faucet.deposit"


class GivenDeposit(Sent):
    """Money for the faucet, in the smallest unit."""

    amount: int = Field(ge=1, strict=True)
    memo: OneLine = Field(default="", max_length=500)


class FaucetView(View):
    """Amounts in the smallest unit: `balance` is all there is, `allocated` is promised, `unallocated` is free."""

    balance: int
    allocated: int
    unallocated: int


class DepositView(FaucetView):
    """The deposit, and the faucet just after it; what waits for money is asked next."""

    amount: int
    memo: str


class LedgerLine(View):
    """One side of a movement: the amounts under the same `key` add up to zero."""

    id: int
    key: str
    account: str
    amount: int
    case_id: str | None
    memo: str
    by: str
    at: datetime


class Faucet:
    def __init__(self, door: Door) -> None:
        self._door = door

    async def totals(self, person: Person) -> FaucetView:
        if not any(permitted(person, Action.READ_FAUCET, grant.scope) for grant in person.grants):
            await self._refuse(person, Said("Only administrators, the council and coordinators see the faucet."))
        return FaucetView(**await self._door.read(funds.totals))

    async def ledger(self, person: Person, page: Paging) -> Page[LedgerLine]:
        """Newest first."""
        if not permitted(person, Action.READ_LEDGER, EVERYWHERE):
            await self._refuse(person, Said("Only administrators and the council read the ledger."))
        n = t.ledger.c
        query = sa.select(t.ledger).order_by(n.id.desc()).limit(page.limit + 1)
        if page.cursor is not None:
            query = query.where(n.id < cursor.decode(page.cursor, int)[0])

        def look(tx: Tx) -> Page[LedgerLine]:
            rows = tx.conn.execute(query).mappings().all()
            shown = [LedgerLine(**row) for row in rows[: page.limit]]
            return Page(items=shown, next_cursor=cursor.encode(shown[-1].id) if len(rows) > page.limit else None)

        return await self._door.read(look)

    async def deposit(self, person: Person, given: GivenDeposit, once: Once | None = None) -> Done:
        """Put money in, and ask those who wait for some, oldest first; those get it that it covers."""
        number = once.key if once else secrets.token_hex(16)

        def act(tx: Tx, present: Person) -> Done | Problem:
            if not permitted(present, Action.DEPOSIT, EVERYWHERE):
                return forbidden(tx, present, DEPOSIT, "Only administrators put money into the faucet.")
            why = funds.deposit(tx, present.id, given.amount, f"deposit/{present.id}/{number}", given.memo)
            if why is not None:
                audit_refusal(tx, present.id, DEPOSIT, why.code, {})
                return Problem(why.code, why.detail, field=why.field)
            view = DepositView(**funds.totals(tx), amount=given.amount, memo=given.memo)
            return Done(view.model_dump(mode="json"), created=True)

        done = await self._door.act(person, DEPOSIT, act, once)
        # The deposit counts already; a worker asks those whom this does not reach.
        with suppress(StoreUnavailable):
            await funds.offer_all(self._door.store)
        return done

    async def _refuse(self, person: Person, detail: str) -> None:
        await self._door.act(person, READ, lambda tx, present: forbidden(tx, present, READ, detail))
