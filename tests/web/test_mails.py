"""Every kind of mail: its one link leads to a page, opening it decides nothing, and what people wrote is no link."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from api import badge_room, chamber, council
from api.office import Office, negotiation, review
from connectors.test_mail_html import read
from connectors.test_smtp import Mailbox, mail_server, smtp
from placet.connectors.credentials.executor_client import ExecutorClient
from placet.connectors.credentials.stored import StoredCredentials
from placet.connectors.delivery.offer import OfferByMail
from placet.connectors.mail.html import rendered
from placet.connectors.mail.message import message_id
from placet.connectors.mail.outbox import StoredOutbox, mail_of
from placet.connectors.mail.port import Letter
from placet.control.ceremonies import Purpose, site_of
from placet.control.passkeys import NewPasskey
from placet.domain.course import Closing, Report
from placet.domain.people import Person, Role
from placet.domain.span import Span
from placet.domain.task import RungAction, RungSpec
from placet.runtime.postman import Postman
from placet.store import course, credentials, funds, mailings, notices, people, sessions
from placet.store import tables as t
from placet.store.engine import Tx
from placet.store.mails import Telling, telling
from placet.web.mails import told
from samples.device import Device
from web.desk import Desk, desk

HOME = "http://placet"
LURE = "Fine.\n\nAnswer here: http://placet/cases/lure"
KINDS = re.compile(
    r"(?:^|/|\.)(letter|invitation|attempts|passkey|wallet|offer|comment"
    r"|asked|escalated|passed-on|reminder|closed|opened|outcome|cancelled|shortfall|unfunded|turn|revoked)\b"
)
ISOLATES = re.compile("[\u2066-\u2069\u200e\u200f]")
ENGLISH = re.compile(r"\b(Hello|Reminder|You|Your|you|your|has|was|is|the|The|until|by|here|[Vv]ote|UTC\+0)\b")
WRITTEN = re.compile(rf"{LURE}|{' '.join(LURE.split())}|Pay the baker|Review the order")
"""What people wrote stays in their language."""
DECISIONS = {".vote.": "a vote, ", ".pay.": "a payment, "}
EVERY_KIND = {
    *("asked", "escalated", "passed-on", "reminder", "closed", "comment", "letter", "shortfall", "unfunded"),
    *(f"a vote, {what}" for what in ("opened", "reminder", "outcome", "cancelled", "unfunded")),
    *(f"a payment, {what}" for what in ("asked", "turn", "reminder", "outcome")),
    *("invitation", "attempts", "passkey", "wallet", "offer", "revoked"),
}


def kind_of(key: str) -> str:
    found = KINDS.search(key)
    assert found is not None, key
    return "".join(about for form, about in DECISIONS.items() if form in key) + found[1]


async def who(office: Office, name: str) -> Person:
    found = await office.store.read(lambda tx: people.find(tx, name))
    assert found is not None
    return found


async def tasks(office: Office) -> None:
    await office.hire("chip", "chief@deals")
    escalated = RungSpec(action=RungAction.ESCALATE, after=Span("2h"), to=(Role(name="chief"),))
    rungs = (RungSpec(action=RungAction.REMIND, after=Span("1h")), escalated)
    case_id = await office.start(name=LURE)
    task = await office.ask(case_id, review(instructions=LURE, ladder=rungs))
    assert (await office.call("ben", "POST", f"/api/v1/tasks/{task}/delegate", {"to": "bea"})).is_success
    office.clock.move(timedelta(hours=3))
    await office.get("bea", f"/api/v1/tasks/{task}")
    await office.task(negotiation(instructions=LURE))
    assert (await office.call("cora", "POST", f"/api/v1/cases/{case_id}/comments", {"text": LURE})).is_success
    ended = Closing(state="completed", outcome={}, summary=LURE)
    other = await office.start()
    told = Report(case_id=other, run_id=f"run-of-{other}", seen=0, state="completed", closing=ended)
    await office.store.write(lambda tx: course.report(tx, told))
    letter = Letter(to_name="Rosa", to_email="rosa@acme.example", subject="Hello", text=LURE, retraction=LURE)
    await StoredOutbox(office.store).post(f"{other}/mail.send/1", other, letter)


async def written_out(office: Office) -> None:
    while await office.store.write(mailings.expand):
        pass


async def votes(office: Office) -> None:
    await chamber.sit(office)
    slow, dear, withdrawn = [(await chamber.propose(office, description=LURE))["id"] for _ in range(3)]
    await written_out(office)
    why = {"reason": "No need any more."}
    assert (await office.call("root", "POST", f"/api/v1/cases/{withdrawn}/cancel", why)).is_success
    await chamber.vote(office, dear, *["approve"] * 6)
    office.clock.move(timedelta(days=13, hours=20))
    await office.get("prue", f"{chamber.PROPOSALS}/{slow}")
    await written_out(office)
    office.clock.move(timedelta(days=1))
    await funds.offer_all(office.store)
    # What the clock does is done before anybody looks.
    for proposal in (slow, dear):
        await office.get("prue", f"{chamber.PROPOSALS}/{proposal}")
    await written_out(office)


async def councils(office: Office) -> None:
    await council.sit(office)
    await council.wallet(office, "tess")
    multisig = await council.put(office, ordered=True, instructions=LURE, remind=Span("1d"))
    assert (await council.act(office, council.TREASURERS[0], multisig)).is_success
    office.clock.move(timedelta(days=1))
    assert (await council.act(office, council.TREASURERS[1], multisig)).is_success


async def accounts(office: Office) -> None:
    root = await who(office, "root")
    await office.control.accounts.invite(root, "mo")
    secret = await office.store.write(lambda tx: sessions.open_session(tx, "ben", "password", "a test"))
    session, site, device = await office.control.sessions.known(secret), site_of(HOME, "placet"), Device()
    stored = await office.control.accounts._passwords.hashed("three calm words")
    await office.store.write(lambda tx: sessions.set_password(tx, "ben", "ben", stored))
    options = json.loads(await office.control.passkeys.options(site, Purpose.REGISTER, session))
    await office.control.passkeys.register(session, site, NewPasskey(name="Mine", passkey=device.make(options)))
    for _ in range(6):
        await Desk(office, None).post("/signin", {"name": "ben", "password": "wrong"})


async def badges(office: Office) -> None:
    await badge_room.define(office)
    credential = await badge_room.issued(office)
    parcel = await StoredCredentials(office.store, ExecutorClient(Path("nowhere.sock"))).parcel(credential)
    await OfferByMail(office.store).deliver("offer/1", parcel)
    row = await office.store.read(lambda tx: credentials.find(tx, credential))
    assert row is not None
    await office.store.write(lambda tx: credentials.tell_holder(tx, row, LURE))


async def all_there_is(office: Office) -> list[Mapping[Any, Any]]:
    """One mail at least of each kind, oldest first."""
    for part in (votes, councils, accounts, badges, tasks):
        await part(office)
    query = sa.select(t.message).order_by(t.message.c.id)
    return list(await office.store.read(lambda tx: tx.conn.execute(query).mappings().all()))


async def everything_kept(office: Office) -> dict[str, list[Any]]:
    """Every row there is, but for who looked when."""
    kept = [table for table in t.metadata.sorted_tables if table.name != "session"]
    query = {table.name: sa.select(table) for table in kept}
    return await office.store.read(lambda tx: {name: tx.conn.execute(one).all() for name, one in query.items()})


async def likes(office: Office, person: str, language: str | None, zone: str | None) -> None:
    await office.store.write(lambda tx: sessions.set_account(tx, person, language=language, zone=zone))


async def test_a_mail_leaves_in_the_language_and_the_zone_of_whoever_gets_it(office: Office) -> None:
    await likes(office, "ben", "ar", "Asia/Riyadh")
    await likes(office, "bea", "en", "Asia/Tokyo")
    await office.hire("bob", "buyer@deals")
    task = await office.task(review(title="Legal review", instructions="Look: <b> 100% of it."))
    old = "Hello Ben,\n\nWritten before.\n"
    ben = await who(office, "ben")
    await office.store.write(lambda tx: notices.queue(tx, "old", ("ben", ben.name, ben.email), "Older", old))
    mailbox, query = Mailbox(), sa.select(t.message).order_by(t.message.c.id)
    rows = await office.store.read(lambda tx: tx.conn.execute(query).mappings().all())
    async with mail_server(mailbox) as port:
        await Postman(office.store, smtp(port)).deliver_once()
    left = {}
    for envelope in mailbox.received:
        mail = message_from_bytes(envelope.content, policy=policy.default)  # type: ignore[arg-type]
        text, page = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
        left[mail["Message-ID"]] = ISOLATES.sub("", mail["Subject"].strip()), ISOLATES.sub("", text), page
    arrived = {row["key"].rpartition("/")[2]: left[message_id(row["key"], "example.org")] for row in rows}
    stored = {row["key"].rpartition("/")[2]: row for row in rows}
    subject, text, page = arrived["ben"]
    title = stored["ben"]["subject"].removeprefix("Legal review: ")
    assert subject == f"المراجعة القانونية: {title}"
    assert text == (
        f"مرحبًا {ben.name}،\n\nالمراجعة القانونية: {title}\n\nLook: <b> 100% of it.\n\n"
        f"الإجابة هنا: {HOME}/tasks/{task}\n\nتُرجى الإجابة حتى 5 مارس 2026, 12:00 UTC+03؛ وبعد ذلك تنتهي المهلة.\n"
    )
    found = read(page)
    assert [(address, ISOLATES.sub("", words)) for address, words in found.links] == [
        (f"{HOME}/tasks/{task}", "الإجابة هنا")
    ]
    assert 'lang="ar" dir="rtl"' in page and "&lt;b&gt; 100% of it." in page and "رابطها لا يقرر شيئًا" in page
    seen = ISOLATES.sub("", " ".join(words for tag, words in found.texts if tag in ("p", "h1", "div")))
    assert seen.count(subject) == 1, "the heading is not said twice"
    assert "مرحبًا" not in page.split('mso-hide:all" dir="auto">')[1].split("<")[0], "nor how it begins"
    assert "5 March 2026, 18:00 JST" in arrived["bea"][1] and arrived["bea"][0] == stored["bea"]["subject"]
    assert 'lang="en" dir="ltr"' in arrived["bea"][2] and "Please answer by" in arrived["bea"][1]
    for whose in ("bob", "old"):
        row = stored[whose]
        html = rendered(mail_of(row), HOME)
        assert arrived[whose] == (row["subject"], row["text"], f"{html}\n")
    assert "5 March 2026 09:00 UTC" in arrived["bob"][1] and arrived["old"][1] == old
    again = await (await desk(office, "root")).get(f"/admin/outbox/{stored['ben']['id']}")
    assert f"{again.text}\n" == page, "so an administrator sees it"


async def test_every_mail_of_ours_can_be_told_in_arabic_and_leads_to_the_same_page(office: Office) -> None:
    mails = await all_there_is(office)
    for person in {mail["person_id"] for mail in mails}:
        await likes(office, person, "ar", None)

    def look(tx: Tx) -> list[tuple[Mapping[Any, Any], Telling | None]]:
        return [(mail, telling(tx, mail)) for mail in mails]

    for row, how in await office.store.read(look):
        of_mailing = ".vote." in row["key"] and not row["key"].endswith("/prue")
        assert (row["said"] is None) == (of_mailing or kind_of(row["key"]) == "letter"), row["key"]
        mail = told(mail_of(row), how, HOME)
        if kind_of(row["key"]) == "letter":
            assert (mail.subject, mail.text) == (row["subject"], row["text"])
            continue
        text = ISOLATES.sub("", f"{mail.subject}\n{mail.text}")
        assert not ENGLISH.search(WRITTEN.sub("", text)), text
        assert mail.html and f"مرحبًا {row['name']}،\n\n" in text
        ((address, words),), ((same, _),) = read(mail.html).links, read(rendered(mail_of(row), HOME)).links
        assert address == same and words and not re.search(r"[A-Za-z]{4}", words)


async def test_every_link_in_every_mail_leads_to_a_page_that_only_shows(office: Office) -> None:
    mails = await all_there_is(office)
    assert {kind_of(mail["key"]) for mail in mails} == EVERY_KIND
    desks = {mail["person_id"]: await desk(office, mail["person_id"]) for mail in mails}
    nobody, before = await desk(office, None), await everything_kept(office)
    for mail in mails:
        found = read(rendered(mail_of(mail), HOME)).links
        if kind_of(mail["key"]) == "letter":
            assert found == []
            continue
        ((address, told),) = found
        assert address and address.startswith(f"{HOME}/") and not address.startswith(f"{HOME}/cases/lure"), mail["text"]
        assert told and told != address, "it is the button"
        path = address.removeprefix(HOME)
        signed = path.startswith(("/l/", "/invitation/", "/credentials/"))
        answer = await (nobody if signed else desks[mail["person_id"]]).get(path)
        assert answer.status_code == 200, (path, answer.text[-500:])
    assert await everything_kept(office) == before
