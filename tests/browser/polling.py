"""Proposals for the browser to look at: open, voted on, recurring, ended."""

import json
from typing import Any

from browser.browsing import Browsing
from placet.control.deletions import GivenDeletion
from placet.control.faucet import GivenDeposit
from placet.control.sent import Because
from placet.control.votes import GivenVote
from placet.control.voting import GivenProposal
from placet.domain.people import Person
from placet.store import people

FENCE = {
    "title": "A new fence for the garden",
    "description": "The old one **fell down**.\n\n# Why now\n\n- winter is near\n- the neighbours ask\n\n"
    "| who | what |\n| --- | --- |\n| we | paint |",
    "steps": [
        {"title": "Buy the wood", "description": "Larch, *not* pine.", "bounty": 1200, "credentials": []},
        {"title": "Paint it", "description": "", "bounty": 340, "credentials": ["painter"]},
    ],
}


async def person(browsing: Browsing, name: str) -> Person:
    found = await browsing.office.store.read(lambda tx: people.find(tx, name))
    assert found is not None
    return found


async def propose(browsing: Browsing, who: str = "prue", **other: Any) -> str:
    """A new proposal in deals, where vera, vito and vala vote; its id."""
    given = GivenProposal.model_validate({**FENCE, "scope": "deals", **other})
    done = await browsing.office.control.voting.propose(await person(browsing, who), given)
    return str(done.value["id"])


async def delete(browsing: Browsing, target: str, who: str = "prue") -> str:
    given = GivenDeletion(target_kind="workflow", target_id=target, reason="Nobody needs it.")
    done = await browsing.office.control.voting.propose_deletion(await person(browsing, who), given)
    return str(done.value["id"])


async def vote(browsing: Browsing, who: str, proposal: str, decision: str, comment: str = "") -> str:
    """The receipt."""
    given = GivenVote(decision=decision, comment=comment)
    answer = await browsing.office.control.votes.cast_by(await person(browsing, who), "workflow", proposal, given)
    return str(json.loads(answer)["receipt"])


async def deposit(browsing: Browsing, amount: int) -> None:
    await browsing.office.control.faucet.deposit(await person(browsing, "root"), GivenDeposit(amount=amount))


async def force(browsing: Browsing, proposal: str) -> None:
    root = await person(browsing, "root")
    await browsing.office.control.voting.force(root, "workflow", proposal, Because(reason="It burns."))
