"""What can go wrong at the door: a stable code, its kind, and plain words. `api.errors` maps the kinds to HTTP."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from placet.control.sent import MAIL, SLUG
from placet.domain.collection import HASHED
from placet.domain.forms import Fault
from placet.domain.said import Said, later
from placet.store.acts import NotCounted

Thing = TypeVar("Thing")


class Kind(StrEnum):
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    GONE = "gone"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    UNAVAILABLE = "unavailable"


CODES: dict[str, tuple[Kind, str]] = {
    "unauthenticated": (Kind.UNAUTHENTICATED, "Sign in first"),
    "wrong-credentials": (Kind.UNAUTHENTICATED, "Wrong name or password"),
    "forbidden": (Kind.FORBIDDEN, "Not allowed"),
    "unknown-identity": (Kind.FORBIDDEN, "Not known here"),
    "excluded": (Kind.FORBIDDEN, "You cannot decide this"),
    "not-asked": (Kind.FORBIDDEN, "Not asked"),
    "own-proposal": (Kind.FORBIDDEN, "Your own proposal"),
    "not-a-voter": (Kind.FORBIDDEN, "Not a voter"),
    "not-on-roll": (Kind.FORBIDDEN, "Not on the list of voters"),
    "not-qualified": (Kind.FORBIDDEN, "Credential missing"),
    "not-a-member": (Kind.FORBIDDEN, "Not of this council"),
    "role-revoked": (Kind.FORBIDDEN, "Role revoked"),
    "cross-site": (Kind.FORBIDDEN, "Sent from another site"),
    "wrong-passkey": (Kind.FORBIDDEN, "Passkey not accepted"),
    "copied-passkey": (Kind.FORBIDDEN, "Passkey may have been copied"),
    "confirm-first": (Kind.FORBIDDEN, "Confirm that it is you"),
    "not-found": (Kind.NOT_FOUND, "Not found"),
    "unknown-kind": (Kind.NOT_FOUND, "No such workflow"),
    "link-damaged": (Kind.NOT_FOUND, "Link damaged"),
    "link-expired": (Kind.GONE, "Link expired"),
    "task-closed": (Kind.CONFLICT, "Task closed"),
    "already-answered": (Kind.CONFLICT, "Already answered"),
    "already-voted": (Kind.CONFLICT, "Already voted"),
    "ballot-closed": (Kind.CONFLICT, "Vote closed"),
    "claimed": (Kind.CONFLICT, "Claimed by somebody else"),
    "seats-taken": (Kind.CONFLICT, "Everybody needed has answered"),
    "case-paused": (Kind.CONFLICT, "Case paused"),
    "case-closed": (Kind.CONFLICT, "Case closed"),
    "compensating": (Kind.CONFLICT, "Ending already"),
    "point-of-no-return": (Kind.CONFLICT, "Too late to cancel"),
    "stale-subject": (Kind.CONFLICT, "Changed since you looked"),
    "not-collecting": (Kind.CONFLICT, "No documents wanted now"),
    "round-over": (Kind.CONFLICT, "Round over"),
    "too-many-documents": (Kind.CONFLICT, "Too many documents"),
    "insufficient-funds": (Kind.CONFLICT, "Not enough funds"),
    "multisig-closed": (Kind.CONFLICT, "Approval closed"),
    "already-approved": (Kind.CONFLICT, "Already approved"),
    "already-refused": (Kind.CONFLICT, "Already refused"),
    "nothing-to-withdraw": (Kind.CONFLICT, "Nothing to take back"),
    "not-your-turn": (Kind.CONFLICT, "Not your turn"),
    "stale-intent": (Kind.CONFLICT, "Another intent than you looked at"),
    "no-wallet": (Kind.CONFLICT, "No wallet when it opened"),
    "wallet-used": (Kind.CONFLICT, "Wallet has signed already"),
    "wallet-taken": (Kind.CONFLICT, "Wallet of somebody else"),
    "mail-not-failed": (Kind.CONFLICT, "Nothing to send again"),
    "target-gone": (Kind.CONFLICT, "Already gone"),
    "deletion-pending": (Kind.CONFLICT, "Deletion already proposed"),
    "badge-exists": (Kind.CONFLICT, "Badge defined already"),
    "already-issued": (Kind.CONFLICT, "Badge held already"),
    "already-requested": (Kind.CONFLICT, "Badge requested already"),
    "already-revoked": (Kind.CONFLICT, "Already revoked"),
    "not-issued": (Kind.CONFLICT, "Not issued yet"),
    "revocation-pending": (Kind.CONFLICT, "Revocation asked for already"),
    "credential-revoked": (Kind.GONE, "Credential revoked"),
    "vote-not-open": (Kind.CONFLICT, "Vote not open yet"),
    "already-so": (Kind.CONFLICT, "Nothing to decide"),
    "stale-policy": (Kind.CONFLICT, "Another version is in force"),
    "transition-not-allowed": (Kind.CONFLICT, "No such change of state"),
    "transition-pending": (Kind.CONFLICT, "Change already asked for"),
    "no-treasury": (Kind.CONFLICT, "No treasury"),
    "resource-exists": (Kind.CONFLICT, "Id taken"),
    "too-many-comments": (Kind.CONFLICT, "Too many comments"),
    "stale-challenge": (Kind.CONFLICT, "Begin again"),
    "passkey-exists": (Kind.CONFLICT, "Passkey registered already"),
    "too-many-passkeys": (Kind.CONFLICT, "Too many passkeys"),
    "no-passkeys-here": (Kind.CONFLICT, "No passkeys at this address"),
    "person-exists": (Kind.CONFLICT, "Id taken"),
    "address-taken": (Kind.CONFLICT, "Address taken"),
    "last-admin": (Kind.CONFLICT, "Last administrator"),
    "own-account": (Kind.CONFLICT, "Your own account"),
    "invalid-request": (Kind.INVALID, "Some fields are wrong"),
    "invalid-data": (Kind.INVALID, "The form is not filled in correctly"),
    "unknown-outcome": (Kind.INVALID, "No such outcome"),
    "comment-too-long": (Kind.INVALID, "Comment too long"),
    "deposit-overflow": (Kind.INVALID, "More than the faucet holds"),
    "comment-required": (Kind.INVALID, "Comment needed"),
    "signature-missing": (Kind.INVALID, "Signature needed"),
    "signature-unwanted": (Kind.INVALID, "No signature wanted"),
    "signature-malformed": (Kind.INVALID, "Not a signature"),
    "signature-high-s": (Kind.INVALID, "Signature not canonical"),
    "wrong-wallet": (Kind.INVALID, "Signed by another's wallet"),
    "wrong-signature": (Kind.INVALID, "Signature does not fit"),
    "bad-address": (Kind.INVALID, "Not an address"),
    "bad-amount": (Kind.INVALID, "Not an amount"),
    "bad-data": (Kind.INVALID, "Not call data"),
    "unknown-token": (Kind.INVALID, "No such token"),
    "threshold-too-low": (Kind.INVALID, "Fewer than the policy asks for"),
    "threshold-too-high": (Kind.INVALID, "More than the council has"),
    "documents-missing": (Kind.INVALID, "Documents missing"),
    "unknown-document": (Kind.INVALID, "No such document wanted"),
    "empty-file": (Kind.INVALID, "Empty file"),
    "type-not-allowed": (Kind.INVALID, "Type of file not taken"),
    "type-mismatch": (Kind.INVALID, "Not what it is called"),
    "damaged": (Kind.INVALID, "Damaged file"),
    "encrypted": (Kind.INVALID, "Protected file"),
    "macros": (Kind.INVALID, "File with macros"),
    "malware": (Kind.INVALID, "Virus found"),
    "picture-too-large": (Kind.INVALID, "Picture too large"),
    "unpacks-too-large": (Kind.INVALID, "File unpacks to too much"),
    "unknown-badge": (Kind.INVALID, "No such badge"),
    "unknown-policy": (Kind.INVALID, "No such policy"),
    "invalid-policy": (Kind.INVALID, "Not a valid policy"),
    "unknown-role": (Kind.INVALID, "No such role"),
    "unknown-resource": (Kind.INVALID, "No such resource"),
    "unknown-comment": (Kind.INVALID, "No such comment"),
    "beyond-scope": (Kind.INVALID, "Beyond this scope"),
    "unknown-person": (Kind.INVALID, "No such person"),
    "several-seats": (Kind.CONFLICT, "Several seats"),
    "unfit-person": (Kind.INVALID, "Not this person"),
    "bad-cursor": (Kind.INVALID, "Unknown position in the list"),
    "bad-import": (Kind.INVALID, "The file was not imported"),
    "idempotency-mismatch": (Kind.INVALID, "Key used before"),
    "weak-password": (Kind.INVALID, "Choose a better password"),
    "too-many-attempts": (Kind.TOO_MANY, "Too many attempts"),
    "too-large": (Kind.TOO_LARGE, "Too large"),
    "unavailable": (Kind.UNAVAILABLE, "Not possible right now"),
    "chain-missing": (Kind.UNAVAILABLE, "Wallets cannot be checked here"),
}
"""Every code that control raises or that a refused act carries: its kind and its title."""

MOST_FAULTS = 50


class Problem(Exception):
    """Why something was not done. `extra` are further facts for the person, such as the final verdict."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        faults: Iterable[Fault] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind, self.title = CODES[code]
        self.detail = detail
        self.faults = tuple(faults)[:MOST_FAULTS]
        place = field if field is not None else self.faults[0].pointer if self.faults else None
        self.field = place.strip("/").replace("/", ".") or None if place is not None else None
        self.extra = dict(extra or {})


def not_found() -> Problem:
    """The one answer for what does not exist and for what this person may not know of."""
    return Problem("not-found", Said("There is nothing here that you may see."))


def found(thing: Thing | None) -> Thing:
    """The thing, if the look found it."""
    if thing is None:
        raise not_found()
    return thing


def uncounted(act: NotCounted) -> Problem:
    """The problem that an act that did not count is for its person."""
    why = act.refusal
    extra = {"verdict": act.verdict.model_dump(mode="json")} if act.verdict else None
    return Problem(why.code, why.detail, field=why.field, faults=act.faults, extra=extra)


def invalid(error: ValidationError, prefix: tuple[str, ...] = ()) -> Problem:
    """The problem that a rejected model is, with one fault a field."""
    found = [fault_of(one, prefix) for one in error.errors(include_url=False, include_input=False)]
    return Problem("invalid-request", found[0].detail, faults=found)


def pointer(path: Iterable[Any]) -> str:
    """The JSON pointer (RFC 6901) of a path of keys and positions."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def fault_of(error: ErrorDetails, prefix: tuple[str, ...] = ()) -> Fault:
    return fault_at((*prefix, *error["loc"]), error)


def fault_at(path: Iterable[Any], error: ErrorDetails) -> Fault:
    return Fault(pointer=pointer(path), detail=plain_words(error))


PLAIN = {
    "missing": later("This field is required."),
    "extra_forbidden": later("There is no such field."),
    "string_type": later("This must be text."),
    "string_too_long": later("Use at most %(limit)s characters."),
    "string_too_short": later("Use at least %(limit)s characters."),
    "string_pattern_mismatch": later("This does not have the form that is expected here."),
    "int_type": later("This must be a whole number."),
    "int_parsing": later("This must be a whole number."),
    "int_from_float": later("This must be a whole number."),
    "float_type": later("This must be a number."),
    "float_parsing": later("This must be a number."),
    "decimal_type": later("This must be a number."),
    "decimal_parsing": later("This must be a number."),
    "bool_type": later("This must be true or false."),
    "bool_parsing": later("This must be true or false."),
    "greater_than_equal": later("This must be at least %(limit)s."),
    "greater_than": later("This must be more than %(limit)s."),
    "less_than_equal": later("This must be at most %(limit)s."),
    "less_than": later("This must be less than %(limit)s."),
    "literal_error": later("Choose one of: %(choices)s."),
    "enum": later("Choose one of: %(choices)s."),
    "date_from_datetime_parsing": later("Write a date like 2026-03-31."),
    "date_parsing": later("Write a date like 2026-03-31."),
    "too_long": later("There are too many entries; the most is %(limit)s."),
    "too_short": later("There are too few entries; the least is %(limit)s."),
    "list_type": later("This must be a list."),
    "tuple_type": later("This must be a list."),
    "dict_type": later("This must be an object with fields."),
    "model_type": later("This must be an object with fields."),
    "model_attributes_type": later("This must be an object with fields."),
    "json_invalid": later("The body is not valid JSON."),
}

FACTS = {**dict.fromkeys(("ge", "gt", "le", "lt", "max_length", "min_length"), "limit"), "expected": "choices"}
"""What pydantic calls the facts of an error, as the sentences call them."""

ADDRESSED = later("Write an e-mail address, such as nora@example.org.")
FORMS = {
    SLUG: later(
        "Use small letters, digits, dots, dashes and underscores, at most 64, beginning with a letter or digit."
    ),
    MAIL: ADDRESSED,
    HASHED: later("Send the file first, and name it by its SHA-256: 64 hex digits."),
    # As requests of workflows write it.
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$": ADDRESSED,
}
"""What is wrong with a text that has not the form of one of these patterns, without showing the pattern."""


def plain_words(error: ErrorDetails) -> str:
    """A validation error as a sentence for a person."""
    context = error.get("ctx", {})
    # A text with a check of its own before the one of its length is a “Value” to pydantic.
    text = "string_" if context.get("field_type") == "Value" and error["type"] in ("too_long", "too_short") else ""
    template = FORMS.get(context.get("pattern", "")) or PLAIN.get(f"{text}{error['type']}")
    if template is None:
        return error["msg"].removeprefix("Value error, ")
    facts = {FACTS.get(name, name): value for name, value in context.items()}
    try:
        return Said(template, **{name: one if isinstance(one, int) else str(one) for name, one in facts.items()})
    except KeyError:
        return error["msg"]
