"""People, grants, tokens, links, and the mails that decisions cause."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.conftest import SECRET
from tests.store.conftest import DAY, Scene

from placet.domain.audit import REGISTRY
from placet.domain.collection import DocumentRequest
from placet.domain.people import Audience, External, Grant, Role
from placet.domain.span import Span
from placet.store import notices, people
from placet.store import tables as t
from placet.store.house import BadLink, House, LinkExpired

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = External(name="Ann Outside", email=" Ann@Example.org ")


def test_grants_are_replaced_and_each_change_is_a_line(scene: Scene) -> None:
    new = [Grant(role="legal", scope="deals"), Grant(role="legal", scope="deals"), Grant(role="admin")]
    scene.do(lambda tx: people.set_grants(tx, "boss", "olga", new))
    assert set(scene.know("olga").grants) == {Grant(role="legal", scope="deals"), Grant(role="admin")}
    assert scene.lines(REGISTRY)[-1] == "person.grants-set"


def test_a_token_names_its_person_until_it_is_revoked_or_they_leave(scene: Scene) -> None:
    token = scene.do(lambda tx: people.issue_token(tx, "boss", "olga", "laptop"))
    assert token.startswith("plc_")

    def owner() -> str | None:
        found = scene.store.read_now(lambda tx: people.by_token(tx, token))
        return found.id if found else None

    assert owner() == "olga"
    assert token not in str(scene.rows(sa.select(t.access_token))) + str(scene.rows(sa.select(t.audit)))
    scene.do(lambda tx: tx.conn.execute(t.person.update().where(t.person.c.id == "olga").values(active=False)))
    assert owner() is None
    scene.do(lambda tx: tx.conn.execute(t.person.update().values(active=True)))
    scene.do(lambda tx: tx.conn.execute(t.access_token.update().values(revoked_at=tx.now)))
    assert owner() is None
    assert scene.store.read_now(lambda tx: people.by_token(tx, "plc_invented")) is None


def test_somebody_outside_is_admitted_once_and_has_no_rights(scene: Scene) -> None:
    for _ in range(2):
        scene.do(lambda tx: people.admit_external(tx, ANN))
    found = scene.know("ext:ann@example.org")
    assert (found.external, found.email, found.grants) == (True, "ann@example.org", ())
    assert scene.lines(REGISTRY).count("person.added") == 8


def test_everybody_meant_is_addressed_once(scene: Scene) -> None:
    scene.people(("lena", "officer"), ("away", "officer@funds"))
    scene.do(lambda tx: people.admit_external(tx, ANN))
    to: list[Audience] = [Role(name="officer"), Role(name="officer", scope="funds"), ANN, *scene.named("olga", "boss")]
    found = scene.store.read_now(lambda tx: people.addressees(tx, to, "deals"))
    assert " ".join(row[0] for row in found) == "away boss ext:ann@example.org lena olga omar otto"
    assert scene.store.read_now(lambda tx: people.addressees(tx, (), "deals")) == []


def test_a_message_is_written_once_by_its_key(scene: Scene) -> None:
    heard = list[str]()
    scene.store.listen("mail", lambda: heard.append("mail"))
    to = ("olga", "Olga", "olga@example.org")
    scene.do(lambda tx: notices.queue(tx, "k", to, "a\r\nBcc: first", "first"))
    scene.do(lambda tx: notices.queue(tx, "k", to, "another", "second"))
    rows = scene.rows(sa.select(t.message))
    assert [(row["text"], row["subject"]) for row in rows] == [("first", "a Bcc: first")]
    assert heard == ["mail"]


def test_who_is_asked_is_told_what_silence_does(scene: Scene) -> None:
    scene.ask(within=Span("1d"), silence="refuse", instructions="Read it well.", excluded={"otto": "yours"})
    assert scene.mails("asked") == ["olga", "omar"]
    text = scene.rows(sa.select(t.message.c.text))[0]["text"]
    assert "Read it well." in text
    assert "/tasks/case-1.review.1" in text
    assert "by 3 March 2026 09:00 UTC; after that it counts as “Refuse”." in text


def test_who_is_asked_is_told_what_really_follows(scene: Scene) -> None:
    scene.ask(within=Span("1d"), lapse="you are asked again")
    text = scene.rows(sa.select(t.message.c.text))[0]["text"]
    assert "Please answer by 3 March 2026 09:00 UTC; after that, you are asked again." in text


def test_who_is_asked_for_documents_is_told_which_and_why_again(scene: Scene) -> None:
    wanted = (
        DocumentRequest(name="identity", title="Passport"),
        DocumentRequest(name="address", reason="It is older than three months."),
    )
    scene.ask(documents=wanted)
    text = scene.rows(sa.select(t.message.c.text))[0]["text"]
    assert "What is asked for: Passport and address.\n\naddress: It is older than three months." in text


def test_people_are_found_by_what_others_call_them(scene: Scene) -> None:
    scene.people(("twin", "officer"), ("twins", "officer"))
    scene.do(
        lambda tx: tx.conn.execute(
            t.person.update().where(t.person.c.id.in_(("twin", "twins"))).values(name="Tom Twin")
        )
    )
    scene.do(lambda tx: people.admit_external(tx, ANN))

    def called(text: str) -> str:
        return scene.store.read_now(lambda tx: people.called(tx, text))

    assert [called(text) for text in ("olga", "Olga", "oLGA", "OLGA@example.org")] == ["olga"] * 4
    for nobody in ("Tom Twin", "ann@example.org", "Ann", "nobody", ""):
        assert called(nobody) == nobody


def test_somebody_outside_gets_a_link_that_leads_to_their_task(scene: Scene) -> None:
    scene.ask(ANN)
    row = scene.rows(sa.select(t.message))[0]
    token = row["text"].split("/l/")[1].split()[0]
    read = scene.store.house.read_link(token, scene.clock.time)
    assert (row["person_id"], read) == ("ext:ann@example.org", ("case-1.review.1", "ext:ann@example.org"))


def test_the_end_is_told_to_the_requester_and_to_all_who_acted(scene: Scene) -> None:
    scene.ask()
    scene.answer("olga")
    scene.close()
    scene.close()
    assert scene.mails("closed") == ["olga", "rita"]


def test_a_link_is_good_until_it_expires(house: House) -> None:
    token = house.link_token("case-1.review.1", "ext:ünï@example.org", START)
    just_before = START + house.link_life - timedelta(seconds=1)
    assert house.read_link(token, just_before) == ("case-1.review.1", "ext:ünï@example.org")
    with pytest.raises(LinkExpired):
        house.read_link(token, START + house.link_life)


def test_a_link_that_was_changed_or_signed_elsewhere_is_refused(house: House) -> None:
    token = house.link_token("case-1.review.1", "ann", START)
    body, signature = token.split(".")
    other = House(secret=SECRET + "!").link_token("case-1.review.1", "ann", START)
    forged = House(secret=SECRET).link_token("case-2.review.1", "ann", START).split(".")[0]
    wrong = [
        "",
        ".",
        "x",
        body,
        f"{body}.",
        f".{signature}",
        f"{forged}.{signature}",
        other,
        f"{token}=x",
        "ü.ü",
        token[1:],
    ]
    for damaged in wrong:
        with pytest.raises(BadLink, match="damaged"):
            house.read_link(damaged, START)


def test_without_a_proper_secret_no_link_is_signed() -> None:
    with pytest.raises(RuntimeError, match="at least 32 characters"):
        House(secret="short").link_token("t", "p", START)


def test_a_link_in_a_reminder_is_as_good_as_the_first(scene: Scene) -> None:
    scene.ask(ANN)
    first = scene.rows(sa.select(t.message.c.text))[0]["text"]
    scene.clock.move(DAY)
    token = first.split("/l/")[1].split()[0]
    assert scene.store.house.read_link(token, scene.clock.time)[0] == "case-1.review.1"
