"""Collecting documents, pure: what was asked for, what has come, what is still missing.

A collection runs in rounds. A document is `requested`, then `received`; the reviewer accepts it, or asks for it again
with a reason. Accepted documents are not asked for again.

A request can bring documents along: each of its fields that is an `Attachment` names one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from placet.domain.model import Durable

NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
HASHED = r"^[0-9a-f]{64}$"
DOCUMENT = "document"
"""The `format` of an attachment in the JSON Schema of a request."""


class Attachment(str):
    """A document that a request brings along, named by the SHA-256 of its content, in hex."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=HASHED))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "format": DOCUMENT}


def attachments(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Attachment]]:
    """Every attachment of a request, at any depth, with the path of keys and positions that leads to it."""
    if isinstance(value, Attachment):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from attachments(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from attachments(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from attachments(inner, (*path, position))


def named_by(path: tuple[Any, ...]) -> str:
    """What a document is called in its case: as the field that brought it, with hyphens."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return plain[:64] or DOCUMENT


class DocumentState(StrEnum):
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REVISION = "revision"


class DocumentRequest(Durable):
    """One document asked for: a name that stays the same over the rounds, what it is, and why it is asked for again."""

    name: str = Field(pattern=NAME, title="Name")
    title: str = Field(default="", max_length=200, title="Title")
    reason: str = Field(default="", max_length=2000, title="Reason")
    required: bool = True


class Received(Durable):
    """One document as it came: the newest file under its name counts. `hash` is the SHA-256 of its content."""

    id: str
    name: str
    hash: str
    filename: str
    media_type: str
    size: int
    round: int
    at: datetime
    by: str


def newest(received: Iterable[Received]) -> dict[str, Received]:
    """The file that counts for each name."""
    found: dict[str, Received] = {}
    for one in sorted(received, key=lambda document: (document.round, document.at)):
        found[one.name] = one
    return found


def missing(requests: Iterable[DocumentRequest], received: Iterable[Received], round: int) -> tuple[str, ...]:
    """The names of the required documents that have not come in this round."""
    here = {one.name for one in received if one.round == round}
    return tuple(request.name for request in requests if request.required and request.name not in here)


def again(asked: Iterable[DocumentRequest], wanted: Iterable[dict[str, Any]]) -> tuple[DocumentRequest, ...]:
    """The requests of the next round: what the reviewer names, each with its reason; titles are kept."""
    titles = {request.name: request.title for request in asked}
    return tuple(
        DocumentRequest(name=one["name"], title=titles.get(one["name"], ""), reason=one["reason"]) for one in wanted
    )
