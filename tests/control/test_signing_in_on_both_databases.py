"""Accounts, sessions, invitations and tokens, on SQLite and on Postgres."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.control.accounts import Credentials
from placet.control.control import Control
from placet.control.door import Once
from placet.control.errors import Problem
from placet.control.people import NewToken
from placet.domain.people import Grant, Person
from placet.store import people
from placet.store import tables as t
from placet.store.engine import Store

WORD, OTHER = "three calm words", "four other calm words"


@pytest.fixture
async def control(store: Store) -> Control:
    def hire(tx: Any) -> None:
        people.add(tx, "placet", "root", "Root", "root@example.org", (Grant(role="admin"),))
        people.add(tx, "placet", "ana", "Ana", "Ana@Example.org", ())
        people.add(tx, "placet", "eve", "Eve", "shared@example.org", ())
        people.add(tx, "placet", "eva", "Eva", "shared@example.org", ())

    await store.write(hire)
    return Control(store, CATALOGUE, lambda entry: {})


async def person(control: Control, who: str) -> Person:
    found = await control.door.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def invited(control: Control, who: str) -> str:
    done = await control.accounts.invite(await person(control, "root"), who)
    return str(done.value["link"]).rpartition("/")[2]


async def refused(doing: Any) -> str:
    with pytest.raises(Problem) as told:
        await doing
    return told.value.code


async def test_from_the_invitation_to_signing_out_everywhere(control: Control, clock: Any) -> None:
    first = await control.accounts.accept(await invited(control, "ana"), WORD, "a telephone")
    session = await control.sessions.known(first)
    assert (session.person.id, session.fresh, session.has_password) == ("ana", True, True)
    second = await control.accounts.sign_in(Credentials(name="ANA@example.org", password=WORD), "a desk")
    clock.move(timedelta(minutes=10))
    session = await control.sessions.known(second)
    assert not session.fresh
    await control.accounts.confirm(session, WORD)
    session = await control.sessions.known(second)
    assert session.fresh
    assert [(one.device, one.current) for one in await control.sessions.mine(session)] == [
        ("a desk", True),
        ("a telephone", False),
    ]
    for weak in ("too short", "password123", "anaanaana1"):
        assert await refused(control.accounts.change_password(session, WORD, weak)) == "weak-password"
    await control.accounts.change_password(session, WORD, OTHER)
    assert await refused(control.sessions.known(first)) == "unauthenticated"
    await control.sessions.end_all(session.person)
    assert await refused(control.sessions.known(second)) == "unauthenticated"


async def test_an_address_that_two_people_share_names_neither(control: Control) -> None:
    for who in ("eve", "eva"):
        await control.accounts.accept(await invited(control, who), WORD, "x")
    given = Credentials(name="shared@example.org", password=WORD)
    assert await refused(control.accounts.sign_in(given, "x")) == "wrong-credentials"
    assert await control.accounts.sign_in(Credentials(name="eva", password=WORD), "x")


async def test_attempts_at_the_same_time_are_all_counted(control: Control) -> None:
    tried = Credentials(name="ana", password="wrong")
    codes = await asyncio.gather(*(refused(control.accounts.sign_in(tried, "x")) for _ in range(8)))
    assert codes.count("wrong-credentials") == 4 and codes.count("too-many-attempts") == 4


async def test_an_invitation_asked_for_again_under_its_key_has_the_same_link_which_no_answer_keeps(
    control: Control,
) -> None:
    root, once = await person(control, "root"), Once(key="k", fingerprint="f")
    first, again = [await control.accounts.invite(root, "ana", once) for _ in range(2)]
    assert (first.value, first.replayed, again.replayed) == (again.value, False, True)
    token = str(first.value["link"]).rpartition("/")[2]
    (kept,) = await control.door.read(lambda tx: tx.conn.execute(sa.select(t.idempotency.c.answer)).scalars().all())
    assert token not in str(kept) and token.rpartition(".")[2] not in str(kept)
    session = await control.sessions.known(await control.accounts.accept(token, WORD, "x"))
    assert session.person.id == "ana"


async def test_of_two_who_take_up_an_invitation_one_wins(control: Control) -> None:
    token = await invited(control, "ana")
    taken = await asyncio.gather(
        *(control.accounts.accept(token, word, "x") for word in (WORD, OTHER)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in taken) == ["Problem", "str"]


async def test_a_subject_is_linked_once_also_when_it_comes_twice_at_the_same_time(control: Control) -> None:
    claims = {"sub": "s1", "email": "ana@example.org", "email_verified": True}
    both = await asyncio.gather(
        *(control.accounts.by_identity("https://id.example", claims, None, "x") for _ in range(2))
    )
    assert len(set(both)) == 2
    for address in ("ana", "root", "", "@"):
        mere = {"sub": "s3", "email": address, "email_verified": True}
        assert await refused(control.accounts.by_identity("https://id.example", mere, None, "x")) == "unknown-identity"
    stranger = {"sub": "s2", "email": "ana@example.org", "email_verified": "false"}
    assert await refused(control.accounts.by_identity("https://id.example", stranger, None, "x")) == "unknown-identity"


async def test_tokens_are_revoked_by_their_person_or_an_administrator(control: Control) -> None:
    ana, root, eve = [await person(control, who) for who in ("ana", "root", "eve")]
    token = await control.tokens.make(ana, NewToken(label="mine"))
    assert (await control.people.authenticate(token)).id == "ana"
    (line,) = (await control.tokens.listed(root, "ana")).items
    assert await refused(control.tokens.listed(eve, "ana")) == "forbidden"
    assert await refused(control.tokens.revoke(eve, "ana", line.id)) == "forbidden"
    for _ in range(2):
        await control.tokens.revoke(root, "ana", line.id)
    assert await refused(control.people.authenticate(token)) == "unauthenticated"
    assert (await control.tokens.listed(ana, "ana")).items == []
