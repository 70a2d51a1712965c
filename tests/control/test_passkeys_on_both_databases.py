"""Passkeys, on SQLite and on Postgres: made, shown, counted, refused."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from placet.catalogue.registry import CATALOGUE
from placet.control.ceremonies import LIFE, Purpose, Site, site_of
from placet.control.control import Control
from placet.control.errors import Problem
from placet.control.passkeys import MOST, NewPasskey
from placet.control.sessions import Session
from placet.domain.people import Person
from placet.store import passkeys, people, sessions
from placet.store import tables as t
from placet.store.engine import Store
from samples.device import Device, text

SITE = Site("placet", "http://placet")
CLIENT = text(b'{"challenge": "AAAA"}')
NUL = json.dumps({"id": "AA\x00A", "response": {"clientDataJSON": CLIENT}})
CROSS = json.dumps({"id": "AAAA", "response": {"clientDataJSON": text(b'{"challenge": "AAAA", "crossOrigin": true}')}})


@pytest.fixture
async def control(store: Store) -> Control:
    def hire(tx: Any) -> None:
        people.add(tx, "placet", "ana", "Ana", "ana@example.org", ())
        people.add(tx, "placet", "eve", "Eve", "eve@example.org", ())

    await store.write(hire)
    return Control(store, CATALOGUE, lambda entry: {})


async def person(control: Control, who: str) -> Person:
    found = await control.door.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def signed_in(control: Control, who: str = "ana") -> Session:
    secret = await control.door.store.write(lambda tx: sessions.open_session(tx, who, "password", "x"))
    return await control.sessions.known(secret)


async def asked(control: Control, purpose: Purpose, session: Session | None = None, site: Site = SITE) -> Any:
    return json.loads(await control.passkeys.options(site, purpose, session))


async def made(control: Control, session: Session, device: Device, name: str = "Telephone", site: Site = SITE) -> str:
    options = await asked(control, Purpose.REGISTER, session, site)
    given = NewPasskey(name=name, passkey=device.make(options))
    return str((await control.passkeys.register(session, site, given)).value["id"])


async def shown(control: Control, device: Device, site: Site = SITE) -> str:
    return await control.passkeys.sign_in(site, device.show(await asked(control, Purpose.SIGN_IN, None, site)), "x")


async def lines(control: Control, chain: str) -> list[tuple[str, str, dict[str, Any]]]:
    a = t.audit.c
    query = sa.select(a.actor, a.action, a.detail).where(a.chain == chain).order_by(a.seq)
    return [tuple(row) for row in await control.door.read(lambda tx: tx.conn.execute(query).all())]


async def mails(control: Control) -> list[str]:
    query = sa.select(t.message.c.subject).order_by(t.message.c.created_at, t.message.c.key)
    return list(await control.door.read(lambda tx: tx.conn.execute(query).scalars().all()))


async def refused(doing: Any) -> str:
    with pytest.raises(Problem) as told:
        await doing
    return told.value.code


async def test_a_passkey_is_made_signs_in_confirms_and_is_removed(control: Control, clock: Any) -> None:
    device, session = Device(), await signed_in(control)
    number = await made(control, session, device)
    assert await mails(control) == ["A passkey was added to your account"]
    clock.move(timedelta(minutes=10))
    later = await control.sessions.known(await shown(control, device))
    assert (later.person.id, later.via, later.fresh) == ("ana", "passkey", True)
    clock.move(timedelta(minutes=10))
    assert later.fresh and not await _fresh(control, later.id)
    options = await asked(control, Purpose.CONFIRM, later)
    assert [one["id"] for one in options["allowCredentials"]] == [device.id]
    await control.passkeys.confirm(later, SITE, device.show(options))
    assert await _fresh(control, later.id)
    (mine,) = await control.passkeys.mine(later.person)
    assert (mine.id, mine.name, mine.used_at) == (number, "Telephone", clock.time)
    assert await refused(control.passkeys.remove(await person(control, "eve"), number)) == "not-found"
    await control.passkeys.remove(later.person, number)
    assert await refused(shown(control, device)) == "wrong-passkey"
    registry = [line for line in await lines(control, "@registry") if line[1].startswith("passkey.")]
    assert [(actor, action, detail["passkey"]) for actor, action, detail in registry] == [
        ("ana", "passkey.registered", number),
        ("ana", "passkey.confirmed", number),
        ("ana", "passkey.removed", number),
    ]
    assert "Telephone" not in str(registry)


async def _fresh(control: Control, session_id: str) -> bool:
    query = sa.select(t.session.c.confirmed_at).where(t.session.c.id == session_id)
    at, now = await control.door.read(lambda tx: (tx.conn.execute(query).scalar_one(), tx.now))
    return bool(at == now)


async def test_an_answer_counts_once_also_when_it_is_sent_twice_at_the_same_time(control: Control, clock: Any) -> None:
    device = Device()
    await made(control, await signed_in(control), device)
    answer = device.show(await asked(control, Purpose.SIGN_IN))
    both = await asyncio.gather(
        *(control.passkeys.sign_in(SITE, answer, "x") for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Problem", "str"]
    assert await refused(control.passkeys.sign_in(SITE, answer, "x")) == "stale-challenge"
    assert [line for line in await lines(control, "@refused") if line[0] == "ana"] == [
        ("ana", "account.sign-in", {"code": "stale-challenge"})
    ] * 2
    # What is past its time is forgotten, and refused all the same.
    clock.move(LIFE)
    assert await refused(control.passkeys.sign_in(SITE, answer, "x")) == "stale-challenge"
    await shown(control, device)
    kept = await control.door.read(lambda tx: tx.conn.execute(sa.select(t.passkey_challenge)).all())
    assert len(kept) == 1


async def test_a_challenge_is_good_for_its_purpose_its_session_and_a_few_minutes(control: Control, clock: Any) -> None:
    device, here, there = Device(), await signed_in(control), await signed_in(control)
    await made(control, here, device)
    confirming = device.show(await asked(control, Purpose.CONFIRM, here))
    assert await refused(control.passkeys.sign_in(SITE, confirming, "x")) == "stale-challenge"
    assert await refused(control.passkeys.confirm(there, SITE, confirming)) == "stale-challenge"
    await control.passkeys.confirm(here, SITE, confirming)
    forged = (await asked(control, Purpose.SIGN_IN)) | {"challenge": "A" * 75}
    assert await refused(control.passkeys.sign_in(SITE, device.show(forged), "x")) == "stale-challenge"
    late = device.show(await asked(control, Purpose.SIGN_IN))
    clock.move(LIFE)
    assert await refused(control.passkeys.sign_in(SITE, late, "x")) == "stale-challenge"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://evil.example"},
        {"origin": "https://placet"},
        {"origin": "http://placet:81"},
        {"verified": False},
    ],
    ids=str,
)
async def test_another_address_or_an_owner_who_was_not_asked_proves_nothing(
    control: Control, wrong: dict[str, Any]
) -> None:
    device, session = Device(), await signed_in(control)
    await made(control, session, device)
    assert await refused(shown(control, replace(device, **wrong))) == "wrong-passkey"
    options = await asked(control, Purpose.REGISTER, session)
    given = NewPasskey(name="x", passkey=Device(**wrong).make(options))
    assert await refused(control.passkeys.register(session, SITE, given)) == "wrong-passkey"
    assert len(await control.passkeys.mine(session.person)) == 1


async def test_another_domain_another_key_and_another_person_prove_nothing(control: Control) -> None:
    device, other = Device(), Device()
    session, eve = await signed_in(control), await signed_in(control, "eve")
    await made(control, session, device)
    await made(control, eve, other)
    options = await asked(control, Purpose.SIGN_IN)
    for answer in (
        device.show(options | {"rpId": "evil.example"}),
        replace(device, key=other.key).show(options),
        replace(device, handle=other.handle).show(options),
        replace(device, handle=None).show(options),
    ):
        assert await refused(control.passkeys.sign_in(SITE, answer, "x")) == "wrong-passkey"
    confirming = other.show(await asked(control, Purpose.CONFIRM, session))
    assert await refused(control.passkeys.confirm(session, SITE, confirming)) == "wrong-passkey"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "x",
        "null",
        "[]",
        "{}",
        '{"response": 1}',
        '{"id": 1, "response": {"clientDataJSON": "e30"}}',
        NUL,
        CROSS,
        "[" * 9000,
    ],
)
async def test_what_no_browser_sends_is_refused_and_kept_in_the_log(control: Control, sent: str) -> None:
    assert await refused(control.passkeys.sign_in(SITE, sent, "x")) == "wrong-passkey"
    assert await lines(control, "@refused") == [("unknown", "account.sign-in", {"code": "wrong-passkey"})]


async def test_a_counter_that_falls_is_refused_audited_and_told(control: Control) -> None:
    device = Device()
    number = await made(control, await signed_in(control), device)
    copy = replace(device)
    for _ in range(3):
        await shown(control, device)
    before = await control.door.read(lambda tx: len(sessions.of_person(tx, "ana")))
    assert await refused(shown(control, copy)) == "copied-passkey"
    assert await control.door.read(lambda tx: len(sessions.of_person(tx, "ana"))) == before
    told = {"person": "ana", "passkey": number, "known": 3, "given": 1}
    assert ("ana", "passkey.refused", told) in await lines(control, "@registry")
    assert ("ana", "account.sign-in", {"code": "copied-passkey"}) in await lines(control, "@refused")
    assert "A passkey of yours may have been copied" in await mails(control)
    await shown(control, device)


async def test_a_device_that_does_not_count_may_be_used_again_and_again(control: Control) -> None:
    device = Device()
    await made(control, await signed_in(control), device)
    for _ in range(3):
        device.count = -1
        await shown(control, device)


async def test_of_two_uses_at_the_same_time_with_one_count_one_is_taken(control: Control) -> None:
    device = Device()
    number = await made(control, await signed_in(control), device)
    write = control.door.store.write
    both = await asyncio.gather(*(write(lambda tx: passkeys.used(tx, number, 1)) for _ in range(2)))
    assert sorted(both, key=bool) == [False, True]


async def test_adding_one_takes_fresh_confirmation_a_new_key_and_room(control: Control) -> None:
    device, session = Device(), await signed_in(control)
    stale = replace(session, fresh=False)
    assert await refused(control.passkeys.options(SITE, Purpose.REGISTER, stale)) == "confirm-first"
    options = await asked(control, Purpose.REGISTER, session)
    given = NewPasskey(name="x", passkey=device.make(options))
    assert await refused(control.passkeys.register(stale, SITE, given)) == "confirm-first"
    await control.passkeys.register(session, SITE, given)
    assert await refused(made(control, await signed_in(control, "eve"), device)) == "passkey-exists"
    for _ in range(MOST - 1):
        await made(control, session, Device())
    assert await refused(made(control, session, Device())) == "too-many-passkeys"


async def test_who_is_no_longer_active_does_not_sign_in(control: Control) -> None:
    device = Device()
    await made(control, await signed_in(control), device)
    leave = t.person.update().where(t.person.c.id == "ana").values(active=False)
    await control.door.store.write(lambda tx: tx.conn.execute(leave))
    assert await refused(shown(control, device)) == "wrong-passkey"


@pytest.mark.parametrize(
    ("base_url", "host", "site"),
    [
        ("https://placet.example", "evil.example", Site("placet.example", "https://placet.example")),
        ("https://Placet.example:443/", "x", Site("placet.example", "https://placet.example")),
        ("https://placet.example:8443/sub", "x", Site("placet.example", "https://placet.example:8443")),
        ("http://127.0.0.1:8400", "localhost:8400", Site("localhost", "http://localhost:8400")),
        ("http://localhost:8400", "placet.localhost", Site("placet.localhost", "http://placet.localhost")),
        ("http://127.0.0.1:8400", "127.0.0.1:8400", None),
        ("http://[::1]:8400", "[::1]:8400", None),
        ("http://127.0.0.1:8400", "evil.example", None),
        ("http://127.0.0.1:8400", "evil-localhost", None),
        ("http://127.0.0.1:8400", "localhost:x", None),
        ("http://127.0.0.1:8400", "", None),
        ("https://192.0.2.7", "localhost", None),
    ],
)
def test_what_passkeys_belong_to(base_url: str, host: str, site: Site | None) -> None:
    assert site_of(base_url, host) == site
