"""What was done to the money and what came of it, line by line; `MONEY_REPORT` names the page it is written to."""

import os
from dataclasses import dataclass
from pathlib import Path

ROUNDS = int(os.environ.get("ROUNDS", "1"))

HEAD = """# Exactly-once money

Written by `make proof-money`, ROUNDS={rounds}. Each line is a fault that was injected into a real executor on a real
local chain. The chain alone is the judge: it was read without any code of Placet, transaction by transaction.
*Expected* and *seen* count transfers; *reused* counts nonces that the chain has twice, *left out* those it lacks.

| Fault | Injected | Transfers expected | seen | Nonces reused | left out |
|---|--:|--:|--:|--:|--:|
"""


@dataclass
class Line:
    injected: int = 0
    expected: int = 0
    seen: int = 0
    reused: int = 0
    left_out: int = 0


LINES: dict[str, Line] = {}


def judge(fault: str, injected: int, expected: int, judged: tuple[int, int, int]) -> None:
    """Keep a line, and fail unless the chain has exactly what was expected."""
    assert injected > 0, "the fault was never injected"
    line = LINES.setdefault(fault, Line())
    line.injected += injected
    line.expected += expected
    line.seen += judged[0]
    line.reused += judged[1]
    line.left_out += judged[2]
    assert judged == (expected, 0, 0), f"{fault}: expected {expected}, the chain says {judged}"


def write() -> None:
    """The page, if this run was asked for one."""
    target = os.environ.get("MONEY_REPORT")
    if target is None or not LINES:
        return
    rows = [
        f"| {fault} | {line.injected} | {line.expected} | {line.seen} | {line.reused} | {line.left_out} |"
        for fault, line in sorted(LINES.items())
    ]
    total = Line(*(sum(getattr(line, name) for line in LINES.values()) for name in Line.__dataclass_fields__))
    rows.append(f"| **All** | {total.injected} | {total.expected} | {total.seen} | {total.reused} | {total.left_out} |")
    Path(target).write_text(HEAD.format(rounds=ROUNDS) + "\n".join(rows) + "\n", encoding="utf-8")
