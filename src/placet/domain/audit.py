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


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def text_digest(salt: str, text: str) -> str:
    """What a chain holds of personal text. Without the salt it says nothing, so the text can be erased."""
    return hashlib.sha256(f"{salt}\x00{text}".encode()).hexdigest()


def stamp(at: datetime) -> str:
    """UTC, microseconds, one spelling on every database."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
    problems: list[str] = []
    heads: dict[str, AuditEvent] = {}
    hashes: dict[tuple[str, int], str] = {}
    promised: dict[tuple[str, int, str], str] = {}
    texts = erased = 0
    last = Checkpoint(number=0, at="", heads=(), prev=GENESIS, hash=GENESIS)
    seen_checkpoints = {GENESIS}
    for line in lines:
        match line.get("type"):
            case "event":
                event = AuditEvent.model_validate(line)
                before = heads.get(event.chain)
                where = f"{event.chain} line {event.seq}"
                if event.seq != (before.seq if before else 0) + 1:
                    problems.append(f"{where}: lines are missing or out of order before it")
                if event.prev != (before.hash if before else GENESIS):
                    problems.append(f"{where}: does not follow the line before it")
                if event.hash != line_hash(
                    event.chain, event.seq, event.at, event.actor, event.action, event.detail, event.prev
                ):
                    problems.append(f"{where}: its content was changed")
                for field, value in event.detail.items():
                    if isinstance(value, dict) and set(value) == {"digest"}:
                        promised[(event.chain, event.seq, field)] = value["digest"]
                heads[event.chain] = event
                hashes[(event.chain, event.seq)] = event.hash
            case "text" | "erased":
                place = (str(line["chain"]), int(line["seq"]), str(line["field"]))
                expected = promised.pop(place, None)
                where = f"{place[0]} line {place[1]}, {place[2]}"
                if expected is None:
                    problems.append(f"{where}: a text that no line speaks of")
                elif line["type"] == "erased":
                    erased += 1
                elif text_digest(str(line["salt"]), str(line["text"])) != expected:
                    problems.append(f"{where}: the text was changed")
                texts += 1
            case "checkpoint":
                point = Checkpoint.model_validate(line)
                if point.number != last.number + 1 or point.prev != last.hash:
                    problems.append(f"checkpoint {point.number}: does not follow the one before it")
                again = digest([point.number, point.at, [[h.chain, h.seq, h.hash] for h in point.heads], point.prev])
                if again != point.hash:
                    problems.append(f"checkpoint {point.number}: its content was changed")
                problems.extend(
                    f"checkpoint {point.number}: {head.chain} line {head.seq} is missing or differs"
                    for head in point.heads
                    if hashes.get((head.chain, head.seq)) != head.hash
                )
                seen_checkpoints.add(point.hash)
                last = point
            case other:
                problems.append(f"a line of unknown type {other!r}")
    problems.extend(f"{chain} line {seq}: the text of {field} is missing" for chain, seq, field in promised)
    if witnessed is not None and witnessed not in seen_checkpoints:
        problems.append(f"the witnessed checkpoint {witnessed[:16]}… is not in this log")
    return Verification(
        chains=len(heads),
        events=len(hashes),
        texts=texts,
        erased=erased,
        checkpoints=last.number,
        last_checkpoint=last.hash,
        problems=tuple(problems),
    )
