"""Two partner approvals: one activated after a counter-offer, one declined after terms were sent, and taken back."""

from typing import Any

from placet.runtime.demo.stage import DemoFailed, Stage

ACME = {
    "partner_id": "acme-robotics",
    "name": "Acme Robotics",
    "contact_name": "Rosa Rivera",
    "contact_email": "rosa@acme.example",
    "facts": {
        "annual_revenue_eur": 4_200_000,
        "countries": ["DE", "FR"],
        "sector": "software",
        "references": 5,
        "certifications": ["ISO 27001"],
        "years_active": 9,
    },
    "terms": {"territory": "Germany and France", "commission_percent": "12.50", "term_months": 24},
}
BOREAL = {
    "partner_id": "boreal-trade",
    "name": "Boreal Trade",
    "contact_name": "Bo Berg",
    "contact_email": "bo@boreal.example",
    "facts": {"annual_revenue_eur": 300_000, "countries": ["NO"], "references": 1, "years_active": 2},
    "terms": {"territory": "Norway", "commission_percent": "8", "term_months": 12},
}


async def play_partners(stage: Stage) -> None:
    await _activated(stage)
    await _declined(stage)


async def _start(stage: Stage, request: dict[str, Any]) -> str:
    case_id = await stage.start("ada", "partner-approval", "deals", request)
    stage.say(f"\nPartner approval: {request['name']} ({case_id}), asked for by ada")
    return case_id


async def _activated(stage: Stage) -> None:
    case_id = await _start(stage, ACME)
    task = await stage.task_of("marta", case_id)
    detail = await stage.call("ada", "GET", f"/api/v1/cases/{case_id}")
    stage.say(f"  {detail['waiting_for']}")
    refused = await stage.call("ada", "POST", f"/api/v1/tasks/{task['id']}/answer", {"outcome": "approve"}, expect=403)
    stage.say(f"  ada tries to approve her own request: refused ({refused['code']})")
    await stage.answer("marta", case_id, "approve", "Strong references.")
    await stage.answer("leo", case_id, "approve")
    wish = {"outcome": "counter", "comment": "", "commission_percent": "14", "term_months": "36"}
    await stage.by_link(case_id, "rosa@acme.example", 1, wish)
    await stage.answer("leo", case_id, "approve", "The longer term is fine.")
    await stage.by_link(case_id, "rosa@acme.example", 2, {"outcome": "accept", "comment": "Thank you!"})
    await stage.answer("eva", case_id, "approve")
    ended = await stage.closed("ada", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    if ended["outcome"].get("status") != "activated" or ended["outcome"].get("version") != 2:
        raise DemoFailed(f"{case_id} should have been activated with the second version")
    await stage.timeline(case_id)


async def _declined(stage: Stage) -> None:
    case_id = await _start(stage, BOREAL)
    await stage.answer("marta", case_id, "approve")
    await stage.answer("leo", case_id, "approve")
    await stage.by_link(case_id, "bo@boreal.example", 1, {"outcome": "decline", "comment": "We go with somebody else."})
    ended = await stage.closed("ada", case_id)
    stage.say(f"  → {ended['state']}: {ended['outcome']}")
    undone = [step["name"] for step in ended["steps"] if step["state"] == "compensated"]
    stage.say(f"  taken back: {', '.join(undone)}")
    if ended["state"] != "refused" or set(undone) != {"crm.set-status", "mail.send", "drafting.term-sheet"}:
        raise DemoFailed(f"{case_id} should have been refused, and compensated")
    await stage.timeline(case_id)
