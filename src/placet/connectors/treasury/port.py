"""The treasury as steps of a case: what the council approves, the payment, and its receipt at finality.

The order of a workflow that moves money:

1. `treasury.prepare`: the exact intent, to be shown to and hashed for the council, and what the account holds now.
   Nothing is promised yet.
2. The multisig over that intent. A changed intent needs another multisig.
3. `treasury.pay`, as a step with `final=True`: the point of no return. Its argument is the id of the decision; the
   executor reads the decision itself, and pays it once, however often and under whatever circumstances it is asked.
4. `treasury.receipt`, as a step with `patient=...`: waits until the payment lies deep enough in the chain.

There is no undo: what was paid comes back only by another payment.
"""

import asyncio
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.payment import Paid, PaymentState, Prepared, Progress, ReceiptFacts, TransferRequest
from placet.domain.step import Step

LOOK_SECONDS = 1.0


class TreasuryRefused(Exception):
    """Asking the same again cannot help; `code` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class TreasuryUnavailable(Exception):
    """It may be asked again later; the text says what is in the way."""


class Treasury(Protocol):
    """The executor, as the worker knows it. Raises TreasuryRefused or TreasuryUnavailable."""

    async def prepare(self, wanted: TransferRequest) -> Prepared: ...

    async def pay(self, key: str, decision: str, case: str) -> Progress:
        """Pay what the decision approved; the same key again tells how far it is."""
        ...

    async def progress(self, key: str) -> Progress: ...


class NoTreasury:
    """Where no chain is set up."""

    async def prepare(self, wanted: TransferRequest) -> Prepared:
        raise _nowhere()

    async def pay(self, key: str, decision: str, case: str) -> Progress:
        raise _nowhere()

    async def progress(self, key: str) -> Progress:
        raise _nowhere()


class TreasuryActivities:
    """Money as steps; the step's key is the payment's."""

    def __init__(self, treasury: Treasury) -> None:
        self._treasury = treasury

    @activity.defn(name="treasury.prepare")
    async def prepare(self, step: Step, wanted: TransferRequest) -> Prepared:
        """Without effect, so there is nothing to undo."""
        try:
            return await self._treasury.prepare(wanted)
        except TreasuryRefused as refused:
            raise _permanent(refused) from refused

    @activity.defn(name="treasury.pay")
    async def pay(self, step: Step, decision: str) -> Paid:
        """Done once the payment's bytes are signed and kept: then it will be made, whatever happens here."""
        try:
            told = await self._treasury.pay(step.key, decision, step.case_id)
        except TreasuryRefused as refused:
            raise _permanent(refused) from refused
        match told.payment.state:
            case PaymentState.REVERTED | PaymentState.FROZEN as end:
                raise ApplicationError(told.why, type=f"payment-{end.value}", non_retryable=True)
            case PaymentState.RESERVED:
                raise TreasuryUnavailable(
                    f"The payment will be made once it can be signed, whatever comes of this case. {told.why}"
                )
        return told.payment

    @activity.defn(name="treasury.receipt")
    async def receipt(self, step: Step, paid: Paid) -> ReceiptFacts:
        """Wait until the payment is final; another worker may take the wait over."""
        while True:
            try:
                told = await self._treasury.progress(paid.key)
            except TreasuryRefused as refused:
                raise _permanent(refused) from refused
            except TreasuryUnavailable as error:
                activity.logger.info("the receipt of %s is waited for: %s", paid.key, error)
            else:
                if told.payment.state is PaymentState.CONFIRMED and told.receipt is not None:
                    return told.receipt
                if told.payment.state in (PaymentState.REVERTED, PaymentState.FROZEN):
                    end = told.payment.state.value
                    raise ApplicationError(told.why, type=f"payment-{end}", non_retryable=True)
            activity.heartbeat()
            await asyncio.sleep(LOOK_SECONDS)


def _permanent(refused: TreasuryRefused) -> ApplicationError:
    return ApplicationError(str(refused), type=refused.code, non_retryable=True)


def _nowhere() -> TreasuryRefused:
    text = "There is no treasury here: install `anvil`, or set up [chain] in placet.toml, and start Placet again."
    return TreasuryRefused("no-treasury", text)
