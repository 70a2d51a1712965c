"""A badge from its request to its revocation, through the doors; checked by a library alone, with none of our code."""

import base64
import gzip
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import sqlalchemy as sa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from catalogue.test_credentials import BADGE
from executor.badge_desk import executor_app, served
from placet.api.app import create_app
from placet.catalogue.registry import CATALOGUE
from placet.connectors.credentials.executor_client import ExecutorClient
from placet.control.control import Control
from placet.executor.badge_keys import opened
from placet.executor.badges import BadgeSigner
from placet.runtime.settings import policy_of
from placet.store import people
from placet.store import tables as t
from placet.testing import World, scenario

ISSUANCE = "/api/v1/workflows/credential-issuance/cases"
REVOCATION = "/api/v1/workflows/credential-revocation/cases"


@dataclass
class House:
    """The real application over the world's database, and the executor as another server."""

    world: World
    http: httpx2.AsyncClient
    tokens: dict[str, str]
    signer: BadgeSigner

    async def call(self, who: str | None, method: str, path: str, body: Any = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        return await self.http.request(method, path, json=body, headers=headers)

    async def public(self, path: str) -> Any:
        answer = await self.call(None, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer

    async def opened(self, who: str, path: str, request: dict[str, Any]) -> str:
        answer = await self.call(who, "POST", path, {"request": request})
        assert answer.status_code == 201, answer.text
        self.world.started.append(answer.json()["id"])
        return str(answer.json()["id"])

    async def approve(self, who: str, case_id: str, name: str) -> None:
        task = await self.world.task(case_id, name)
        answer = await self.call(who, "POST", f"/api/v1/tasks/{task}/answer", {"outcome": "approve"})
        assert answer.status_code == 200, answer.text

    async def offer(self, person: str) -> str:
        """The path of the newest link that this person was mailed."""
        query = sa.select(t.message.c.text).where(
            t.message.c.person_id == person, t.message.c.subject.like("Your cre%")
        )
        mails = await self.world.store.read(lambda tx: list(tx.conn.execute(query).scalars()))
        return "/credentials/" + mails[-1].partition("/credentials/")[2].split()[0]


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    with tempfile.TemporaryDirectory(prefix="plc-", dir="/tmp") as folder:
        socket = Path(folder) / "executor.sock"
        async with scenario(CATALOGUE, ports=lambda ports: replace(ports, signer=ExecutorClient(socket))) as world:
            signer = BadgeSigner(world.store, opened(Path(folder), {}), Path(folder))
            control = Control(world.store, CATALOGUE, lambda entry: policy_of(world.settings, entry))
            transport = httpx2.ASGITransport(create_app(control, _up))
            async with httpx2.AsyncClient(transport=transport, base_url="http://placet") as http:
                made = House(world, http, {}, signer)
                for person, role in (
                    ("mia", "member"),
                    ("cora", "coordinator"),
                    ("carl", "coordinator"),
                    ("root", "admin"),
                ):
                    await world.hire(person, role)
                    issue = people.issue_token
                    made.tokens[person] = await world.store.write(lambda tx: issue(tx, "test", person, "x"))  # noqa: B023
                with served(executor_app(signer), socket):
                    yield made
            signer.close()


async def _up() -> dict[str, Any]:
    return {"engine": "up"}


def checked(token: str, jwks: Any, algorithms: tuple[str, ...] = ("ES256",)) -> dict[str, Any]:
    """What somebody else's program does: the published keys, a library, nothing of ours."""
    found = jws.deserialize_compact(token, KeySet.import_key_set(jwks), algorithms=list(algorithms))
    assert found.headers()["typ"] == "vc+jwt"
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def bit(listed: dict[str, Any], entry: dict[str, Any]) -> bool:
    """The Bitstring Status List algorithm of the W3C, written down anew."""
    assert listed["type"] == ["VerifiableCredential", "BitstringStatusListCredential"]
    subject = listed["credentialSubject"]
    assert (
        subject["type"] == "BitstringStatusList" and subject["statusPurpose"] == entry["statusPurpose"] == "revocation"
    )
    assert listed["id"] == entry["statusListCredential"] and subject["encodedList"][0] == "u"
    packed = subject["encodedList"][1:]
    raw = gzip.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    assert len(raw) * 8 >= 131_072
    place = int(entry["statusListIndex"])
    return f"{raw[place // 8]:08b}"[place % 8] == "1"


def check_shape(credential: dict[str, Any], email: str) -> None:
    """What VC 2.0 and Open Badges 3.0 require, read from the specifications."""
    assert credential["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert credential["@context"][1].startswith("https://purl.imsglobal.org/spec/ob/v3p0/context-3.")
    assert credential["id"].startswith("urn:uuid:") and credential["name"]
    assert "VerifiableCredential" in credential["type"]
    assert {"OpenBadgeCredential", "AchievementCredential"} & set(credential["type"])
    issuer = credential["issuer"]
    assert issuer["id"].startswith("http") and issuer["type"] == ["Profile"] and issuer["name"]
    begins, ends = (datetime.fromisoformat(credential[name]) for name in ("validFrom", "validUntil"))
    assert begins.tzinfo and begins < ends
    subject = credential["credentialSubject"]
    assert subject["type"] == ["AchievementSubject"]
    (identity,) = subject["identifier"]
    assert (identity["type"], identity["hashed"], identity["identityType"]) == ("IdentityObject", True, "emailAddress")
    known = hashlib.sha256((email + identity["salt"]).encode()).hexdigest()
    assert identity["identityHash"] == f"sha256${known}"
    achievement = subject["achievement"]
    assert achievement["type"] == ["Achievement"] and achievement["criteria"]["narrative"] == BADGE["criteria"]
    assert achievement["id"].startswith("http")
    assert (achievement["name"], achievement["description"]) == (BADGE["name"], BADGE["description"])
    status = credential["credentialStatus"]
    assert status["type"] == "BitstringStatusListEntry" and status["statusListIndex"].isdigit()
    # The claims of the token repeat those of the credential, and contradict none.
    assert (credential["iss"], credential["jti"]) == (issuer["id"], credential["id"])
    assert (credential["nbf"], credential["exp"]) == (begins.timestamp(), ends.timestamp())


async def test_a_badge_is_issued_checked_offline_revoked_and_fails_the_check(house: House, tmp_path: Path) -> None:
    answer = await house.call("root", "POST", "/api/v1/badges", BADGE)
    assert answer.status_code == 201, answer.text
    case_id = await house.opened("mia", ISSUANCE, {"badge": "first-aid"})
    await house.approve("cora", case_id, "badge-approval")
    await house.world.state(case_id, "completed")

    handed = (await house.public(await house.offer("mia"))).json()
    jwks = (await house.public("/.well-known/jwks.json")).json()
    credential = checked(handed["jwt"], jwks)
    assert credential == handed["credential"]
    check_shape(credential, "mia@example.org")
    where = credential["credentialStatus"]["statusListCredential"].partition("/credentials/")[2]
    answer = await house.public(f"/credentials/{where}")
    assert answer.headers["content-type"].startswith("application/vc+jwt")
    assert not bit(checked(answer.text, jwks), credential["credentialStatus"])
    profile = (await house.public("/credentials/issuer")).json()
    assert (profile["id"], profile["name"]) == (credential["issuer"]["id"], credential["issuer"]["name"])

    mine = (await house.call("mia", "GET", "/api/v1/credentials")).json()["items"]
    assert [one["state"] for one in mine] == ["issued"]
    case_id = await house.opened("cora", REVOCATION, {"credential": mine[0]["id"], "reason": "Not hers."})
    await house.approve("carl", case_id, "revocation-approval")
    await house.world.state(case_id, "completed")

    fresh = (await house.public(f"/credentials/{where}")).text
    assert checked(handed["jwt"], jwks)
    assert bit(checked(fresh, jwks), credential["credentialStatus"])
    assert not bit(checked(answer.text, jwks), credential["credentialStatus"])
    gone = await house.call(None, "GET", await house.offer("mia"))
    assert (gone.status_code, gone.json()["code"]) == (410, "credential-revoked")
    _command_line_agrees(tmp_path, handed, jwks, answer.text, fresh)


def _command_line_agrees(folder: Path, handed: Any, jwks: Any, before: str, after: str) -> None:
    from click.testing import CliRunner

    from placet.cli.main import placet

    files = {"badge.json": json.dumps(handed), "badge.jwt": handed["jwt"], "jwks.json": json.dumps(jwks)}
    for name, text in {**files, "before.jwt": before, "after.jwt": after}.items():
        (folder / name).write_text(text)
    for badge in ("badge.json", "badge.jwt"):
        for status, code, words in (("before.jwt", 0, "it holds; not revoked"), ("after.jwt", 1, "REVOKED")):
            given = ["credential", "verify", badge, "--jwks", "jwks.json", "--status", status]
            done = CliRunner().invoke(placet, [str(folder / one) if "." in one else one for one in given])
            assert done.exit_code == code and words in done.output, done.output


async def test_a_library_alone_refuses_what_was_tampered_with(house: House) -> None:
    await house.call("root", "POST", "/api/v1/badges", BADGE)
    case_id = await house.opened("mia", ISSUANCE, {"badge": "first-aid"})
    await house.approve("cora", case_id, "badge-approval")
    await house.world.state(case_id, "completed")
    token = (await house.public(await house.offer("mia"))).json()["jwt"]
    jwks = (await house.public("/.well-known/jwks.json")).json()
    assert checked(token, jwks)
    head, body, signature = token.split(".")
    other = opened(Path(tempfile.mkdtemp()), {}).public()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"vc+jwt"}').rstrip(b"=").decode()
    for wrong, keys in (
        (f"{head}.{body[:-4]}AAAA.{signature}", jwks),
        (f"{head}.{body}.{signature[:-6]}AAAAAA", jwks),
        (f"{none}.{body}.", jwks),
        (f"{none}.{body}.{signature}", jwks),
        (token, {"keys": [other]}),
        (token, {"keys": [other | {"kid": jwks["keys"][0]["kid"]}]}),
    ):
        with pytest.raises((JoseError, ValueError)):
            checked(wrong, keys)
