"""What people make of each case of a campaign, and how it must end; the same for the same number."""

import hashlib
import zlib
from typing import Any, NamedTuple

PARTNER, COMPLIANCE = "partner-approval", "compliance-case"
COUNTER = {"outcome": "counter", "comment": "", "commission_percent": "14", "term_months": "36"}
ACCEPT = {"outcome": "accept", "comment": ""}
DECLINE = {"outcome": "decline", "comment": "No, thank you."}
SUBMIT = {"outcome": "submit", "comment": ""}
FIRST_ROUND, LATER = ("identity", "address"), ("address",)
AGAIN = "request_documents"
WHY = {"refuse": "Not this one.", "reject": "This does not fit together.", "escalate": "This is for the board."}


class Plan(NamedTuple):
    """`end` is the state of the case, with the status of its outcome for compliance; `officer` decides by round."""

    kind: str
    end: str
    refused_by: str = ""
    partner: tuple[dict[str, str], ...] = (ACCEPT,)
    officer: tuple[str, ...] = ()
    cancelled: bool = False
    paused: bool = False


# The longest first: a short campaign has time for it, too.
COMPLIANCE_PLANS = (
    Plan(COMPLIANCE, "completed/ESCALATED", officer=(AGAIN,) * 5),
    Plan(COMPLIANCE, "completed/APPROVED", officer=("approve",)),
    Plan(COMPLIANCE, "completed/APPROVED", officer=(AGAIN, "approve")),
    Plan(COMPLIANCE, "completed/REJECTED", officer=("reject",)),
    Plan(COMPLIANCE, "cancelled", officer=("approve",), cancelled=True),
    Plan(COMPLIANCE, "completed/ESCALATED", officer=(AGAIN, "escalate")),
    Plan(COMPLIANCE, "completed/APPROVED", officer=("approve",), paused=True),
    Plan(COMPLIANCE, "completed/REJECTED", officer=(AGAIN, AGAIN, "reject")),
)
PARTNER_PLANS = (
    Plan(PARTNER, "completed", partner=(COUNTER, ACCEPT)),
    Plan(PARTNER, "completed"),
    Plan(PARTNER, "refused", refused_by="manager"),
    Plan(PARTNER, "refused", partner=(DECLINE,)),
    Plan(PARTNER, "cancelled", cancelled=True),
    Plan(PARTNER, "refused", refused_by="executive"),
    Plan(PARTNER, "completed", paused=True),
    Plan(PARTNER, "refused", refused_by="legal"),
)
PLANS = tuple(plan for pair in zip(COMPLIANCE_PLANS, PARTNER_PLANS, strict=True) for plan in pair)
# What is not decided before the coordinators have cancelled the case.
LEFT_FOR_CANCEL = {"Legal review", "Officer decision"}
REVIEWS = {"Manager approval": "manager", "Legal review": "legal", "Executive approval": "executive"}


def subject_of(number: int) -> str:
    """Who the case is about, which is also its title."""
    return f"{'partner' if plan_of(number).kind == PARTNER else 'customer'}-{number}"


def plan_of(number: int) -> Plan:
    return PLANS[number % len(PLANS)]


def plan_for(subject: str) -> Plan:
    return plan_of(int(subject.rpartition("-")[2]))


def ordinal(task_id: str) -> int:
    """The round of a task, from 1."""
    return int(task_id.rpartition(".")[2])


def decision(task: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Outcome, comment and data of what an officer or a reviewer answers to this task."""
    plan = plan_for(task["case"]["title"])
    if plan.kind == COMPLIANCE:
        outcome = plan.officer[ordinal(task["id"]) - 1]
        wanted = [{"name": name, "reason": "It cannot be read."} for name in LATER]
        return outcome, WHY.get(outcome, ""), {"documents": wanted} if outcome == AGAIN else {}
    outcome = "refuse" if plan.refused_by == REVIEWS[task["title"]] else "approve"
    return outcome, WHY.get(outcome, ""), {}


def outside_form(task_id: str, subject: str) -> dict[str, str]:
    """What somebody outside answers by their link."""
    plan = plan_for(subject)
    if plan.kind == COMPLIANCE:
        return SUBMIT
    return plan.partner[min(ordinal(task_id), len(plan.partner)) - 1]


class File(NamedTuple):
    name: str
    media_type: str
    content: bytes

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def document_of(subject: str, name: str, round: int) -> File:
    """The file that this customer gives as this document: some text of 60 bytes to 100 KB."""
    draw = zlib.crc32(f"{subject}/{name}/{round}".encode())
    line = f"The {name} of {subject}, round {round}, page {{page}}. Ümläüte, 東京.\n"
    text = "".join(line.format(page=page) for page in range(1, 2 + (draw % 1500 if draw % 7 == 0 else draw % 12)))
    ending, media_type = ("csv", "text/csv") if draw % 5 == 0 else ("txt", "text/plain")
    return File(f"{name}-{round}.{ending}", media_type, text.encode())


def way_of(subject: str, name: str, round: int) -> str:
    """How it is given: by `link`, `twice` by link, or by a coordinator through the `api`."""
    return ("link", "link", "twice", "api")[zlib.crc32(f"{round}/{name}/{subject}".encode()) % 4]
