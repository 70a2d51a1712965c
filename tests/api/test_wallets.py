"""Registering the wallet with which somebody signs."""

from typing import Any

import pytest

from api.council import key_of, sign, sit
from api.office import Office

TARA = "/api/v1/people/tara/wallet"
ADDRESS = key_of("tara").address


@pytest.fixture
async def council(office: Office) -> Office:
    await sit(office)
    return office


async def proof(office: Office, who: str = "tara", address: str = ADDRESS) -> dict[str, Any]:
    shown = await office.get(who, f"/api/v1/people/{who}/wallet", params={"address": address})
    return dict(shown["typed_data"])


async def put(office: Office, who: str | None, path: str = TARA, **body: Any) -> Any:
    return await office.call(who, "PUT", path, {"address": ADDRESS} | body)


async def test_one_registers_ones_own_wallet_with_its_signature(council: Office) -> None:
    given = await put(council, "tara", address=ADDRESS.lower(), signature=sign("tara", await proof(council)))
    assert given.status_code == 200, given.text
    assert (given.json()["address"], given.json()["registered_by"]) == (ADDRESS, "tara")
    assert (await council.get("root", TARA))["address"] == ADDRESS
    (line,) = [line for line in await council.lines("@registry") if line[1] == "wallet.registered"]
    assert line == ("tara", "wallet.registered", {"person": "tara", "wallet": ADDRESS, "earlier": None})


async def test_only_an_administrator_registers_another_in_the_place_of_ones_wallet(council: Office) -> None:
    signature = sign("tara", await proof(council))
    assert (await put(council, "tara", signature=signature)).status_code == 200
    other = key_of("thief").address
    proven = sign("thief", await proof(council, address=other))
    answer = await put(council, "tara", address=other, signature=proven)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await council.lines("@refused"))[-1] == ("tara", "wallet.register", {"code": "forbidden", "person": "tara"})
    assert (await put(council, "tara", signature=signature)).status_code == 200
    assert (await council.get("root", TARA))["address"] == ADDRESS
    assert (await put(council, "root", address=other)).status_code == 200


async def test_an_administrator_registers_anybodys_and_their_person_is_told(council: Office) -> None:
    assert (await put(council, "root")).status_code == 200
    mails = (await council.get("tara", "/api/v1/messages"))["items"]
    assert [mail["subject"] for mail in mails] == ["Your wallet was registered"]
    assert (await put(council, "root")).status_code == 200
    assert len((await council.get("tara", "/api/v1/messages"))["items"]) == 1


@pytest.mark.parametrize(
    ("who", "body", "status", "code", "field"),
    [
        ("tara", {}, 422, "signature-missing", "signature"),
        ("tara", {"signature": "0x00"}, 422, "signature-malformed", "signature"),
        ("root", {"signature": "0x00"}, 422, "signature-malformed", "signature"),
        ("root", {"address": "0x12"}, 422, "bad-address", "address"),
        ("root", {"address": ADDRESS[2:]}, 422, "bad-address", "address"),
        ("root", {"address": "0x" + ADDRESS[2:].swapcase()}, 422, "bad-address", "address"),
        ("root", {"address": "x" * 101}, 422, "invalid-request", "address"),
        ("root", {"address": 7}, 422, "invalid-request", "address"),
        ("theo", {}, 403, "forbidden", None),
        ("cora", {}, 403, "forbidden", None),
        ("kofi", {}, 403, "forbidden", None),
    ],
)
async def test_what_proves_nothing_registers_nothing(
    council: Office, who: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await put(council, who, **body)
    assert (answer.status_code, answer.json()["code"], answer.json().get("field")) == (status, code, field)
    assert (await council.get("root", TARA))["address"] is None
    if code != "invalid-request":
        assert (await council.lines("@refused"))[-1] == (who, "wallet.register", {"code": code, "person": "tara"})


async def test_the_proof_is_of_this_wallet_for_this_person(council: Office) -> None:
    mine = await proof(council)
    others = await proof(council, "theo")
    for signature in (
        sign("theo", mine),
        sign("tara", others),
        sign("tara", mine | {"domain": {"name": "Other", "version": "1"}}),
    ):
        assert (await put(council, "tara", signature=signature)).json()["code"] == "wrong-signature"
    wrong = await put(council, "tara", address=key_of("theo").address, signature=sign("tara", mine))
    assert wrong.json()["code"] == "wrong-signature"
    assert (await put(council, "root", signature=sign("theo", mine))).json()["code"] == "wrong-signature"
    assert (await council.get("root", TARA))["address"] is None


async def test_no_two_people_share_a_wallet(council: Office) -> None:
    assert (await put(council, "root")).status_code == 200
    answer = await put(council, "root", "/api/v1/people/theo/wallet")
    assert (answer.status_code, answer.json()["code"]) == (409, "wallet-taken")
    assert (await put(council, "root", address=key_of("new").address)).status_code == 200
    assert (await put(council, "root", "/api/v1/people/theo/wallet")).status_code == 200


async def test_only_people_of_the_organisation_have_one(council: Office) -> None:
    await council.hire("ext", external=True)
    for person in ("nobody", "ext"):
        path = f"/api/v1/people/{person}/wallet"
        assert (await put(council, "root", path)).status_code == 404
        assert (await council.call("root", "GET", path)).status_code == 404
        assert (await council.call("theo", "GET", path)).status_code == 403
    assert (await council.call("tara", "GET", f"{TARA}?address=nonsense")).json()["code"] == "bad-address"
