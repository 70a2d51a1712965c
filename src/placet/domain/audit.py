"""The audit log, pure: hash-chained lines, checkpoints over all chains, and their offline verification.

Each case has its own chain; `@registry` holds what happens to people and grants, `@refused` the acts that did not
count. A line's hash covers its content and the hash before it, so a changed, dropped, added or swapped line shows.
A checkpoint covers the heads of every chain that grew since the last one, and the checkpoint before it: whoever keeps
one checkpoint hash outside can later prove that nothing earlier was rewritten, not even whole chains.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from placet.domain.model import Durable

GENESIS = "0" * 64
REGISTRY = "@registry"
REFUSED = "@refused"


# Made once: `json.dumps` makes one for each call that asks for its own form.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8."""
    return _CANONICAL.encode(value).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def text_digest(salt: str, text: str) -> str:
    """What a chain holds of personal text. Without the salt it says nothing, so the text can be erased."""
    return hashlib.sha256(f"{salt}\x00{text}".encode()).hexdigest()


def stamp(at: datetime) -> str:
    """UTC, microseconds, one spelling on every database."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class AuditEvent(Durable):
    """One line: who did what, when, on which evidence."""

    chain: str
    seq: int
    at: str
    actor: str
    action: str
    detail: dict[str, Any]
    prev: str
    hash: str


def line_hash(chain: str, seq: int, at: str, actor: str, action: str, detail: Mapping[str, Any], prev: str) -> str:
    return digest([chain, seq, at, actor, action, detail, prev])


def chained(
    chain: str, seq: int, at: datetime, actor: str, action: str, detail: dict[str, Any], prev: str
) -> AuditEvent:
    """The line that follows the one whose hash is `prev`; `seq` starts at 1."""
    time = stamp(at)
    own = line_hash(chain, seq, time, actor, action, detail, prev)
    return AuditEvent(chain=chain, seq=seq, at=time, actor=actor, action=action, detail=detail, prev=prev, hash=own)


def link_faults(line: Mapping[str, Any], seq: int, prev: str) -> list[str]:
    """What is wrong with this line of a chain, told to follow line `seq` with the hash `prev`."""
    faults = []
    if line["seq"] != seq + 1:
        faults.append("lines are missing or out of order before it")
    if line["prev"] != prev:
        faults.append("does not follow the line before it")
    content = (line["chain"], line["seq"], line["at"], line["actor"], line["action"], line["detail"], line["prev"])
    if line["hash"] != line_hash(*content):
        faults.append("its content was changed")
    return [f"{line['chain']} line {line['seq']}: {fault}" for fault in faults]


def promised_texts(detail: Mapping[str, Any]) -> dict[str, str]:
    """The digests of the personal texts that a line speaks of, by field."""
    return {
        field: value["digest"]
        for field, value in detail.items()
        if isinstance(value, dict) and len(value) == 1 and "digest" in value
    }


class Head(Durable):
    chain: str
    seq: int
    hash: str


class Checkpoint(Durable):
    """The heads of the chains that grew since the checkpoint before this one (`prev`)."""

    number: int
    at: str
    heads: tuple[Head, ...]
    prev: str
    hash: str


def checkpoint(number: int, at: datetime, heads: Iterable[Head], prev: str) -> Checkpoint:
    ordered = tuple(sorted(heads, key=lambda head: head.chain))
    own = digest([number, stamp(at), [[head.chain, head.seq, head.hash] for head in ordered], prev])
    return Checkpoint(number=number, at=stamp(at), heads=ordered, prev=prev, hash=own)


class Verification(Durable):
    """What an offline check found; `problems` is empty when everything holds."""

    chains: int
    events: int
    texts: int
    erased: int
    checkpoints: int
    last_checkpoint: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(lines: Iterable[Mapping[str, Any]], witnessed: str | None = None) -> Verification:
    """Check an export, line by line; the export gives each chain in order of `seq`.

    `lines` are JSON objects with a `type` of `event`, `text`, `erased` or `checkpoint`. `witnessed` is a checkpoint
    hash that was kept outside: it must appear, else the log was rewritten before it.
    """
    log = _Log()
    for line in lines:
        try:
            log.read(line)
        except (AttributeError, KeyError, TypeError, ValueError):
            log.problems.append("a line that cannot be read")
    problems = [*log.problems]
    problems.extend(f"{chain} line {seq}: the text of {field} is missing" for chain, seq, field in log.promised)
    if witnessed is not None and witnessed not in log.checkpoints:
        problems.append(f"the witnessed checkpoint {witnessed[:16]}… is not in this log")
    return Verification(
        chains=len(log.heads),
        events=len(log.hashes),
        texts=log.texts,
        erased=log.erased,
        checkpoints=log.last.number,
        last_checkpoint=log.last.hash,
        problems=tuple(problems),
    )


class _Log:
    """What has been read of an export so far."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.heads: dict[str, AuditEvent] = {}
        self.hashes: dict[tuple[str, int], str] = {}
        self.promised: dict[tuple[str, int, str], str] = {}
        self.texts = 0
        self.erased = 0
        self.last = Checkpoint(number=0, at="", heads=(), prev=GENESIS, hash=GENESIS)
        self.checkpoints = {GENESIS}

    def read(self, line: Mapping[str, Any]) -> None:
        match line.get("type"):
            case "event":
                self._event(AuditEvent.model_validate(line))
            case "text" | "erased":
                self._text(line)
            case "checkpoint":
                self._checkpoint(Checkpoint.model_validate(line))
            case other:
                self.problems.append(f"a line of unknown type {other!r}")

    def _event(self, event: AuditEvent) -> None:
        before = self.heads.get(event.chain)
        self.problems += link_faults(event.__dict__, before.seq if before else 0, before.hash if before else GENESIS)
        for field, expected in promised_texts(event.detail).items():
            self.promised[(event.chain, event.seq, field)] = expected
        self.heads[event.chain] = event
        self.hashes[(event.chain, event.seq)] = event.hash

    def _text(self, line: Mapping[str, Any]) -> None:
        place = (str(line["chain"]), int(line["seq"]), str(line["field"]))
        expected = self.promised.pop(place, None)
        where = f"{place[0]} line {place[1]}, {place[2]}"
        if expected is None:
            self.problems.append(f"{where}: a text that no line speaks of")
        elif line["type"] == "erased":
            self.erased += 1
        elif text_digest(str(line["salt"]), str(line["text"])) != expected:
            self.problems.append(f"{where}: the text was changed")
        self.texts += 1

    def _checkpoint(self, point: Checkpoint) -> None:
        if point.number != self.last.number + 1 or point.prev != self.last.hash:
            self.problems.append(f"checkpoint {point.number}: does not follow the one before it")
        own = digest([point.number, point.at, [[head.chain, head.seq, head.hash] for head in point.heads], point.prev])
        if own != point.hash:
            self.problems.append(f"checkpoint {point.number}: its content was changed")
        self.problems.extend(
            f"checkpoint {point.number}: {head.chain} line {head.seq} is missing or differs"
            for head in point.heads
            if self.hashes.get((head.chain, head.seq)) != head.hash
        )
        self.checkpoints.add(point.hash)
        self.last = point
