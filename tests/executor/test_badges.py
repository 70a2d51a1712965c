"""The executor and credentials: it signs what people approved, once, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from executor.badge_desk import Desk, executor_app, served
from placet.connectors.credentials.executor_client import ExecutorClient
from placet.connectors.credentials.jwt import claims_of, verified
from placet.connectors.credentials.port import CredentialRefused, CredentialUnavailable, Order
from placet.connectors.credentials.status_list import is_set
from placet.control.reading import settle_case
from placet.domain.audit import verify
from placet.domain.span import Span
from placet.executor.badge_keys import LocalKey
from placet.executor.badges import CHAIN, BadgeSigner
from placet.store import audit, credentials
from placet.store import tables as t
from placet.store.credentials import CredentialState
from placet.store.engine import Store, StoreUnavailable

Change = Callable[[Desk, str, Order], None]


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.staff()
    return made


@pytest.fixture(params=["ES256", "Ed25519"])
def key(request: pytest.FixtureRequest) -> LocalKey:
    return LocalKey.generated(request.param)


@pytest.fixture
def signer(store: Store, key: LocalKey, tmp_path: Path) -> Iterator[BadgeSigner]:
    made = BadgeSigner(store, key, tmp_path / "executor")
    yield made
    made.close()


def lines(store: Store) -> list[tuple[str, Any]]:
    query = sa.select(t.audit.c.action, t.audit.c.detail).where(t.audit.c.chain == CHAIN).order_by(t.audit.c.seq)
    return store.read_now(lambda tx: [(row.action, row.detail) for row in tx.conn.execute(query)])


async def code(signer: Any, decision: str, order: Order, key: str = "k") -> str:
    with pytest.raises(CredentialRefused) as refused:
        await signer.sign_credential(key, decision, order)
    return refused.value.code


async def test_an_approved_order_is_signed_and_the_same_call_gives_the_same_bytes(
    desk: Desk, signer: BadgeSigner, key: LocalKey
) -> None:
    decision, order = desk.approved()
    first = await signer.sign_credential("k", decision, order)
    assert await signer.sign_credential("k", decision, order) == first
    claims = verified(first.jwt, [key.public()])
    assert claims["credentialStatus"]["statusListIndex"] == str(order.status_index)
    assert [action for action, _ in lines(desk.store)] == ["executor.badge-signed"]
    assert lines(desk.store)[0][1]["subject"] == order.id
    found = verify(desk.store.read_now(lambda tx: list(audit.export(tx))))
    assert found.ok, found.problems


async def test_the_bytes_outlive_the_process_and_the_end_of_the_case(
    desk: Desk, signer: BadgeSigner, key: LocalKey, tmp_path: Path
) -> None:
    decision, order = desk.approved()
    first = await signer.sign_credential("k", decision, order)
    desk.do(lambda tx: tx.conn.execute(t.case.update().values(is_open=False)))
    other = BadgeSigner(desk.store, key, tmp_path / "executor")
    try:
        assert await other.sign_credential("k", decision, order) == first
    finally:
        other.close()


async def test_another_order_under_the_same_key_is_refused(desk: Desk, signer: BadgeSigner) -> None:
    decision, order = desk.approved()
    await signer.sign_credential("k", decision, order)
    other_decision, other = desk.approved("case-2")
    assert await code(signer, other_decision, other, "k") == "key-reused"


async def test_the_same_credential_is_never_signed_under_two_keys(desk: Desk, signer: BadgeSigner) -> None:
    decision, order = desk.approved()
    await signer.sign_credential("k", decision, order)
    assert await code(signer, decision, order, "another") == "signed-before"


CHANGES: dict[str, dict[str, Any]] = {
    "holder": {"holder": "carl"},
    "did": {"did": "did:key:zForged", "identity_hash": "", "salt": ""},
    "place": {"status_index": 7},
    "end": {"valid_until": None},
    "issuer": {"issuer": "https://elsewhere.example/credentials/issuer"},
    "name of the issuer": {"issuer_name": "Somebody else"},
    "list": {"status_list": "https://elsewhere.example/list"},
    "identity": {"salt": "00"},
    "id": {"id": "00000000-0000-4000-8000-000000000000"},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_order_that_differs_in_anything_from_the_approved_one_is_refused(
    desk: Desk, signer: BadgeSigner, change: str
) -> None:
    decision, order = desk.approved()
    assert await code(signer, decision, order.model_copy(update=CHANGES[change])) == "other-order"
    badge = order.badge.model_copy(update={"name": "Surgeon"})
    assert await code(signer, decision, order.model_copy(update={"badge": badge})) == "other-order"


def refused(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision, outcome="refuse")


def expired(desk: Desk, decision: str, order: Order) -> None:
    clock: Any = desk.store.clock
    clock.move(timedelta(days=30))
    desk.do(lambda tx: settle_case(tx, order.case_id))


def left_open(desk: Desk, decision: str, order: Order) -> None:
    pass


def cancelled(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.case.update().values(cancelled_by="cora")))


def closed(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.case.update().values(is_open=False)))


def without_acts(desk: Desk, decision: str, order: Order) -> None:
    """A verdict that was written into the database, and nobody gave."""
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.act.delete()))


def by_the_holder(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.act.update().values(person_id=order.holder)))


def by_the_requester(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.act.update().values(person_id="rita")))


def over_another_subject(desk: Desk, decision: str, order: Order) -> None:
    desk.answer(decision)
    desk.do(lambda tx: tx.conn.execute(t.act.update().values(subject_hash="0" * 64)))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (left_open, "not-approved"),
        (refused, "not-approved"),
        (expired, "not-approved"),
        (without_acts, "not-approved"),
        (over_another_subject, "not-approved"),
        (by_the_holder, "own-approval"),
        (by_the_requester, "own-approval"),
        (cancelled, "case-not-open"),
        (closed, "case-not-open"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
async def test_without_a_valid_approval_nothing_is_signed(
    desk: Desk, signer: BadgeSigner, state: Change, expected: str
) -> None:
    order = desk.drawn_up()
    decision = desk.ask(order, within=Span("14d"))
    state(desk, decision, order)
    assert await code(signer, decision, order) == expected
    assert signer.journal.find("k") is None
    assert signer.journal.refusals() == [expected]
    assert [(action, detail["code"]) for action, detail in lines(desk.store)] == [("executor.refused", expected)]


async def test_only_the_approval_of_a_badge_counts(desk: Desk, signer: BadgeSigner) -> None:
    order = desk.drawn_up()
    other = desk.ask(order, name="lunch-approval")
    desk.answer(other)
    assert await code(signer, other, order) == "unknown-decision"
    assert await code(signer, "case-9.badge-approval.1", order) == "unknown-decision"
    elsewhere = desk.drawn_up("case-2", kind="lunch")
    decision = desk.ask(elsewhere)
    desk.answer(decision)
    assert await code(signer, decision, elsewhere) == "unknown-decision"


async def test_the_approval_of_one_case_signs_nothing_of_another(desk: Desk, signer: BadgeSigner) -> None:
    decision, _ = desk.approved()
    assert await code(signer, decision, desk.drawn_up("case-2")) == "other-order"


async def test_an_issuer_that_has_moved_signs_nothing_of_its_old_address(
    desk: Desk, signer: BadgeSigner, store: Store
) -> None:
    decision, order = desk.approved()
    object.__setattr__(store.house, "base_url", "https://placet.example.org")
    assert await code(signer, decision, order) == "other-issuer"


async def test_a_status_list_is_signed_as_the_database_has_it(
    desk: Desk, signer: BadgeSigner, key: LocalKey, tmp_path: Path
) -> None:
    _, order = desk.approved()
    desk.approved("case-2")
    first = await signer.sign_status_list(1, 1)
    desk.do(lambda tx: credentials.end(tx, order.id, CredentialState.REVOKED, "x"))
    other = BadgeSigner(desk.store, key, tmp_path / "other")
    with pytest.raises(CredentialUnavailable):
        # The bytes of a version are kept for ever, but one that was never signed is gone.
        await other.sign_status_list(1, 1)
    other.close()
    assert await signer.sign_status_list(1, 1) == first
    second = claims_of((await signer.sign_status_list(1, 2)).jwt)
    text = second["credentialSubject"]["encodedList"]
    assert [is_set(text, place) for place in (0, 1)] == [True, False]
    with pytest.raises(CredentialRefused) as unknown:
        await signer.sign_status_list(9, 1)
    assert unknown.value.code == "unknown-list"


async def test_a_database_that_forgets_a_revocation_gets_no_list(desk: Desk, signer: BadgeSigner) -> None:
    _, order = desk.approved()
    _, other = desk.approved("case-2")
    desk.do(lambda tx: credentials.end(tx, order.id, CredentialState.REVOKED, "x"))
    await signer.sign_status_list(1, 2)
    desk.do(lambda tx: tx.conn.execute(t.credential.update().values(state="issued")))
    desk.do(lambda tx: credentials.end(tx, other.id, CredentialState.REVOKED, "x"))
    with pytest.raises(CredentialRefused) as refused:
        await signer.sign_status_list(1, 3)
    assert refused.value.code == "list-goes-back"
    assert lines(desk.store)[-1][1]["code"] == "list-goes-back"


async def test_a_list_that_was_planned_and_never_signed_is_signed_as_the_database_has_it_now(
    desk: Desk, signer: BadgeSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, order = desk.approved()
    _, other = desk.approved("case-2")

    async def broken(*_: Any) -> str:
        raise CredentialUnavailable("The key is away.")

    with monkeypatch.context() as patch:
        patch.setattr("placet.executor.badges.signed", broken)
        with pytest.raises(CredentialUnavailable):
            await signer.sign_status_list(1, 1)
    # As after a restored copy: the same version, with other bits.
    credential = t.credential.update().where(t.credential.c.id == order.id)
    desk.do(lambda tx: tx.conn.execute(credential.values(state="revoked")))
    told = claims_of((await signer.sign_status_list(1, 1)).jwt)
    assert is_set(told["credentialSubject"]["encodedList"], 0)
    # What was signed is still never forgotten, whatever was planned after it.
    desk.do(lambda tx: credentials.end(tx, other.id, CredentialState.REVOKED, "x"))
    with monkeypatch.context() as patch:
        patch.setattr("placet.executor.badges.signed", broken)
        with pytest.raises(CredentialUnavailable):
            await signer.sign_status_list(1, 2)
    desk.do(lambda tx: tx.conn.execute(credential.values(state="issued")))
    with pytest.raises(CredentialRefused) as refused:
        await signer.sign_status_list(1, 2)
    assert refused.value.code == "list-goes-back"


async def test_while_the_database_is_away_nothing_is_signed_and_all_may_be_asked_again(
    desk: Desk, signer: BadgeSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision, order = desk.approved()

    async def away(look: Any) -> Any:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store, "read", away)
        with pytest.raises(CredentialUnavailable):
            await signer.sign_credential("k", decision, order)
    assert signer.journal.find("k") is None
    await signer.sign_credential("k", decision, order)


async def test_the_door_answers_over_a_unix_socket(desk: Desk, signer: BadgeSigner, key: LocalKey) -> None:
    decision, order = desk.approved(did="did:key:z6MkExample")
    with served(executor_app(signer)) as socket:
        client = ExecutorClient(socket)
        signed = await client.sign_credential("k", decision, order)
        assert await client.public_keys() == (key.public(),)
        assert verified(signed.jwt, await client.public_keys())["sub"] == "did:key:z6MkExample"
        assert await client.sign_credential("k", decision, order) == signed
        assert (await client.sign_status_list(1, 1)).kid == key.kid
        assert await code(client, decision, order, "other") == "signed-before"
    with pytest.raises(CredentialUnavailable):
        await client.public_keys()


async def test_an_order_with_more_in_it_than_an_order_has_is_refused(desk: Desk, signer: BadgeSigner) -> None:
    decision, order = desk.approved()
    transport = httpx2.ASGITransport(executor_app(signer))
    async with httpx2.AsyncClient(transport=transport, base_url="http://executor") as client:
        sent = order.model_dump(mode="json")
        for wrong in (sent | {"extra": 1}, {}, sent | {"status_index": "0"}):
            answer = await client.post("/credentials", json={"key": "k", "decision": decision, "order": wrong})
            assert (answer.status_code, answer.json()["code"]) == (409, "invalid-order")
        bare = await client.post("/credentials", json={"key": "k", "decision": decision})
        assert bare.status_code == 422
    assert signer.journal.find("k") is None
