"""An Open Badges 3.0 credential (W3C Verifiable Credentials 2.0) from an order; pure, so the same order always gives
the same content."""

from datetime import datetime
from typing import Any

from placet.connectors.credentials.port import Order

CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES_V3 = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"


def open_badge(order: Order) -> dict[str, Any]:
    """The credential itself."""
    badge = order.badge
    subject: dict[str, Any] = {"type": ["AchievementSubject"]}
    if order.did is not None:
        subject["id"] = order.did
    else:
        subject["identifier"] = [
            {
                "type": "IdentityObject",
                "hashed": True,
                "identityHash": f"sha256${order.identity_hash}",
                "identityType": "emailAddress",
                "salt": order.salt,
            }
        ]
    subject["achievement"] = {
        "id": f"{order.issuer}#{badge.id}",
        "type": ["Achievement"],
        "name": badge.name,
        "description": badge.description,
        "criteria": {"narrative": badge.criteria},
    }
    credential: dict[str, Any] = {
        "@context": [CREDENTIALS_V2, OPEN_BADGES_V3],
        "id": f"urn:uuid:{order.id}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": badge.name,
        "issuer": issuer_profile(order.issuer, order.issuer_name),
        "validFrom": order.valid_from,
        "credentialSubject": subject,
        "credentialStatus": {
            "id": f"{order.status_list}#{order.status_index}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(order.status_index),
            "statusListCredential": order.status_list,
        },
    }
    if order.valid_until is not None:
        credential["validUntil"] = order.valid_until
    return credential


def issuer_profile(address: str, name: str) -> dict[str, Any]:
    return {"id": address, "type": ["Profile"], "name": name}


def claims(order: Order) -> dict[str, Any]:
    """The credential with the claims that every reader of JSON Web Tokens knows."""
    credential = open_badge(order)
    registered: dict[str, Any] = {
        "iss": order.issuer,
        "jti": credential["id"],
        "nbf": seconds(order.valid_from),
    }
    if order.did is not None:
        registered["sub"] = order.did
    if order.valid_until is not None:
        registered["exp"] = seconds(order.valid_until)
    return credential | registered


def seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
