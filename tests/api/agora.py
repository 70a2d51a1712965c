"""The cooperative behind the real application: governance proposals in discussion and at the vote, and their voters."""

from typing import Any

import httpx2

from api.chamber import VOTERS, sit
from api.office import Office
from placet.catalogue.cooperative.governance_model import VOTE as OPENS
from placet.catalogue.cooperative.governance_model import WITHDRAW, Governance
from placet.catalogue.voting.model import VOTERS as ROLE
from placet.catalogue.voting.model import vote_on
from placet.domain.course import Ask, Opening, Report
from placet.domain.people import Named
from placet.domain.span import Span
from placet.domain.task import TaskSpec
from placet.store import course
from placet.store import tables as t

START = "/api/v1/workflows/governance-proposal/cases"
GRANT = {"kind": "role-change", "person": "mo", "role": "buyer", "scope": "deals", "change": "grant"}
POLICY = {"kind": "policy-update", "policy": "order", "values": {"review": "9d"}, "base_version": 0}
TRANSFER = {"kind": "treasury-transfer", "to": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "amount": "12", "memo": ""}

__all__ = ["VOTERS", "sit"]


async def try_propose(
    office: Office, action: dict[str, Any], who: str = "prue", scope: str = "deals", **more: Any
) -> httpx2.Response:
    body = {"scope": scope, "request": {"title": "An act", "action": action, **more}}
    return await office.call(who, "POST", START, body)


async def propose(office: Office, action: dict[str, Any] | None = None, **more: Any) -> str:
    """A proposal whose discussion is open; its id."""
    answer = await try_propose(office, action or GRANT, **more)
    assert answer.status_code == 201, answer.text
    case_id = str(answer.json()["id"])
    await office.ask(case_id, discussion())
    return case_id


def discussion() -> TaskSpec:
    """What the workflow asks first: prue can withdraw it, and voters see it from then on."""
    return TaskSpec(
        name="discussion",
        title="Discussion",
        to=(Named(person="prue"),),
        outcomes=(WITHDRAW, OPENS),
        silence=OPENS.name,
        within=Span("3d"),
        seen_by=(ROLE,),
    )


async def open_vote(office: Office, case_id: str) -> str:
    """Report as the workflow does once the discussion is over; the ballot's id."""
    opening = await office.store.read(
        lambda tx: Opening.model_validate(
            tx.conn.execute(t.case.select().where(t.case.c.id == case_id)).mappings().one()["opening"]
        )
    )
    spec = vote_on(opening, Governance.model_validate(opening.request))
    told = Report(case_id=case_id, run_id=f"run-of-{case_id}", seen=0, state="waiting", ask=Ask(spec=spec, ordinal=1))
    await office.store.write(lambda tx: course.report(tx, told))
    return f"{case_id}.vote.1"
