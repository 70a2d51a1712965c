"""Credentials: what is ordered, approved, signed and issued; the ports of the issuer and of whoever holds its keys."""

from typing import Any, Protocol

from pydantic import Field
from temporalio import activity
from temporalio.exceptions import ApplicationError

from placet.domain.model import Durable
from placet.domain.step import Step

ISSUANCE, REVOCATION = "credential-issuance", "credential-revocation"
APPROVAL = "badge-approval"
BADGE = r"^[a-z0-9][a-z0-9._-]{0,63}$"
DID = r"^did:[a-z0-9]{1,40}:[A-Za-z0-9._:%-]{1,400}$"
CREDENTIAL = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
EXACT_IN_JSON = 2**53 - 1


def approval_of(case_id: str) -> str:
    """The decision that the executor looks at before it signs."""
    return f"{case_id}.{APPROVAL}.1"


class Badge(Durable):
    """What can be earned; never changed, since what was signed speaks of it. `cost` is in the smallest unit."""

    id: str
    name: str
    description: str
    criteria: str
    cost: int
    valid_days: int | None = None


class Wish(Durable):
    """Somebody is to get a badge. Named by `did` if there is one, else by the salted hash of their address."""

    badge: str
    holder: str
    did: str | None = None


class Order(Durable):
    """Everything that a credential will say: the coordinators approve its digest, and the executor signs just this.

    Never add a field: what is approved already would have another digest. `id` is a UUID; moments are UTC, such as
    `2026-03-02T09:00:00Z`. Without `did`, `identity_hash` is the SHA-256 of the holder's address and `salt`.
    """

    id: str
    case_id: str
    scope: str
    holder: str
    did: str | None
    identity_hash: str
    salt: str
    badge: Badge
    issuer: str
    issuer_name: str
    valid_from: str
    valid_until: str | None
    status_list: str
    status_index: int


class SignOrder(Durable):
    """Sign this order; `decision` is the approval that allows it."""

    decision: str
    order: Order


class Signed(Durable):
    """A signed credential, as the holder of the key gave it."""

    jwt: str
    kid: str


class Signature(Durable):
    """That a credential was signed: which key, and the SHA-256 of the signed bytes. The bytes are not for everybody."""

    credential: str
    kid: str
    digest: str


class Issued(Durable):
    """A credential that is in force."""

    credential: str
    badge: str
    valid_until: str | None


class RevocationOrder(Durable):
    """Revoke a credential, for a reason that its holder is told."""

    credential: str
    reason: str = Field(max_length=2000)


class Revoked(Durable):
    """`version` is that of the status list which says so, signed and published."""

    credential: str
    status_list: str
    version: int


class Parcel(Durable):
    """What is delivered to a holder's wallet."""

    credential: str
    case_id: str
    badge: str
    holder: str
    name: str
    email: str
    jwt: str
    issued_at: str
    valid_until: str | None


class CredentialRefused(Exception):
    """Asking the same again cannot help; `code` is stable.

    Of the issuer: `unknown-badge`, `unknown-person`, `unknown-credential`, `credential-ended`, `not-signed`. Of the
    executor: `unknown-decision`, `not-approved`, `other-order`, `own-approval`, `case-not-open`, `other-issuer`,
    `key-reused`, `signed-before`, `unknown-list`, `list-goes-back`, `invalid-order`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class CredentialUnavailable(Exception):
    """The executor cannot be asked, or the database moved on meanwhile; the same call may be made again."""


class Signer(Protocol):
    """Whoever holds the keys. The same key gives the same bytes for ever; raises the two errors above."""

    async def sign_credential(self, key: str, decision: str, order: Order) -> Signed: ...

    async def sign_status_list(self, list_id: int, version: int) -> Signed:
        """The list as it is at this version; CredentialUnavailable if it has moved on."""
        ...

    async def public_keys(self) -> tuple[dict[str, Any], ...]:
        """As JSON Web Keys."""
        ...


class Credentials(Protocol):
    """The issuer's books; `key` makes a repeated call the same call. Raises the two errors above."""

    async def badge(self, badge: str) -> Badge: ...

    async def draw_up(self, key: str, case_id: str, wish: Wish) -> Order:
        """Write down the whole order, with a place in a status list that nobody else ever gets."""
        ...

    async def withdraw(self, key: str, case_id: str, wish: Wish) -> None:
        """An order that comes to nothing: its place counts as revoked, whatever was signed; also before it is drawn
        up."""
        ...

    async def sign(self, key: str, asked: SignOrder) -> Signature: ...

    async def issue(self, credential: str) -> Issued:
        """Put it in force, once its keys and its status list are published."""
        ...

    async def revoke(self, asked: RevocationOrder) -> Revoked:
        """Set its bit, publish the list anew, tell the holder; again is the same."""
        ...

    async def parcel(self, credential: str) -> Parcel: ...


class CredentialActivities:
    """Credentials as steps of a case."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @activity.defn(name="credentials.verify-cost")
    async def verify_cost(self, step: Step, badge: str) -> Badge:
        """The badge as it is defined, with what it costs."""
        with _refusals():
            return await self._credentials.badge(badge)

    @activity.defn(name="credentials.draw-up")
    async def draw_up(self, step: Step, wish: Wish) -> Order:
        with _refusals():
            return await self._credentials.draw_up(step.key, step.case_id, wish)

    @activity.defn(name="credentials.withdraw")
    async def withdraw(self, step: Step, wish: Wish) -> None:
        with _refusals():
            await self._credentials.withdraw(step.undone_key, step.case_id, wish)

    @activity.defn(name="credentials.sign")
    async def sign(self, step: Step, asked: SignOrder) -> Signature:
        with _refusals():
            return await self._credentials.sign(step.key, asked)

    @activity.defn(name="credentials.issue")
    async def issue(self, step: Step, credential: str) -> Issued:
        with _refusals():
            return await self._credentials.issue(credential)

    @activity.defn(name="credentials.take-back")
    async def take_back(self, step: Step, credential: str) -> None:
        with _refusals():
            await self._credentials.revoke(
                RevocationOrder(credential=credential, reason="Its issuance was taken back.")
            )

    @activity.defn(name="credentials.revoke")
    async def revoke(self, step: Step, asked: RevocationOrder) -> Revoked:
        with _refusals():
            return await self._credentials.revoke(asked)


class _refusals:
    """A refusal is for good: people are asked at once."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CredentialRefused):
            raise ApplicationError(str(error), type=error.code, non_retryable=True) from error
