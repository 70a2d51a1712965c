"""A credential as it is handed over: JSON around the signed token, always the same bytes for the same credential."""

from typing import Any

from placet.connectors.credentials.jwt import claims_of
from placet.connectors.credentials.port import Parcel

MEDIA_TYPE = "application/vc+jwt"


def envelope(jwt: str) -> dict[str, Any]:
    """`jwt` is the credential; `credential` is what it says, to read. Only the former is signed."""
    return {"format": MEDIA_TYPE, "jwt": jwt, "credential": claims_of(jwt)}


def announcement(parcel: Parcel) -> dict[str, Any]:
    """The event that a wallet is sent."""
    about = {"id": f"urn:uuid:{parcel.credential}", "badge": parcel.badge, "email": parcel.email}
    data = about | {"valid_until": parcel.valid_until} | envelope(parcel.jwt)
    return {"type": "credential.issued", "timestamp": parcel.issued_at, "data": data}
