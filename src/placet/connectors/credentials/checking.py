"""Checking a credential offline, from the issuer's keys and its status list as somebody has fetched them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from placet.connectors.credentials.jwt import BadToken, verified
from placet.connectors.credentials.status_list import BadList, is_set
from placet.domain.model import Durable


class Checked(Durable):
    """What a check found; `problems` is empty when the credential holds."""

    id: str = ""
    name: str = ""
    issuer: str = ""
    valid_from: str = ""
    valid_until: str | None = None
    revoked: bool | None = None
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


def check(token: str, keys: Sequence[Mapping[str, Any]], status: str | None, now: datetime) -> Checked:
    """Signature, times, and whether the list says that it was revoked; without a list the latter stays open."""
    try:
        claims = verified(token, keys)
        found = Checked(
            id=claims["id"],
            name=claims["name"],
            issuer=claims["issuer"]["id"],
            valid_from=claims["validFrom"],
            valid_until=claims.get("validUntil"),
        )
        problems = _of_times(claims, now)
        if claims["iss"] != found.issuer or claims["jti"] != found.id:
            problems.append("It contradicts itself about who issued it.")
        revoked = None if status is None else _revoked(claims, status, keys)
    except BadToken as error:
        return Checked(problems=(str(error),))
    except BadList as error:
        return found.model_copy(update={"problems": (*problems, str(error))})
    except (KeyError, TypeError, ValueError):
        return Checked(problems=("It is signed, but it is no credential that can be read.",))
    if revoked:
        problems.append("It has been revoked.")
    return found.model_copy(update={"revoked": revoked, "problems": tuple(problems)})


def _of_times(claims: Mapping[str, Any], now: datetime) -> list[str]:
    problems = []
    if datetime.fromisoformat(claims["validFrom"]) > now:
        problems.append(f"It is valid only from {claims['validFrom']}.")
    if "validUntil" in claims and datetime.fromisoformat(claims["validUntil"]) <= now:
        problems.append(f"It was valid until {claims['validUntil']}.")
    return problems


def _revoked(claims: Mapping[str, Any], status: str, keys: Sequence[Mapping[str, Any]]) -> bool:
    entry = claims["credentialStatus"]
    try:
        listed = verified(status, keys)
    except BadToken as error:
        raise BadList(f"The status list cannot be trusted: {error}") from error
    if listed["id"] != entry["statusListCredential"] or listed["issuer"] != claims["issuer"]["id"]:
        raise BadList(f"This is another status list than {entry['statusListCredential']}.")
    if listed["credentialSubject"]["statusPurpose"] != entry["statusPurpose"]:
        raise BadList("This status list is for another purpose.")
    return is_set(listed["credentialSubject"]["encodedList"], int(entry["statusListIndex"]))
