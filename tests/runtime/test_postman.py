"""Mail leaves the outbox: stored ones together, sent ones each marked before it leaves; nothing is lost on the way."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from tests.conftest import ManualClock
from tests.connectors.test_smtp import Mailbox, mail_server, smtp

from placet.connectors.mail.message import message_id
from placet.connectors.mail.port import DeliveryReceipt, DeliveryStatus, Mail, MailUnavailable
from placet.connectors.mail.stored import StoredMail
from placet.runtime import postman
from placet.runtime.chore import carry_on
from placet.runtime.postman import Postman
from placet.store import notices
from placet.store import tables as t
from placet.store.engine import Store, StoreUnavailable, Tx

PATIENCE_SECONDS, LOOK_SECONDS = 60.0, 0.005
ZOE = ("zoe", "Zoe", "zoe@example.com")


class Post:
    """A transport that hands on only while it may, and remembers what it saw of each mail as it left."""

    longest = timedelta(seconds=30)

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open = True
        self.left: list[tuple[str, str]] = []

    async def deliver(self, mail: Mail) -> DeliveryReceipt:
        state = t.message.c.state
        seen = await self._store.read(lambda tx: tx.conn.execute(sa.select(state).where(_m.key == mail.key)).scalar())
        self.left.append((mail.key, str(seen)))
        if not self.open:
            raise MailUnavailable("closed")
        return DeliveryReceipt(status=DeliveryStatus.ACCEPTED, message_id=mail.key)


_m = t.message.c


async def queue(store: Store, *keys: str, to: tuple[str, str, str] = ZOE) -> None:
    def queued(tx: Tx) -> None:
        for key in keys:
            notices.queue(tx, key, to, "Subject", "Text")

    await store.write(queued)


async def states(store: Store) -> dict[str, tuple[str, int]]:
    """State and attempts of each mail."""
    query = sa.select(_m.key, _m.state, _m.attempts)
    return {row.key: (row.state, row.attempts) for row in await store.read(lambda tx: tx.conn.execute(query).all())}


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await look():
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def running(chore: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(chore)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_stored_mails_are_marked_together_and_a_wrong_address_holds_up_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "a", "b")
    await queue(store, "c", to=("x", "X", "nobody"))
    await queue(store, "d")
    writes: list[Any] = []
    write = store.write

    async def counted(fn: Callable[[Tx], Any]) -> Any:
        writes.append(fn)
        return await write(fn)

    monkeypatch.setattr(store, "write", counted)
    assert await Postman(store, StoredMail()).deliver_once() == 4
    assert len(writes) == 1
    kept = ("stored", 1)
    assert await states(store) == {"a": kept, "b": kept, "c": ("refused", 1), "d": kept}
    assert await Postman(store, StoredMail()).deliver_once() == 0


async def test_a_batch_of_stored_mails_that_fails_leaves_every_mail_where_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue(store, "a", "b")

    class Broken(StoredMail):
        def accept(self, mail: Mail) -> DeliveryReceipt:
            if mail.key == "b":
                raise RuntimeError("broken")
            return super().accept(mail)

    with pytest.raises(RuntimeError):
        await Postman(store, Broken()).deliver_once()
    assert await states(store) == {"a": ("queued", 0), "b": ("queued", 0)}


async def test_a_mail_is_marked_as_being_sent_before_it_leaves(store: Store) -> None:
    post = Post(store)
    await queue(store, "a", "b")
    assert await Postman(store, post).deliver_once() == 2
    assert post.left == [("a", "sending"), ("b", "sending")]
    assert await states(store) == {"a": ("sent", 1), "b": ("sent", 1)}


async def test_a_mail_arrives_as_text_and_as_a_page_and_a_repeat_is_known_by_its_message_id(store: Store) -> None:
    mailbox, page = Mailbox(), store.house.page("/tasks/order-1.review.1")
    text = f"Hello Zoë,\n\nGrüße <b>\n\nAnswer here: {page}\n"
    await store.write(lambda tx: notices.queue(tx, "order-1.review.1/asked/zoe", ZOE, "Prüfen: <i>", text))
    async with mail_server(mailbox) as port:
        for _ in range(2):
            assert await Postman(store, smtp(port)).deliver_once() == 1
            # It had left when the process died, and nobody noted it.
            await store.write(lambda tx: tx.conn.execute(t.message.update().values(state="sending", next_at=tx.now)))
    first, again = (message_from_bytes(envelope.content, policy=policy.default) for envelope in mailbox.received)  # type: ignore[arg-type]
    assert first["Message-ID"] == again["Message-ID"] == message_id("order-1.review.1/asked/zoe", "example.org")
    assert first.get_content_type() == "multipart/alternative"
    plain, html = (part.get_content() for part in first.iter_parts())
    assert (plain.replace("\r\n", "\n"), html) == (text, again.get_body(("html",)).get_content())
    assert re.findall(r'<a [^>]*href="([^"]*)"', html) == [page]
    assert "Grüße &lt;b&gt;" in html and "<title>Prüfen: &lt;i&gt;</title>" in html and "\r\n" in html


async def test_the_link_of_an_invitation_is_kept_until_it_has_left_and_no_longer(store: Store) -> None:
    await queue(store, "invitation/1/zoe", "other")
    post = Post(store)
    post.open = False

    async def texts() -> dict[str, str]:
        query = sa.select(_m.key, _m.text)
        return {row.key: row.text for row in await store.read(lambda tx: tx.conn.execute(query).all())}

    await Postman(store, post).deliver_once()
    assert await texts() == {"invitation/1/zoe": "Text", "other": "Text"}, "it goes again, so it is needed"
    post.open = True
    await store.write(lambda tx: tx.conn.execute(t.message.update().values(next_at=tx.now)))
    await Postman(store, post).deliver_once()
    assert {state for state, _ in (await states(store)).values()} == {"sent"}
    assert await texts() == {"invitation/1/zoe": postman.INVITED, "other": "Text"}


async def test_the_link_of_somebody_outside_is_kept_until_it_has_left_and_no_longer(store: Store) -> None:
    text = "Answer here: http://placet.test/l/secret-of-theirs\n"
    await store.write(lambda tx: notices.queue(tx, "asked", ZOE, "Subject", text))
    post = Post(store)

    async def kept() -> str:
        return str(await store.read(lambda tx: tx.conn.execute(sa.select(_m.text)).scalar_one()))

    post.open = False
    await Postman(store, post).deliver_once()
    assert await kept() == text
    post.open = True
    await store.write(lambda tx: tx.conn.execute(t.message.update().values(next_at=tx.now)))
    await Postman(store, post).deliver_once()
    assert await kept() == "Answer here: http://placet.test/l/…\n"


async def test_where_mail_is_only_stored_an_invitation_can_still_be_handed_on(store: Store) -> None:
    await queue(store, "invitation/1/zoe")
    await Postman(store, StoredMail("example.org")).deliver_once()
    assert await store.read(lambda tx: tx.conn.execute(sa.select(_m.state, _m.text)).one()) == ("stored", "Text")


async def test_a_mail_whose_postman_died_on_the_way_goes_again_once_it_cannot_be_under_way(
    store: Store, clock: ManualClock
) -> None:
    post = Post(store)
    await queue(store, "a")
    assert await store.write(lambda tx: postman._claim(tx, post.longest)) is not None
    assert await Postman(store, post).deliver_once() == 0
    clock.move(post.longest + postman.MARGIN)
    assert await Postman(store, post).deliver_once() == 1
    assert await states(store) == {"a": ("sent", 2)}


async def test_a_mail_that_cannot_leave_waits_ever_longer_and_is_given_up_in_the_end(
    store: Store, clock: ManualClock
) -> None:
    post = Post(store)
    post.open = False
    await queue(store, "a")
    carrier = Postman(store, post)
    assert await carrier.deliver_once() == 1
    assert await carrier.deliver_once() == 0
    clock.move(timedelta(seconds=2))
    assert await carrier.deliver_once() == 1
    assert await states(store) == {"a": ("queued", 2)}
    clock.move(postman.GIVE_UP_AFTER)
    assert await carrier.deliver_once() == 1
    assert await states(store) == {"a": ("refused", 3)}


async def test_what_is_due_is_found_by_its_index_among_all_the_mail_there_has_been(store: Store) -> None:
    if not store.on_sqlite:
        pytest.skip("Postgres plans by the size of the table")
    told: list[str] = []

    def note(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if "FROM message" in statement:
            driver = conn.connection.driver_connection
            assert driver is not None
            told.extend(row[3] for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    def look(tx: Tx) -> None:
        sa.event.listen(tx.conn, "before_cursor_execute", note)
        postman._claim(tx, timedelta())

    await store.write(look)
    assert any("USING INDEX ix_message_next_at (next_at<?)" in line for line in told), told


async def test_the_postman_hears_of_a_mail_without_waiting_for_its_next_look(store: Store) -> None:
    async with running(Postman(store, StoredMail(), poll_seconds=10 * PATIENCE_SECONDS).run()):
        for key in ("a", "b"):
            await queue(store, key)
            await until(lambda key=key: _is_stored(store, key))  # type: ignore[misc]


async def _is_stored(store: Store, key: str) -> bool:
    return (await states(store))[key][0] == "stored"


async def test_a_chore_outlasts_a_database_that_is_away_and_goes_on_while_there_is_something_to_do(
    store: Store,
) -> None:
    answers: list[StoreUnavailable | int] = [StoreUnavailable("away"), 2, 1, 0]
    rested = asyncio.Event()

    async def do() -> int:
        if not answers:
            rested.set()
            return 0
        answer = answers.pop(0)
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer

    async with running(carry_on(store, "mail", do, poll_seconds=LOOK_SECONDS)), asyncio.timeout(PATIENCE_SECONDS):
        await rested.wait()
    assert not answers
