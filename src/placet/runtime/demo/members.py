"""A member is taken in, although the coordinator does not answer: the council is asked as well."""

from placet.runtime.demo.stage import DemoFailed, Stage
from placet.runtime.demo.voting import SCOPE

ESCALATION = "8s"
SETTINGS = f"""
[policy.member-onboarding]
reminder = "4s"
escalation = "{ESCALATION}"
"""
NIA = {
    "person_id": "nia",
    "name": "Nia Newcomer",
    "email": "nia@newcomer.example",
    "statement": "I like gardens.",
}


async def start_onboarding(stage: Stage) -> str:
    """Nia applies and confirms; from now on the coordinator keeps silent."""
    case_id = await stage.start("nils", "member-onboarding", SCOPE, NIA)
    stage.say(
        f"\nMember onboarding: {NIA['name']} ({case_id}); the council is asked after {ESCALATION} of silence here"
    )
    await stage.by_link(case_id, NIA["email"], 1, {"outcome": "confirm", "comment": ""})
    return case_id


async def finish_onboarding(stage: Stage, case_id: str) -> None:
    task = await stage.task_of("kofi", case_id)
    stage.say(f"\nThe coordinator has not answered “{task['title']}” ({case_id}); the council has it now")
    await stage.answer("kofi", case_id, "approve", "I have seen her papers.")
    await stage.answer("cora", case_id, "introduced", "Sorry, I was away.")
    ended = await stage.closed("nils", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    events = await stage.call("kofi", "GET", f"/api/v1/cases/{case_id}/events?limit=200")
    if ended["outcome"].get("status") != "active" or "task.escalated" not in {one["action"] for one in events["items"]}:
        raise DemoFailed(f"{case_id} should have been escalated, and finished")
    await stage.timeline(case_id)
