"""Shutting somebody out: what they hold falls away, what they are waits for them, and somebody always administers."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from tests.store.conftest import Scene, code

from placet.domain.audit import REGISTRY
from placet.domain.membership import NewMember
from placet.domain.session import SessionRules
from placet.store import departure, membership, people, sessions, signals
from placet.store import tables as t
from placet.store.acts import NotVisible
from placet.store.engine import Tx


def shut_out(scene: Scene, who: str, by: str = "carl", reason: str = "") -> bool:
    def act(tx: Tx) -> bool:
        with departure.held(tx, who) as claims:
            return departure.deactivate(tx, by, who, claims, reason=reason)

    done = scene.do(act)
    scene.know(who)
    return done


def let_in(scene: Scene, who: str) -> None:
    scene.do(lambda tx: departure.reactivate(tx, "carl", who))
    scene.know(who)


def test_what_somebody_holds_falls_away_and_their_grants_stay(scene: Scene) -> None:
    scene.ask()
    scene.act("claim", "olga")
    olga, grants = scene.person_of("olga"), scene.know("olga").grants
    scene.do(lambda tx: people.issue_token(tx, "olga", "olga", "laptop", "plc_olga"))
    secret = scene.do(lambda tx: sessions.open_session(tx, "olga", "password", "browser"))
    number = scene.do(lambda tx: sessions.invite(tx, "carl", "olga", timedelta(days=1)))
    scene.do(lambda tx: signals.issue(tx, olga, scene.task))
    assert shut_out(scene, "olga", reason="She has left.")
    now = scene.clock.time
    ended = [row["ended_at"] for row in scene.rows(sa.select(t.session).where(t.session.c.person_id == "olga"))]
    assert (secret != "", ended) == (True, [now])
    assert scene.rows(sa.select(t.invitation.c.expires_at).where(t.invitation.c.id == number))[0]["expires_at"] == now
    assert [row["expires_at"] for row in scene.rows(sa.select(t.signal_token))] == [now]
    assert scene.rows(sa.select(t.claim)) == []
    assert scene.know("olga").grants == grants
    assert scene.lines()[-1] == "task.unclaimed"
    assert scene.lines(REGISTRY)[-3:] == ["session.ended", "token.revoked", "person.active-set"]
    let_in(scene, "olga")
    assert scene.store.read_now(lambda tx: people.by_token(tx, "plc_olga")) is None


@pytest.mark.parametrize("by", ["an administrator", "a case"])
def test_what_outlived_an_earlier_departure_ends_when_somebody_comes_back(scene: Scene, by: str) -> None:
    scene.ask()
    olga = scene.person_of("olga")
    scene.do(lambda tx: people.issue_token(tx, "olga", "olga", "laptop", "plc_olga"))
    secret = scene.do(lambda tx: sessions.open_session(tx, "olga", "password", "browser"))
    scene.do(lambda tx: sessions.invite(tx, "carl", "olga", timedelta(days=1)))
    scene.do(lambda tx: signals.issue(tx, olga, scene.task))
    # As people were shut out before it ended what they held.
    scene.do(lambda tx: people.set_active(tx, "carl", "olga", False))
    if by == "a case":
        again = NewMember(person="olga", name=olga.name, email=olga.email)
        scene.do(lambda tx: membership.enter(tx, "k", "case-1", again))
    else:
        let_in(scene, "olga")
    now = scene.clock.time
    assert scene.know("olga").active
    assert scene.store.read_now(lambda tx: people.by_token(tx, "plc_olga")) is None
    assert scene.store.read_now(lambda tx: sessions.by_secret(tx, secret, SessionRules())) is None
    for table in (t.invitation, t.signal_token):
        assert [row["expires_at"] for row in scene.rows(sa.select(table.c.expires_at))] == [now]


def test_a_task_that_was_claimed_is_free_for_the_others(scene: Scene) -> None:
    scene.ask()
    scene.act("claim", "olga")
    assert code(scene.answer("omar")) == "claimed"
    shut_out(scene, "olga")
    assert code(scene.answer("omar")) == "counted"


def test_a_claim_that_came_in_at_the_last_moment_bars_nobody(scene: Scene) -> None:
    scene.ask()
    shut_out(scene, "olga")
    late = {"decision_id": scene.task, "person_id": "olga", "at": scene.clock.time}
    scene.do(lambda tx: tx.conn.execute(t.claim.insert().values(late)).rowcount)
    assert code(scene.answer("omar")) == "counted"


def test_whoever_comes_back_finds_what_was_put_and_passed_on_to_them(scene: Scene) -> None:
    scene.ask(*scene.named("olga"))
    scene.act("delegate", "olga", "boss")
    shut_out(scene, "boss")
    with pytest.raises(NotVisible):
        scene.answer("boss")
    let_in(scene, "boss")
    assert code(scene.answer("boss")) == "counted"


def test_nobody_is_written_to_who_is_shut_out(scene: Scene) -> None:
    shut_out(scene, "olga")
    scene.ask()
    assert scene.mails("asked") == ["omar", "otto"]


def test_the_last_administrator_stays(scene: Scene) -> None:
    scene.people(("root", "admin"), ("half", "admin@deals"))
    before = scene.lines(REGISTRY)
    assert not shut_out(scene, "root")
    assert (scene.know("root").active, scene.lines(REGISTRY)) == (True, before)
    scene.person("ada", "admin")
    assert shut_out(scene, "root") and not shut_out(scene, "ada")


def test_an_entry_that_is_taken_back_shuts_out_in_the_same_way(scene: Scene) -> None:
    nia = NewMember(person="nia", name="Nia", email="nia@x.example")
    scene.do(lambda tx: membership.enter(tx, "k", "case-1", nia))
    scene.know("nia")
    scene.ask(*scene.named("nia", "olga"))
    scene.act("claim", "nia")
    scene.do(lambda tx: people.issue_token(tx, "carl", "nia", "laptop", "plc_nia"))
    scene.do(lambda tx: membership.leave(tx, "k", "case-1", nia))
    assert (scene.know("nia").active, code(scene.answer("olga"))) == (False, "counted")
    live = sa.select(t.access_token).where(t.access_token.c.revoked_at.is_(None))
    assert scene.rows(live.where(t.access_token.c.person_id == "nia")) == []
