"""Random traces of a ballot against the oracle; a million of them with LONG=1, else a few thousand."""

import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random

from domain.ballot_oracle import DAY, SECOND, OracleVote
from domain.ballot_play import PROPOSER, Played, ballots, disagreements

LONG = bool(os.environ.get("LONG"))
BLOCK = 5_000
BLOCKS = 200 if LONG else 1
STEPS = (SECOND, 3600 * SECOND, 3600 * SECOND, DAY, 5 * DAY)
SHARES = ((1, 2), (1, 2), (1, 3), (2, 3), (3, 4), (1, 1))
EARLY = ((1, 2), (1, 2), (1, 2), (2, 3), (3, 4), None)


def trace(seed: int) -> Counter[str]:
    """Play one trace; the words that came up. Raises AssertionError with the seed and what happened so far."""
    chance, seen, told = Random(seed), Counter[str](), list[str]()
    people = [f"v{number}" for number in range(chance.randrange(10))]
    voters = frozenset([*people, PROPOSER] if chance.random() < 0.5 else people)
    everybody = [*people * 4, PROPOSER, "outsider"]
    played, oracle = ballots(
        voters,
        quorum=chance.choice(SHARES),
        early=chance.choice(EARLY),
        tie=chance.choice(["deny", "deny", "approve"]),
        remind=chance.choice([None, "12h", "24h", "15d"]),
    )
    leaning, at = chance.random(), 0
    for _ in range(chance.randrange(1, 16)):
        at = max(at, moment(chance, oracle, at))
        word = step(chance, played, oracle, everybody, leaning, at)
        told.append(f"{at}: {word}")
        wrong = disagreements(played, oracle, at)
        assert not wrong, f"seed {seed}: {wrong} after {told}"
        seen[word.split()[-1]] += 1
    end = oracle.end(at)
    seen[f"{end.outcome} {end.why}" if end else "open"] += 1
    return seen


def moment(chance: Random, oracle: OracleVote, at: int) -> int:
    """A little or a long while later, or around the next thing that the clock does."""
    match chance.randrange(15):
        case 0:
            return oracle.close_at() + chance.choice([-1, 0, 1])
        case 1:
            return (oracle.remind_at() or oracle.close_at()) + chance.choice([-1, 0, 1])
        case 2 | 3:
            return at
    return at + chance.randrange(chance.choice(STEPS))


def step(chance: Random, played: Played, oracle: OracleVote, everybody: list[str], leaning: float, at: int) -> str:
    """Do one thing on both sides; what came of it."""
    what = chance.random()
    if oracle.paused_since is not None and what > 0.6:
        same(played.resume(at), oracle.resume(at))
        oracle.look(at)
        return "resumed"
    if what < 0.8:
        who, choice = chance.choice(everybody), "approve" if chance.random() < leaning else "deny"
        if chance.random() < 0.02:
            choice = "aprove"
        oracle.look(at)
        mine, answer = played.vote(who, choice, at), oracle.vote(who, choice, at)
        oracle.look(at)
        same(mine, answer)
        return f"{who} {choice} {answer}"
    if what < 0.87:
        who = chance.choice(everybody)
        for role in (played.role, oracle.role):
            role.symmetric_difference_update({who})
        played.look(at)
        oracle.look(at)
        return f"{who} role-moved"
    if what < 0.93:
        oracle.look(at)
        same(played.pause(at), paused := oracle.pause(at))
        return "paused" if paused else "not-paused"
    if what < 0.95:
        oracle.look(at)
        same(played.force_approve(at), done := oracle.force_approve(at))
        return "force" if done else "not-forced"
    played.look(at)
    oracle.look(at)
    return "looked"


def same(ours: object, theirs: object) -> None:
    assert ours == theirs, f"{ours} against {theirs}"


def block(number: int) -> Counter[str]:
    """The traces of one block; the seed of a failure is named, so that it can be played alone."""
    total = Counter[str]()
    for seed in range(number * BLOCK, (number + 1) * BLOCK):
        try:
            total += trace(seed)
        except Exception as error:
            error.add_note(f"trace({seed})")
            raise
    return total


def test_random_traces_agree_with_the_oracle() -> None:
    total = Counter[str]()
    if LONG:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            for found in pool.map(block, range(BLOCKS)):
                total += found
    else:
        for number in range(BLOCKS):
            total += block(number)
    print(f"{BLOCK * BLOCKS} traces: {dict(sorted(total.items()))}")
    # Every kind of end and of refusal has come up often enough to mean something.
    ends = {"approve early", "deny early", "approve countdown", "deny countdown", "expired expired", "approve forced"}
    refused = {"own-proposal", "not-a-voter", "not-on-roll", "unknown-outcome", "already-voted", "ballot-closed"}
    for word in {*ends, *refused, "case-paused", "open", "receipt", "resumed", "force"}:
        assert total[word] > BLOCK * BLOCKS // 200, (word, total)
