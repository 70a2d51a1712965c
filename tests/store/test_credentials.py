"""Orders, places and ends of credentials, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.conftest import ManualClock

from executor.badge_desk import BADGE, Desk
from placet.domain.audit import digest, verify
from placet.store import audit, credentials
from placet.store import tables as t
from placet.store.credentials import CredentialState
from placet.store.engine import Store, Tx


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.staff()
    return made


def test_a_key_draws_up_one_order_and_takes_one_place(desk: Desk) -> None:
    order = desk.drawn_up()
    holder = ("mia", "mia@example.org")
    row = desk.do(
        lambda tx: credentials.draw_up(
            tx, "case-1/draw-up/1", "case-1", credentials.badge(tx, BADGE["id"]), holder, "did:key:z6MkOther"
        )
    )
    assert (row["order"], row["digest"]) == (order.model_dump(mode="json"), digest(row["order"]))
    assert desk.do(lambda tx: credentials.status_list(tx, 1))["next_index"] == 1


def test_places_are_given_out_one_by_one_and_never_again(desk: Desk) -> None:
    orders = [desk.drawn_up(f"case-{number}") for number in range(4)]
    assert [order.status_index for order in orders] == [0, 1, 2, 3]
    desk.do(lambda tx: credentials.end(tx, orders[3].id, CredentialState.WITHDRAWN, ""))
    assert desk.drawn_up("case-9").status_index == 4


def test_orders_drawn_up_at_once_take_different_places(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as pool:
        orders = list(pool.map(desk.drawn_up, [f"case-{number}" for number in range(16)]))
    places = {(order.status_list, order.status_index) for order in orders}
    assert len(places) == 16 and {list_ for list_, _ in places} == {"http://127.0.0.1:8400/credentials/status/1"}


def test_a_full_list_is_followed_by_another(desk: Desk) -> None:
    desk.drawn_up()
    desk.do(lambda tx: tx.conn.execute(t.credential_status.update().values(next_index=credentials.PLACES - 1)))
    last, first = desk.drawn_up("case-2"), desk.drawn_up("case-3")
    assert (last.status_index, first.status_index) == (credentials.PLACES - 1, 0)
    assert last.status_list.endswith("/1") and first.status_list.endswith("/2")


def test_the_database_itself_refuses_a_place_twice(desk: Desk) -> None:
    one, other = desk.drawn_up(), desk.drawn_up("case-2")
    with pytest.raises(sa.exc.IntegrityError):
        desk.do(
            lambda tx: tx.conn.execute(
                t.credential.update().where(t.credential.c.id == other.id).values(list_index=one.status_index)
            )
        )


def test_signed_bytes_stay_as_they_came_first(desk: Desk) -> None:
    order = desk.drawn_up()
    for number in (1, 2):
        row = desk.do(lambda tx: credentials.keep_signature(tx, order.id, f"jwt-{number}", f"key-{number}"))  # noqa: B023
    assert (row["jwt"], row["kid"], row["state"]) == ("jwt-1", "key-1", "signed")


def test_what_was_withdrawn_is_neither_signed_nor_issued(desk: Desk) -> None:
    order = desk.drawn_up()
    desk.do(lambda tx: credentials.end(tx, order.id, CredentialState.WITHDRAWN, ""))
    assert desk.do(lambda tx: credentials.keep_signature(tx, order.id, "jwt", "key"))["jwt"] is None
    assert desk.do(lambda tx: credentials.put_in_force(tx, order.id))["state"] == "withdrawn"


def test_an_end_is_for_ever_and_counts_once(desk: Desk) -> None:
    order = desk.drawn_up()

    def ended(tx: Tx) -> tuple[str, int, list[int]]:
        row = credentials.end(tx, order.id, CredentialState.REVOKED, "Lost.")
        status = credentials.status_list(tx, 1)
        assert row is not None and status is not None
        return row["state"], status["version"], credentials.set_bits(tx, 1)

    assert desk.do(ended) == ("revoked", 2, [0])
    assert desk.do(ended) == ("revoked", 2, [0])
    assert desk.do(lambda tx: credentials.end(tx, order.id, CredentialState.WITHDRAWN, ""))["state"] == "revoked"
    found = verify(desk.store.read_now(lambda tx: list(audit.export(tx))))
    assert found.ok, found.problems


def test_a_newer_published_list_is_not_replaced_by_an_older_one(desk: Desk) -> None:
    desk.drawn_up()
    for version in (2, 1):
        desk.do(lambda tx: credentials.publish(tx, 1, version, f"list-{version}"))  # noqa: B023
    row = desk.do(lambda tx: credentials.status_list(tx, 1))
    assert (row["published"], row["jwt"]) == (2, "list-2")


def test_public_keys_stay_when_others_come(desk: Desk) -> None:
    for kid in ("a", "b", "a"):
        desk.do(lambda tx: credentials.publish_keys(tx, {kid: {"kid": kid}}))  # noqa: B023
    assert set(desk.do(credentials.public_keys)) == {"a", "b"}


def test_what_somebody_holds_ends_with_its_last_day(desk: Desk, clock: ManualClock) -> None:
    order = desk.drawn_up()
    desk.do(lambda tx: credentials.keep_signature(tx, order.id, "jwt", "key"))
    desk.do(lambda tx: credentials.put_in_force(tx, order.id))
    assert desk.do(lambda tx: credentials.held(tx, "mia", BADGE["id"]))["id"] == order.id
    assert desk.do(lambda tx: credentials.held(tx, "cora", BADGE["id"])) is None
    clock.move(timedelta(days=730))
    assert desk.do(lambda tx: credentials.held(tx, "mia", BADGE["id"])) is None


def test_what_is_not_there_is_none(desk: Desk) -> None:
    assert desk.do(lambda tx: credentials.end(tx, "nothing", CredentialState.REVOKED, "")) is None
    assert desk.do(lambda tx: credentials.put_in_force(tx, "nothing")) is None
