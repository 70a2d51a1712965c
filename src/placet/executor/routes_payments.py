"""The door for payments. It is told a decision, and reads the rest itself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from placet.connectors.chain.transfers import check_transfer
from placet.domain.model import Strict
from placet.domain.payment import Prepared, Progress, TransferRequest
from placet.executor.admission import next_safe_nonce
from placet.executor.journal import Payment
from placet.executor.office import Office
from placet.executor.problems import problem

router = APIRouter()


class PaymentOrder(Strict):
    """Pay what this decision has approved. `case` and `intent_hash`, if the caller knows them, must be its own."""

    key: str = Field(min_length=1, max_length=500)
    decision: str = Field(min_length=1, max_length=500)
    case: str | None = None
    intent_hash: str | None = None


class Transfer(Strict):
    """A transfer that somebody wants to ask a council for."""

    to: str = Field(max_length=100)
    token: str | None = Field(default=None, max_length=100)
    amount: str = Field(max_length=100)
    data: str = Field(default="0x", max_length=20_002)
    case: str = Field(min_length=1, max_length=200)


def office_of(request: Request) -> Office:
    office: Office = request.app.state.office
    return office


At = Annotated[Office, Depends(office_of)]


@router.post("/payments")
async def pay(order: PaymentOrder, office: At) -> Progress:
    """Pay a decision, once; the same key again tells how far it is."""
    return _told(office, await office.pay(order.key, order.decision, order.case, order.intent_hash))


@router.get("/payments/{key:path}", response_model=Progress)
async def payment(key: str, office: At) -> Progress | JSONResponse:
    """How far a payment is."""
    found = office.payments.journal.find(key)
    return _told(office, found) if found is not None else problem(404, "unknown-payment", "There is no such payment.")


@router.post("/prepare", response_model=Prepared)
async def prepare(wanted: Transfer, office: At) -> Prepared | JSONResponse:
    """The intent of a transfer from this treasury, and what it holds now; nothing is kept or promised."""
    request = TransferRequest.model_validate(wanted.model_dump())
    if (bad := check_transfer(request, office.own.tokens)) is not None:
        return problem(422, bad.code, bad.text, bad.field)
    chain, own = office.payments.chain, office.own
    safe_nonce = await next_safe_nonce(chain, office.payments.journal, own.account) if own.safe else None
    return Prepared(
        chain_id=own.chain_id,
        account=own.account,
        to=request.to,
        token=request.token,
        amount=request.amount,
        data=request.data,
        case_id=request.case,
        safe_nonce=safe_nonce,
        balance=str(await chain.balance(own.account, request.token)),
    )


@router.get("/status")
async def status(office: At) -> dict[str, object]:
    """How the executor is, and what to do about it."""
    return await office.status()


class Thaw(Strict):
    """`pay`: decisions from before the freeze that were looked at and have not been paid."""

    pay: tuple[str, ...] = ()


@router.post("/thaw", response_model=None)
async def thaw(order: Thaw, office: At, request: Request) -> dict[str, object] | JSONResponse:
    """Go on after an administrator has looked at the chain; on this machine only."""
    if request.client is not None and request.client.host:
        return problem(403, "forbidden", "Thaw it on the executor's own machine, by `placet executor thaw`.")
    await office.thaw(order.pay)
    return await office.status()


def _told(office: Office, found: Payment) -> Progress:
    return Progress(payment=office.paid(found), why=found.why, receipt=office.facts(found))
