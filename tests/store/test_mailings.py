"""Mail to a whole electorate, in both databases: page by page, and to each person once."""

from collections import Counter

import pytest
import sqlalchemy as sa
from tests.store.assembly import Assembly
from tests.store.assembly import assembly as assembly
from tests.store.conftest import DAY, HOUR

from placet.store import course, mailings, notices
from placet.store import tables as t


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailings, "PAGE", 3)


def done(assembly: Assembly) -> dict[str, bool]:
    """Which mailings are written out, by kind."""
    return {row["kind"]: row["done_at"] is not None for row in assembly.rows(sa.select(t.mailing))}


@pytest.mark.parametrize(("voters", "pages"), [(0, [0]), (2, [2]), (3, [3, 0]), (7, [3, 3, 1])])
def test_every_voter_is_written_to_once_page_by_page(assembly: Assembly, voters: int, pages: list[int]) -> None:
    names = assembly.voters(voters)
    assembly.propose()
    assert assembly.mails() == []
    assert assembly.mail_out() == pages
    assert sorted(assembly.mails("/opened/")) == sorted(names)
    assert assembly.mail_out() == []


def test_the_proposer_is_no_voter_but_learns_the_outcome(assembly: Assembly) -> None:
    names = assembly.voters(5)
    assembly.propose()
    assembly.mail_out()
    assembly.approve(3)
    assembly.mail_out()
    assert sorted(assembly.mails("/opened/")) == names
    assert sorted(assembly.mails("/outcome/")) == ["prue", *names]


def test_a_page_that_is_written_again_after_a_restore_doubles_no_mail(assembly: Assembly) -> None:
    names = assembly.voters(7)
    assembly.propose()
    assembly.mail_out()
    assembly.do(lambda tx: tx.conn.execute(t.mailing.update().values(cursor="", done_at=None)))
    assert assembly.mail_out() == [0, 0, 0]
    assert Counter(assembly.mails()) == Counter(names)


def test_somebody_who_has_left_is_not_written_to_and_leaves_no_gap(assembly: Assembly) -> None:
    assembly.voters(7)
    assembly.propose()
    assembly.do(mailings.expand)
    for who in ("v1", "v3", "v4"):
        assembly.set_person(who, active=False)
    assembly.mail_out()
    assert assembly.mails() == ["v0", "v1", "v2", "v5", "v6"]


def test_older_mailings_are_written_out_before_younger_ones(assembly: Assembly) -> None:
    assembly.voters(4)
    assembly.propose("p1")
    assembly.propose("p2")
    assembly.mail_out()
    keys = [row["key"].partition(".")[0] for row in assembly.rows(sa.select(t.message.c.key).order_by(t.message.c.id))]
    assert keys == ["p1"] * 4 + ["p2"] * 4


def test_a_title_with_a_line_break_makes_no_second_header(assembly: Assembly) -> None:
    assembly.voters(1)
    assembly.propose()
    assembly.do(lambda tx: tx.conn.execute(t.mailing.update().values(text="Hello\n\nthere")))
    assembly.mail_out()
    assert all("\n" not in row["subject"] for row in assembly.rows(sa.select(t.message.c.subject)))


def remind(assembly: Assembly) -> None:
    """Nine voters, of whom five have voted; the countdown reaches the moment of the reminder."""
    assembly.voters(9)
    assembly.propose(early=None, remind_before="6h")
    assembly.approve(5)
    assembly.mail_out()
    assembly.clock.move(18 * HOUR)
    assembly.look()


def test_a_vote_between_two_pages_of_the_reminder_spares_its_voter_the_mail(assembly: Assembly) -> None:
    remind(assembly)
    # The first page holds those who have voted only.
    assembly.do(mailings.expand)
    assembly.do(mailings.expand)
    assert assembly.mails("/reminder/") == ["v5"]
    assembly.vote("v8")
    assembly.mail_out()
    assert assembly.mails("/reminder/") == ["v5", "v6", "v7"]
    assert done(assembly) == {"opened": True, "reminder": True}


def test_nobody_is_reminded_who_may_no_longer_vote(assembly: Assembly) -> None:
    remind(assembly)
    assembly.grant("v5")
    assembly.grant("v6", ("voter", "elsewhere"))
    assembly.set_person("v7", external=True)
    assembly.mail_out()
    assert assembly.mails("/reminder/") == ["v8"]


def test_nobody_is_told_of_an_open_vote_that_has_ended_meanwhile(assembly: Assembly) -> None:
    assembly.voters(5)
    assembly.propose()
    assembly.approve(3)
    assembly.mail_out()
    assert assembly.mails("/opened/") == []
    assert done(assembly) == {"opened": True, "outcome": True}


def test_voters_hear_that_what_they_were_asked_about_was_cancelled(assembly: Assembly) -> None:
    names = assembly.voters(5)
    assembly.propose()
    assembly.do(lambda tx: course.cancel_by(tx, "cora", assembly.case, "Not now"))
    assembly.mail_out()
    assert sorted(assembly.mails("/cancelled/")) == names


def test_voters_hear_that_what_they_approved_found_no_money(assembly: Assembly) -> None:
    names = assembly.voters(5)
    assembly.propose(amount=40)
    assembly.approve(3)
    assembly.clock.move(15 * DAY)
    assembly.look()
    assembly.mail_out()
    assert sorted(assembly.mails("/unfunded/")) == ["prue", *names]


def test_a_reminder_that_was_not_written_out_in_time_is_dropped(assembly: Assembly) -> None:
    remind(assembly)
    assembly.clock.move(DAY)
    assembly.look()
    assembly.mail_out()
    assert assembly.mails("/reminder/") == []
    assert done(assembly) == {"opened": True, "reminder": True, "outcome": True}


def test_the_end_of_the_case_writes_no_second_outcome_to_those_who_voted(assembly: Assembly) -> None:
    names = assembly.voters(5)
    assembly.propose()
    assembly.approve(3)
    assembly.mail_out()

    def close(tx: object) -> None:
        from placet.store.cases import locked

        with locked(tx, "p1") as case:  # type: ignore[arg-type]
            notices.closed(case, "It is over.")

    assembly.do(close)
    assert assembly.mails("/closed/") == ["prue"]
    assert Counter(assembly.mails("/outcome/")) == Counter(["prue", *names])
