"""How a case leaves its straight story. Raised by the primitives; a catalogue file rarely catches them."""

from placet.domain.task import Verdict


class Ending(Exception):
    """A case that ends early; what was done is compensated, and `state` is how it is called."""

    state = "failed"

    def __init__(self, why: str, by: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.by = by


class Refused(Ending):
    """People, or their silence, said no."""

    state = "refused"

    def __init__(self, title: str, verdict: Verdict) -> None:
        who = f" by {', '.join(verdict.by)}" if verdict.by else ""
        reason = f": {verdict.comment}" if verdict.comment else "."
        super().__init__(f"{title}: {verdict.outcome}{who}{reason}", verdict.by)
        self.verdict = verdict


class Overtaken(Ending):
    """What was decided no longer fits the world as it is; it is refused where everybody can see it."""

    state = "refused"


class Cancelled(Ending):
    """Somebody entitled to it ended the case."""

    state = "cancelled"


class Abandoned(Ending):
    """A step failed for good, and people gave it up."""


class Superseded(Exception):
    """A newer run of this case has taken over; this one must not do anything more."""
