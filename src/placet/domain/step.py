"""A step of a case: the identity that makes a retried activity the same call."""

from enum import StrEnum

from placet.domain.model import Durable


class StepState(StrEnum):
    """`planned` before the effect, `done` after it; `unknown` when it may or may not have happened."""

    PLANNED = "planned"
    DONE = "done"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPENSATED = "compensated"
    UNDO_FAILED = "undo-failed"


class Step(Durable):
    """First argument of every effect activity.

    `case_id`, `name` and `ordinal` are the natural key: they survive retries, worker crashes and an operator's
    reset of the workflow. An undo is a step of its own, and carries the name and ordinal of the one it takes back.
    """

    case_id: str
    name: str
    ordinal: int = 1
    undoes: str | None = None
    undoes_ordinal: int = 1
    final: bool = False

    @property
    def key(self) -> str:
        """Idempotency key handed to the outside world."""
        return f"{self.case_id}/{self.name}/{self.ordinal}"

    @property
    def undone_key(self) -> str:
        """Idempotency key of the step that this undo takes back."""
        return f"{self.case_id}/{self.undoes}/{self.undoes_ordinal}"
