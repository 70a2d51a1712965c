"""Bringing a credential to its holder's wallet, as a step of a case."""

from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.connectors.credentials.port import CredentialRefused, Credentials, Parcel
from placet.domain.model import Durable
from placet.domain.step import Step
from placet.store import crash


class Delivered(Durable):
    """`way` is `offer`, `file` or `webhook`; `reference` is what the other side, or we, can find it by."""

    way: str
    reference: str = ""


NOT_DELIVERED = Delivered(way="none")


class DeliveryRefused(Exception):
    """Delivering the same again cannot help; `code` is stable.

    Codes: `wallet-refused`, `wallet-gone`, `address-forbidden`, `folder-unusable`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class DeliveryUnavailable(Exception):
    """It may be delivered again later, and may even have arrived; the key makes the repeat recognisable."""


class WalletDelivery(Protocol):
    """Raises DeliveryRefused or DeliveryUnavailable; `key` makes a repeated call the same delivery."""

    async def deliver(self, key: str, parcel: Parcel) -> Delivered: ...


class DeliveryActivities:
    def __init__(self, credentials: Credentials, wallet: WalletDelivery) -> None:
        self._credentials = credentials
        self._wallet = wallet

    @activity.defn(name="delivery.deliver")
    async def deliver(self, step: Step, credential: str) -> Delivered:
        """Deliver a credential that is in force."""
        try:
            parcel = await self._credentials.parcel(credential)
            delivered = await self._wallet.deliver(step.key, parcel)
        except (CredentialRefused, DeliveryRefused) as refused:
            raise ApplicationError(str(refused), type=refused.code, non_retryable=True) from refused
        crash.reach("credential-delivered")
        return delivered
