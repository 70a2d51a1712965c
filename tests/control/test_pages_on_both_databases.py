"""What the pages of voting and administration read, on SQLite and on a real Postgres."""

from datetime import timedelta
from typing import Any

import pytest

from api import chamber
from api.office import Office
from placet.control.directory import PeopleFilter
from placet.control.errors import Problem
from placet.control.sent import Paging
from placet.control.votes import GivenVote
from placet.domain.people import Person
from placet.store import people
from placet.store.engine import Store


@pytest.fixture
async def office(store: Store, clock: Any) -> Office:
    made = Office(store, clock)
    await made.hire("root", "admin")
    await chamber.sit(made)
    return made


async def person(office: Office, who: str) -> Person:
    found = await office.store.read(lambda tx: people.find(tx, who))
    assert found is not None
    return found


async def test_what_ends_next_comes_first_and_what_one_has_voted_on_after_it(office: Office) -> None:
    made = [(await chamber.propose(office, title=f"Fence {number}"))["id"] for number in range(3)]
    voter = await person(office, "v9")
    await office.control.votes.cast_by(voter, "workflow", made[0], GivenVote(decision="deny", comment="No."))
    await chamber.vote(office, made[2], *["deny"] * 5)
    lines = (await office.control.polls.open(voter, Paging())).items
    assert [one.proposal.id for one in lines] == [made[2], made[1], made[0]]
    assert lines[0].closes_at == office.clock.time + timedelta(hours=24)
    poll = await office.control.polls.get(voter, made[0])
    assert poll.my_vote is not None and poll.why_not is not None
    assert (poll.my_vote.comment, poll.why_not.code) == ("No.", "already-voted")
    office.clock.move(timedelta(hours=25))
    assert {one.proposal.id for one in (await office.control.polls.open(voter, Paging())).items} == {made[0], made[1]}
    assert [one.proposal.status for one in (await office.control.polls.ended(voter, Paging())).items] == ["rejected"]


async def test_lists_of_proposals_are_complete_page_by_page(office: Office) -> None:
    made = [(await chamber.propose(office, title=f"Fence {number}"))["id"] for number in range(4)]
    made.append((await chamber.delete(office, made[0]))["id"])
    prue = await person(office, "prue")
    found: list[str] = []
    cursor = None
    while True:
        page = await office.control.polls.mine(prue, Paging(limit=2, cursor=cursor))
        found += [one.proposal.id for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert sorted(found) == sorted(made)


async def test_people_are_found_by_parts_of_their_names_and_page_by_page(office: Office) -> None:
    root = await person(office, "root")
    found: list[str] = []
    cursor = None
    while True:
        page = await office.control.directory.listed(root, PeopleFilter(limit=4, q="V", cursor=cursor))
        found += [one.id for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == sorted(chamber.VOTERS)
    assert (await office.control.directory.listed(root, PeopleFilter(q="%"))).items == []
    known = await office.control.directory.known()
    assert known.scopes == ["deals", "general", "labs"] and "voter" in known.roles
    file = await office.control.directory.get(root, "v0")
    assert (file.has_password, [one.label for one in file.tokens]) == (False, ["test"])
    with pytest.raises(Problem, match="Only administrators"):
        await office.control.directory.listed(await person(office, "v0"), PeopleFilter())
    with pytest.raises(Problem, match="nothing here"):
        await office.control.directory.get(root, "nobody")
