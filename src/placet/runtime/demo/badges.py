"""A badge: asked for, approved, signed by the executor, checked offline by a library, revoked, and found out."""

import base64
import gzip
import json
import re
from typing import Any

from joserfc import jws
from joserfc.jwk import KeySet

from placet.runtime.demo.stage import DemoFailed, Stage
from placet.runtime.demo.voting import SCOPE

BADGE = {
    "id": "first-aid",
    "name": "First aid",
    "description": "Knows what to do until help comes.",
    "criteria": "Has taken the course, and has shown it.",
    "cost": 0,
    "valid_days": 730,
}


async def play_badge(stage: Stage) -> None:
    await stage.call("admin", "POST", "/api/v1/badges", BADGE)
    case_id = await stage.start("yara", "credential-issuance", SCOPE, {"badge": BADGE["id"], "note": "At the fair."})
    stage.say(f"\nCredential: {BADGE['name']}, asked for by yara ({case_id})")
    await stage.answer("cora", case_id, "approve", "I was there.")
    ended = await stage.closed("yara", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    offer = await _offer(stage, case_id)
    token = (await _public(stage, offer)).json()["jwt"]
    keys = (await _public(stage, "/.well-known/jwks.json")).json()
    entry = _checked(token, keys)["credentialStatus"]
    where = "/credentials/" + entry["statusListCredential"].partition("/credentials/")[2]
    if problems := _problems(token, keys, (await _public(stage, where)).text):
        raise DemoFailed(f"the badge should hold: {problems}")
    stage.say("  checked offline by a JOSE library with the published keys and status list: it holds")

    (mine,) = (await stage.call("yara", "GET", "/api/v1/credentials"))["items"]
    wanted = {"credential": mine["id"], "reason": "I have forgotten it all."}
    case_id = await stage.start("yara", "credential-revocation", SCOPE, wanted)
    await stage.answer("cora", case_id, "approve")
    ended = await stage.closed("yara", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    problems = _problems(token, keys, (await _public(stage, where)).text)
    if problems != ["it was revoked"]:
        raise DemoFailed(f"the badge should be revoked, and is: {problems}")
    stage.say(f"  checked again: {problems[0]}")
    await stage.timeline(case_id)


async def _offer(stage: Stage, case_id: str) -> str:
    """The path of the link that the holder was mailed."""

    async def look() -> str | None:
        mails = await stage.call("admin", "GET", "/api/v1/messages?all=true&limit=200")
        found = [re.search(r"/credentials/\S+", item["text"]) for item in mails["items"] if item["case_id"] == case_id]
        return next((one[0] for one in found if one), None)

    path: str = await stage.wait_for("the offer of the credential", look)
    return path


async def _public(stage: Stage, path: str) -> Any:
    answer = await stage.http.get(path)
    if answer.status_code != 200:
        raise DemoFailed(f"GET {path}: {answer.status_code} {answer.text[:300]}")
    return answer


def _checked(token: str, keys: Any) -> dict[str, Any]:
    """The claims, if one of the keys has signed them."""
    found = jws.deserialize_compact(token, KeySet.import_key_set(keys), algorithms=["ES256"])
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def _problems(token: str, keys: Any, status_list: str) -> list[str]:
    """What speaks against the badge, as somebody else's program finds it: signature, and bit of the status list."""
    entry, listed = _checked(token, keys)["credentialStatus"], _checked(status_list, keys)
    packed = listed["credentialSubject"]["encodedList"][1:]
    bits = gzip.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    place = int(entry["statusListIndex"])
    return ["it was revoked"] if bits[place // 8] >> (7 - place % 8) & 1 else []
