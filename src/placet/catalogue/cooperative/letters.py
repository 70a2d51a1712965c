"""The letters of an onboarding."""

from placet.catalogue.cooperative.onboarding_model import Application
from placet.connectors.mail.port import Letter
from placet.domain.membership import Contact


def welcome(application: Application, scope: str) -> Letter:
    return _to_applicant(
        application,
        "Welcome",
        f"you are a provisional member of {scope} from today. A coordinator will be introduced to you.",
        "your provisional membership has ended. If you think that this is a mistake, write to a coordinator.",
    )


def introduction(application: Application, coordinator: Contact, scope: str) -> tuple[Letter, Letter]:
    """To the applicant and to the coordinator, each about the other."""
    who = f"{application.name} <{application.email}>"
    about = f"{who} is a new provisional member of {scope}.\n\n{application.statement}".strip()
    hello = f"Hello {coordinator.name},\n\n"
    to_coordinator = Letter(
        to_name=coordinator.name,
        to_email=coordinator.email,
        subject=f"A new member of {scope}: {application.name}"[:200],
        text=f"{hello}{about}\n",
        retraction=f"{hello}the application of {application.name} has ended.\n",
    )
    text = f"{coordinator.name} <{coordinator.email}> coordinates {scope} and helps you to begin."
    subject = f"Your coordinator in {scope}"
    return _to_applicant(application, subject, text, "your application has ended."), to_coordinator


def _to_applicant(application: Application, subject: str, text: str, retraction: str) -> Letter:
    hello = f"Dear {application.name},\n\n"
    return Letter(
        to_name=application.name,
        to_email=application.email,
        subject=subject,
        text=f"{hello}{text}\n",
        retraction=f"{hello}{retraction}\n",
    )
