"""A payment at its doors: every wrong request and every wrong signature is refused before money moves."""

from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from api.council import PATH, key_of, sign
from api.office import TOKEN, Office
from placet.catalogue.cooperative.disbursement_model import COUNCIL_MEMBERS
from placet.domain.audit import verify
from placet.domain.currency import Currencies
from placet.domain.intent import Intent
from placet.domain.multisig import MultisigSpec
from placet.domain.people import Grant
from placet.domain.span import Span
from placet.store import audit, people
from placet.store import tables as t

START = "/api/v1/workflows/treasury-disbursement/cases"
COUNCIL = ("kaia", "kofi", "koji")
ACCOUNT = "0x" + "a" * 40
TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
REQUEST = {"to": TO, "amount": "1000", "memo": "The roof"}


async def sit(office: Office) -> None:
    """Three of the council, each with a wallet; rita asks."""
    for name in COUNCIL:
        if name not in office.tokens:
            await office.hire(name, "council")
        body = {"address": key_of(name).address}
        assert (await office.call("root", "PUT", f"/api/v1/people/{name}/wallet", body)).status_code == 200


async def ask(office: Office, who: str = "rita", **more: Any) -> httpx2.Response:
    return await office.call(who, "POST", START, {"scope": "deals", "request": REQUEST | more})


async def put(office: Office, amount: str = "1000") -> str:
    """A payment that its council is asked about, as the running workflow reports it; the multisig's id."""
    answer = await ask(office, amount=amount)
    assert answer.status_code == 201, answer.text
    case_id = str(answer.json()["id"])
    spec = MultisigSpec(
        name="council-approval",
        title="Council approval",
        intent=Intent(chain_id=31337, account=ACCOUNT, to=TO, amount=amount, case_id=case_id),
        council=COUNCIL_MEMBERS,
        threshold=2,
        wallets=True,
        excluded={"rita": "you asked for it"},
        within=Span("7d"),
    )
    return await office.ask(case_id, spec)


async def kept(office: Office) -> dict[str, Any]:
    """All that a refused act must leave alone: cases, decisions, acts, steps, what is to be sent."""
    tables = (t.case, t.decision, t.act, t.step, t.outbox)
    return await office.store.read(
        lambda tx: {
            one.name: tx.conn.execute(sa.select(sa.func.count()).select_from(one)).scalar_one() for one in tables
        }
    )


async def last_refusal(office: Office) -> tuple[str, str, str]:
    actor, action, detail = (await office.lines("@refused"))[-1]
    return actor, action, detail["code"]


WRONG: list[tuple[dict[str, Any], int, str, str]] = [
    ({"to": TO.replace("aAe", "aae")}, 422, "bad-address", "to"),
    ({"to": TO.lower()}, 422, "bad-address", "to"),
    ({"to": TO[:-1]}, 422, "bad-address", "to"),
    ({"to": f"0x{'0' * 40}"}, 422, "bad-address", "to"),
    ({"to": "somebody"}, 422, "bad-address", "to"),
    ({"to": ""}, 422, "bad-address", "to"),
    ({"amount": "0"}, 422, "bad-amount", "amount"),
    ({"amount": "-1"}, 422, "bad-amount", "amount"),
    ({"amount": "1.5"}, 422, "bad-amount", "amount"),
    ({"amount": "1e9"}, 422, "bad-amount", "amount"),
    ({"amount": "01"}, 422, "bad-amount", "amount"),
    ({"amount": "٣"}, 422, "bad-amount", "amount"),
    ({"amount": str(2**256)}, 422, "bad-amount", "amount"),
    ({"amount": "9" * 79}, 422, "bad-amount", "amount"),
    ({"token": TO}, 422, "unknown-token", "token"),
    ({"token": TOKEN.address.lower()}, 422, "bad-address", "token"),
    ({"token": TOKEN.address, "to": TOKEN.address}, 422, "bad-address", "to"),
    ({"token": TOKEN.address, "data": "0x00"}, 422, "bad-data", "data"),
    ({"data": "0xz1"}, 422, "bad-data", "data"),
    ({"threshold": 4}, 422, "threshold-too-high", "threshold"),
    ({"threshold": 1}, 422, "threshold-too-low", "threshold"),
    # Whoever holds the wallet that is paid does not count.
    ({"threshold": 3, "to": key_of("kofi").address}, 422, "threshold-too-high", "threshold"),
]
SHAPELESS: list[tuple[dict[str, Any], str]] = [
    ({"amount": 1000}, "amount"),
    ({"amount": "1" * 101}, "amount"),
    ({"to": None}, "to"),
    ({"threshold": 0}, "threshold"),
    ({"threshold": "2 of 3"}, "threshold"),
    ({"memo": "x" * 2001}, "memo"),
    ({"recipient": TO}, "recipient"),
]


@pytest.mark.parametrize(("change", "status", "code", "field"), WRONG)
async def test_a_payment_that_could_not_be_made_is_refused_at_the_door(
    office: Office, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    await sit(office)
    before = await kept(office)
    answer = await ask(office, **change)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["field"] == f"request.{field}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert "expected form" not in answer.json()["detail"]
    assert await kept(office) == before
    assert await last_refusal(office) == ("rita", "case.start", code)


@pytest.mark.parametrize(("change", "field"), SHAPELESS)
async def test_a_request_of_the_wrong_shape_is_no_payment(office: Office, change: dict[str, Any], field: str) -> None:
    await sit(office)
    before = await kept(office)
    answer = await ask(office, **change)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request"), answer.text
    assert answer.json()["field"] == f"request.{field}"
    assert await kept(office) == before


async def test_a_payment_without_a_memo_is_titled_with_its_sum_and_recipient(office: Office) -> None:
    await sit(office)
    office.control.currencies = Currencies(1, (TOKEN,))
    titles = [
        (await ask(office, **more)).json()["title"]
        for more in (
            {"amount": "1500000000000000000", "memo": " "},
            {"amount": "1500000", "token": TOKEN.address, "memo": ""},
            {"memo": "The roof"},
        )
    ]
    sums = [f"Payment of {told} to 0x5aAe…eAed" for told in ("1.5 ETH", "1.5 SMPL")]
    assert titles == [*sums, "The roof"]


async def test_a_threshold_above_the_council_tells_how_many_there_are(office: Office) -> None:
    answer = await ask(office)
    assert (answer.status_code, answer.json()["code"]) == (422, "threshold-too-high")
    assert answer.json()["detail"] == "2 must approve, and only 1 of the council of deals may."
    # The requester never decides, and does not count.
    await office.hire("kaia", "council")
    given = [Grant(role="member", scope="deals"), Grant(role="council")]
    await office.store.write(lambda tx: people.set_grants(tx, "root", "rita", given))
    assert (await ask(office, threshold=3)).json()[
        "detail"
    ] == "3 must approve, and only 2 of the council of deals may."
    assert (await ask(office)).status_code == 201


async def test_who_holds_no_role_in_the_scope_asks_for_nothing(office: Office) -> None:
    await sit(office)
    before = await kept(office)
    answer = await ask(office, "carl")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await last_refusal(office) == ("carl", "case.start", "forbidden")
    assert await kept(office) == before


SIGNATURES: list[tuple[str, str, int, str]] = [
    ("koji", "koji over another payment", 422, "wrong-signature"),
    ("koji", "koji over another payment, which is named", 409, "stale-intent"),
    ("koji", "kaia", 422, "wrong-wallet"),
    ("koji", "nothing", 422, "signature-missing"),
    ("kofi", "koji", 409, "already-approved"),
    ("koji", "kofi", 422, "wrong-wallet"),
    ("rita", "koji", 403, "excluded"),
    ("cora", "koji", 403, "not-a-member"),
]


@pytest.mark.parametrize(("who", "signature", "status", "code"), SIGNATURES)
async def test_a_signature_that_does_not_count_leaves_the_payment_where_it_was(
    office: Office, who: str, signature: str, status: int, code: str
) -> None:
    await sit(office)
    multisig, other = await put(office), await put(office, amount="1001")
    shown, elsewhere = [await office.get("kofi", f"{PATH}/{one}") for one in (multisig, other)]
    first = {"intent_hash": shown["intent_hash"], "signature": sign("kofi", shown["typed_data"])}
    assert (await office.call("kofi", "POST", f"{PATH}/{multisig}/approve", first)).status_code == 200
    before = await kept(office), await office.get("kofi", f"{PATH}/{multisig}")
    by, _, over = signature.partition(" over ")
    given: dict[str, Any] = {"intent_hash": (elsewhere if over.endswith("named") else shown)["intent_hash"]}
    if by != "nothing":
        given["signature"] = sign(by, (elsewhere if over else shown)["typed_data"])
    answer = await office.call(who, "POST", f"{PATH}/{multisig}/approve", given)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await last_refusal(office) == (who, "multisig.approve", code)
    # The very same act again is the same act, and counts once.
    again = await office.call("kofi", "POST", f"{PATH}/{multisig}/approve", first)
    assert (again.status_code, again.json()["tally"]) == (200, {"approve": 1})
    assert (await kept(office), await office.get("kofi", f"{PATH}/{multisig}")) == before
    lines = await office.store.read(lambda tx: list(audit.export(tx)))
    assert verify(lines).problems == ()


async def test_a_change_of_state_that_the_table_lacks_is_refused(office: Office) -> None:
    fence = {"kind": "project", "id": "fence", "scope": "deals", "title": "The fence"}
    assert (await office.call("cora", "POST", "/api/v1/resources", fence)).status_code == 201
    before = await kept(office)
    body = {"scope": "deals", "request": {"kind": "project", "id": "fence", "becomes": "archived", "reason": "Winter."}}
    answer = await office.call("rita", "POST", "/api/v1/workflows/lifecycle-transition/cases", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "transition-not-allowed")
    assert await last_refusal(office) == ("rita", "case.start", "transition-not-allowed")
    assert await kept(office) == before
    assert (await office.get("rita", "/api/v1/resources/project/fence"))["state"] == "active"
