"""Where each document of a case stands, and which ones a request brings along."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from placet.domain.collection import Attachment, DocumentRequest, DocumentState, Received, attachments, named_by
from placet.domain.dossier import dossier
from placet.domain.model import Durable

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSPORT = DocumentRequest(name="passport", title="Passport")
ADDRESS = DocumentRequest(name="address", title="Proof of address", required=False)
AGAIN = DocumentRequest(name="passport", title="Passport", reason="It is cut off.")


def came(name: str, round: int = 1, minute: int = 0) -> Received:
    return Received(
        id=f"{name}-{round}-{minute}",
        name=name,
        hash="a" * 64,
        filename=f"{name}.pdf",
        media_type="application/pdf",
        size=7,
        round=round,
        at=START + timedelta(minutes=minute),
        by="rosa",
    )


def states(*given: object, **more: object) -> dict[str, DocumentState]:
    return {entry.name: entry.state for entry in dossier(*given, **more)}  # type: ignore[arg-type]


def test_nothing_was_asked_for_and_nothing_came() -> None:
    assert dossier({}, []) == ()


def test_what_was_asked_for_is_requested_until_it_comes() -> None:
    found = dossier({1: (PASSPORT, ADDRESS)}, [came("address", minute=2), came("address", minute=1)])
    assert [(entry.name, entry.state, entry.required) for entry in found] == [
        ("passport", DocumentState.REQUESTED, True),
        ("address", DocumentState.RECEIVED, False),
    ]
    assert [file.id for file in found[1].files] == ["address-1-1", "address-1-2"]


def test_what_is_asked_for_again_needs_a_new_file_and_the_rest_is_accepted() -> None:
    rounds = {1: (PASSPORT, ADDRESS), 2: (AGAIN,)}
    first = [came("passport"), came("address")]
    assert states(rounds, first) == {"passport": DocumentState.REVISION, "address": DocumentState.ACCEPTED}
    assert dossier(rounds, first)[0].reason == "It is cut off."
    second = [*first, came("passport", 2)]
    assert states(rounds, second) == {"passport": DocumentState.RECEIVED, "address": DocumentState.ACCEPTED}
    assert states(rounds, second, accepted=True) == dict.fromkeys(("passport", "address"), DocumentState.ACCEPTED)


def test_what_never_came_is_not_accepted_at_the_end() -> None:
    assert states({1: (ADDRESS,)}, [], accepted=True) == {"address": DocumentState.REQUESTED}


def test_what_nobody_asked_for_is_listed_after_the_rest() -> None:
    found = dossier({1: (PASSPORT,)}, [came("minutes")])
    assert [(entry.name, entry.title, entry.state) for entry in found] == [
        ("passport", "Passport", DocumentState.REQUESTED),
        ("minutes", "", DocumentState.RECEIVED),
    ]


class Step(Durable):
    proof: Attachment | None = None
    note: str = ""


class Request(Durable):
    invoice: Attachment | None = None
    minutes_of_meeting: tuple[Attachment, ...] = ()
    steps: tuple[Step, ...] = ()
    named: dict[str, Attachment] = {}


def test_the_attachments_of_a_request_are_found_at_any_depth() -> None:
    one, two, three = ("a" * 64, "b" * 64, "c" * 64)
    given = {
        "minutes_of_meeting": [one, two],
        "steps": [{"note": one}, {"proof": three}],
        "named": {"Deed of Sale": one},
    }
    found = list(attachments(Request.model_validate(given)))
    assert found == [
        (("minutes_of_meeting", 0), one),
        (("minutes_of_meeting", 1), two),
        (("steps", 1, "proof"), three),
        (("named", "Deed of Sale"), one),
    ]
    assert [named_by(path) for path, _ in found] == [
        "minutes-of-meeting",
        "minutes-of-meeting",
        "proof",
        "deed-of-sale",
    ]
    again = Request.model_validate_json(Request.model_validate(given).model_dump_json())
    assert list(attachments(again)) == found


@pytest.mark.parametrize("text", ["", "a" * 63, "A" * 64, "a" * 64 + "\n", "../etc/passwd"])
def test_an_attachment_is_the_hash_of_a_content(text: str) -> None:
    with pytest.raises(ValidationError):
        Request(invoice=text)  # type: ignore[arg-type]
    schema = Step.model_json_schema()["properties"]["proof"]["anyOf"][0]
    assert (schema["type"], schema["format"], schema["pattern"]) == ("string", "document", "^[0-9a-f]{64}$")
