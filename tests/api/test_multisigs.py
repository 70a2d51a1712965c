"""A council over HTTP: what waits for me, what I sign, and every act that does not count."""

from datetime import timedelta
from typing import Any

import pytest

from api.council import INTENT, PATH, act, key_of, put, sign, sit, wallet
from api.office import Office
from placet.domain.audit import verify
from placet.domain.intent import Intent
from placet.domain.span import Span
from placet.store import audit


@pytest.fixture
async def council(office: Office) -> Office:
    await sit(office)
    return office


async def test_a_member_sees_what_is_asked_signs_it_and_the_threshold_decides(council: Office) -> None:
    await wallet(council, "tara", "theo")
    multisig = await put(council, wallets=True)
    (line,) = (await council.get("tara", PATH))["items"]
    assert (line["id"], line["approvals"], line["threshold"], line["why_not"]) == (multisig, 0, 2, None)
    shown = await council.get("tara", f"{PATH}/{multisig}")
    assert Intent.model_validate(shown["intent"]).hash == shown["intent_hash"] == INTENT.hash
    assert shown["typed_data"]["message"]["intent"] == f"0x{INTENT.hash}"
    assert [one["wallet"] for one in shown["members"]] == [key_of("tara").address, key_of("theo").address, None]
    assert (shown["can_approve"], shown["can_refuse"], shown["can_withdraw"], shown["my_act"]) == (
        True,
        True,
        False,
        None,
    )
    given = await act(council, "tara", multisig, signature=sign("tara", shown["typed_data"]))
    assert given.status_code == 200, given.text
    assert (given.json()["act"], given.json()["tally"], given.json()["verdict"]) == ("approve", {"approve": 1}, None)
    assert (await council.get("tara", PATH))["items"] == []
    again = await council.get("tara", f"{PATH}/{multisig}")
    assert (again["my_act"], again["can_withdraw"], again["why_not"]["code"]) == ("approve", True, "already-approved")
    assert "1 so far, by tara" in again["waiting_for"]
    decided = await act(council, "theo", multisig, signature=sign("theo", shown["typed_data"]))
    verdict = decided.json()["verdict"]
    assert (verdict["outcome"], verdict["by"]) == ("approved", ["tara", "theo"])
    closed = await council.get("tina", f"{PATH}/{multisig}")
    assert (closed["state"], closed["why_not"]["code"], closed["waiting_for"]) == (
        "closed",
        "multisig-closed",
        "Closed: approved.",
    )
    lines = await council.store.read(lambda tx: list(audit.export(tx)))
    assert verify(lines).problems == ()


async def test_a_council_that_has_become_too_small_is_told_of_and_whoever_comes_back_approves(council: Office) -> None:
    case = await council.start()
    multisig = await put(council, case, threshold=3)
    roomy = await put(council, threshold=2)
    lost = await council.call("root", "PUT", "/api/v1/people/theo/grants", {"grants": []})
    assert lost.status_code == 200
    assert (await act(council, "tara", multisig)).status_code == 200
    before = (await council.get("root", "/api/v1/people/tina"))["stranded_multisigs"]
    needs = {one["id"]: (one["able"], one["approvals"], one["threshold"]) for one in before}
    assert needs == {roomy: (1, 0, 2), multisig: (0, 1, 3)}
    # What tara gave stays, and theo could no longer act anyway.
    for who, hanging in (("theo", []), ("tara", [roomy])):
        listed = (await council.get("root", f"/api/v1/people/{who}"))["stranded_multisigs"]
        assert [one["id"] for one in listed] == hanging
    gone = await council.call("root", "POST", "/api/v1/people/tina/deactivate", {"reason": "Away."})
    assert {one["id"] for one in gone.json()["stranded_multisigs"]} == {roomy, multisig}
    told = "Only 1 of the 3 approvals can come about now"
    shown = (await council.get("tara", f"{PATH}/{multisig}"))["waiting_for"]
    assert told in shown and "(1 so far, by tara), from nobody: " in shown
    assert told in (await council.get("rita", f"/api/v1/cases/{case}"))["waiting_for"]
    assert (await council.get("tara", f"{PATH}/{multisig}"))["state"] == "open"
    await council.call("root", "POST", "/api/v1/people/tina/reactivate")
    issued = await council.call("root", "POST", "/api/v1/people/tina/tokens", {})
    council.tokens["tina"] = issued.json()["token"]
    await act(council, "tara", roomy)
    assert (await act(council, "tina", roomy)).json()["verdict"]["outcome"] == "approved"


async def test_too_little_money_is_told_while_the_council_decides(council: Office) -> None:
    multisig = await put(council, balance="4999999999999999999")
    shown = await council.get("tara", f"{PATH}/{multisig}")
    assert "held 4999999999999999999, less than the 5000000000000000000" in shown["warning"]
    mails = (await council.get("root", "/api/v1/messages?all=true"))["items"]
    assert [shown["warning"] in one["text"] for one in mails if "/multisigs/" in one["text"]] == [True] * 3
    for who in ("tara", "theo"):
        assert (await act(council, who, multisig)).status_code == 200
    closed = await council.get("tara", f"{PATH}/{multisig}")
    assert (closed["warning"], closed["balance"]) == ("", "4999999999999999999")
    enough = await council.get("tara", f"{PATH}/{await put(council, balance=INTENT.amount)}")
    assert enough["warning"] == ""


async def test_nobody_is_shown_signatures_that_a_safe_would_take(council: Office) -> None:
    """Rita, who asked and perhaps gets the money, could present them herself, and ask to be paid once more."""
    await wallet(council, "tara", "theo")
    intent = INTENT.model_copy(update={"safe_nonce": 4})
    multisig = await put(council, wallets=True, intent=intent)
    case_id = multisig.partition(".")[0]
    typed = (await council.get("tara", f"{PATH}/{multisig}"))["typed_data"]
    seen = []
    for who in ("tara", "theo"):
        given = await act(council, who, multisig, intent_hash=intent.hash, signature=sign(who, typed))
        assert given.status_code == 200, given.text
        seen.append(given.text)
    late = await act(council, "tina", multisig, intent_hash=intent.hash)
    assert late.json()["verdict"]["outcome"] == "approved"
    for path in (f"{PATH}/{multisig}", f"/api/v1/cases/{case_id}"):
        for who in ("rita", "tara"):
            seen.append(str(await council.get(who, path)))
    for text in (*seen, late.text):
        assert not any(sign(who, typed)[2:40] in text for who in ("tara", "theo"))


async def test_the_case_and_the_list_of_cases_say_what_it_waits_for(council: Office) -> None:
    multisig = await put(council)
    case_id = multisig.partition(".")[0]
    await act(council, "tara", multisig)
    shown = await council.get("rita", f"/api/v1/cases/{case_id}")
    assert shown["waiting_for"].startswith("Waiting for 2 of 3 approvals (1 so far, by tara), from theo or tina")
    (decision,) = shown["decisions"]
    assert (decision["form"], decision["title"], decision["tally"]) == ("multisig", "Pay the baker", {"approve": 1})
    listed = (await council.get("rita", "/api/v1/cases"))["items"]
    assert listed[0]["waiting_for"] == shown["waiting_for"]
    # Whoever is asked sees the case.
    assert [one["id"] for one in (await council.get("tina", "/api/v1/cases"))["items"]] == [case_id]


async def test_what_waits_is_paged_by_deadline(council: Office) -> None:
    ids = [await put(council, within=within) for within in (Span("3d"), None, Span("1d"), Span("2d"), None)]
    seen, cursor = [], None
    while True:
        page = await council.get("tara", PATH, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [ids[2], ids[3], ids[0], *sorted([ids[1], ids[4]])]
    assert (await council.call("tara", "GET", f"{PATH}?cursor=nonsense")).json()["code"] == "bad-cursor"


async def test_only_who_can_act_is_waited_for(council: Office) -> None:
    multisig = await put(council)
    for who in ("rita", "kofi", "cora", "mo", "tess", "root"):
        assert (await council.get(who, PATH))["items"] == []
    body = {"grants": [{"role": "member", "scope": "deals"}]}
    assert (await council.call("root", "PUT", "/api/v1/people/tara/grants", body)).status_code == 200
    assert (await council.get("tara", PATH))["items"] == []
    assert (await act(council, "tara", multisig)).json()["code"] == "role-revoked"


async def test_a_passed_deadline_shows_at_once(council: Office) -> None:
    multisig = await put(council)
    council.clock.move(timedelta(days=3))
    assert (await council.get("tara", PATH))["items"] == []
    shown = await council.get("tara", f"{PATH}/{multisig}")
    assert (shown["state"], shown["verdict"]["outcome"]) == ("closed", "expired")


async def test_a_repeat_under_one_key_and_the_same_act_again_count_once(council: Office) -> None:
    multisig = await put(council, threshold=3)
    path, body = f"{PATH}/{multisig}/approve", {"intent_hash": INTENT.hash}
    first = await council.call("tara", "POST", path, body, headers={"Idempotency-Key": "k1"})
    again = await council.call("tara", "POST", path, body, headers={"Idempotency-Key": "k1"})
    plain = await council.call("tara", "POST", path, body)
    assert first.json() == again.json() == plain.json()
    assert again.headers["Idempotent-Replay"] == "true"
    other = await council.call("tara", "POST", path, body | {"comment": "x"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


async def test_an_approval_is_withdrawn_and_a_refusal_ends_what_has_become_impossible(council: Office) -> None:
    multisig = await put(council, threshold=3)
    await act(council, "tara", multisig)
    assert (await act(council, "tara", multisig, "withdraw")).json()["tally"] == {}
    without_body = await council.call("theo", "POST", f"{PATH}/{multisig}/withdraw")
    assert without_body.json()["code"] == "nothing-to-withdraw"
    refused = (await act(council, "theo", multisig, "refuse")).json()
    assert (refused["verdict"]["outcome"], refused["verdict"]["reason"]) == ("refused", "impossible")
    late = await act(council, "tara", multisig)
    assert (late.status_code, late.json()["code"]) == (409, "multisig-closed")
    assert late.json()["verdict"]["outcome"] == "refused"


async def test_a_threshold_above_the_council_is_refused_at_once_and_says_why(council: Office) -> None:
    multisig = await put(council, threshold=4)
    shown = await council.get("rita", f"{PATH}/{multisig}")
    assert (shown["state"], shown["verdict"]["outcome"]) == ("closed", "refused")
    assert shown["verdict"]["comment"] == "At most 3 can still approve, and 4 are needed."


OTHER = INTENT.model_copy(update={"amount": "6"})

# who, act, body, status, code, field
WRONG: list[tuple[str, str, dict[str, Any], int, str, str | None]] = [
    ("tara", "approve", {"intent_hash": 7}, 422, "invalid-request", "intent_hash"),
    ("tara", "approve", {"intent_hash": "x" * 65}, 422, "invalid-request", "intent_hash"),
    ("tara", "approve", {"extra": 1}, 422, "invalid-request", "extra"),
    ("tara", "approve", {"comment": "x" * 8001}, 422, "invalid-request", "comment"),
    ("tara", "approve", {"comment": "a\x00b"}, 422, "invalid-request", None),
    ("tara", "approve", {"signature": "0x" + "1" * 300}, 422, "invalid-request", "signature"),
    ("tara", "approve", {"intent_hash": OTHER.hash}, 409, "stale-intent", "intent_hash"),
    ("tara", "approve", {"intent_hash": ""}, 409, "stale-intent", "intent_hash"),
    ("tara", "approve", {}, 422, "signature-missing", "signature"),
    ("tara", "approve", {"signature": ""}, 422, "signature-malformed", "signature"),
    ("tara", "approve", {"signature": "0x1234"}, 422, "signature-malformed", "signature"),
    ("tara", "approve", {"signature": "0x" + "0" * 130}, 422, "signature-malformed", "signature"),
    ("tara", "approve", {"signature": "0x" + "8" * 128 + "1b"}, 422, "signature-high-s", "signature"),
    ("tara", "approve", {"signature": "by theo"}, 422, "wrong-wallet", "signature"),
    ("tara", "approve", {"signature": "by stranger"}, 422, "wrong-signature", "signature"),
    ("tara", "approve", {"signature": "of another intent"}, 422, "wrong-signature", "signature"),
    ("tina", "approve", {"signature": "by tina"}, 409, "no-wallet", None),
    ("rita", "approve", {"signature": "by tara"}, 403, "excluded", None),
    ("kofi", "approve", {"signature": "by tara"}, 403, "not-a-member", None),
    ("root", "approve", {"signature": "by tara"}, 403, "not-a-member", None),
    ("mo", "approve", {"signature": "by tara"}, 404, "not-found", None),
    ("tara", "refuse", {"comment": "  "}, 422, "comment-required", "comment"),
    ("tara", "refuse", {"comment": None}, 422, "invalid-request", "comment"),
    ("tara", "withdraw", {}, 409, "nothing-to-withdraw", None),
]


@pytest.mark.parametrize(("who", "name", "body", "status", "code", "field"), WRONG)
async def test_wrong_input_is_refused_and_nothing_changes(
    council: Office, who: str, name: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    await wallet(council, "tara", "theo")
    multisig = await put(council, wallets=True)
    typed = (await council.get("tara", f"{PATH}/{multisig}"))["typed_data"]
    signature = body.get("signature", "")
    if signature.startswith("by "):
        body = body | {"signature": sign(signature.removeprefix("by "), typed)}
    if signature == "of another intent":
        other = await put(council, wallets=True, intent=OTHER)
        body = body | {"signature": sign("tara", (await council.get("tara", f"{PATH}/{other}"))["typed_data"])}
    before = await council.get("kofi", f"{PATH}/{multisig}")
    answer = await act(council, who, multisig, name, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json().get("field") == field
    assert answer.headers["content-type"] == "application/problem+json"
    assert await council.get("kofi", f"{PATH}/{multisig}") == before
    if code not in ("invalid-request", "not-found"):
        assert (await council.lines("@refused"))[-1][2]["code"] == code


async def test_signer_twice_is_refused_whoever_sends_it(council: Office) -> None:
    await wallet(council, "tara", "theo")
    multisig = await put(council, wallets=True)
    typed = (await council.get("tara", f"{PATH}/{multisig}"))["typed_data"]
    assert (await act(council, "tara", multisig, signature=sign("tara", typed))).status_code == 200
    for who, signer, code in (("tara", "theo", "already-approved"), ("theo", "tara", "wrong-wallet")):
        answer = await act(council, who, multisig, signature=sign(signer, typed))
        assert answer.json()["code"] == code
    assert (await council.get("tara", f"{PATH}/{multisig}"))["approvals"] == 1


async def test_a_hidden_multisig_looks_exactly_like_none(council: Office) -> None:
    multisig = await put(council)
    missing = "order-0000000000.pay.1"
    for who in ("mo", "tess"):
        for method, end, body in (
            ("GET", "", None),
            ("POST", "/approve", {"intent_hash": INTENT.hash}),
            ("POST", "/signal-token", None),
        ):
            one = await council.call(who, method, f"{PATH}/{multisig}{end}", body)
            other = await council.call(who, method, f"{PATH}/{missing}{end}", body)
            assert (one.status_code, one.json()) == (404, other.json())
    task = await council.task()
    assert (await act(council, "ben", task)).status_code == 404
    assert (await council.call("ben", "GET", f"{PATH}/{task}")).status_code == 404
    assert (await council.answer("tara", multisig)).status_code == 404


async def test_a_signal_token_is_given_to_members_who_have_not_acted(council: Office) -> None:
    multisig = await put(council)
    given = await council.call("tara", "POST", f"{PATH}/{multisig}/signal-token")
    assert given.status_code == 201 and given.json()["token"].startswith("sig_")
    await act(council, "tara", multisig)
    for who, code in (("tara", "already-approved"), ("rita", "excluded"), ("kofi", "not-a-member")):
        answer = await council.call(who, "POST", f"{PATH}/{multisig}/signal-token")
        assert answer.json()["code"] == code
