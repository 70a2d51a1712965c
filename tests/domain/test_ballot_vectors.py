"""Every way in which up to seven voters can vote, in every order, around every deadline, against the oracle."""

from collections.abc import Iterator
from itertools import product

import pytest

from domain.ballot_oracle import DAY, SECOND
from domain.ballot_play import ballots, disagreements

HOUR = 3600 * SECOND


def orders(choices: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every different order of these choices."""
    if not choices:
        yield ()
    for first in dict.fromkeys(choices):
        rest = list(choices)
        rest.remove(first)
        for order in orders(tuple(rest)):
            yield (first, *order)


def vectors(voters: int) -> Iterator[tuple[dict[str, str], tuple[str, ...]]]:
    """Who votes what, and in which order the choices come; who of those that vote alike comes first is all the same."""
    names = [f"v{number}" for number in range(voters)]
    for vector in product(("approve", "deny", None), repeat=voters):
        votes = {name: choice for name, choice in zip(names, vector, strict=True) if choice}
        for order in orders(tuple(votes.values())):
            yield votes, order


def sequence(votes: dict[str, str], order: tuple[str, ...]) -> list[tuple[str, str]]:
    waiting = {choice: [name for name, voted in votes.items() if voted == choice] for choice in ("approve", "deny")}
    return [(waiting[choice].pop(0), choice) for choice in order]


@pytest.mark.parametrize("voters", range(8))
def test_every_vector_in_every_order_ends_as_the_oracle_says(voters: int) -> None:
    roll = frozenset(f"v{number}" for number in range(voters))
    seen = 0
    for votes, order in vectors(voters):
        played, oracle = ballots(roll, remind="12h")
        now = 0
        for who, choice in sequence(votes, order):
            now += HOUR
            assert played.vote(who, choice, now) == oracle.vote(who, choice, now), (votes, order)
            oracle.look(now)
        # Just before, at and just after the reminder and the close: the clock ends it, once.
        reminder, close = oracle.close_at() - DAY // 2, oracle.close_at()
        for moment in (reminder, close) if voters < 6 else (close,):
            for at in (moment - 1, moment, moment + 1):
                played.look(at)
                oracle.look(at)
                assert disagreements(played, oracle, at) == [], (votes, order, at)
        assert played.verdict is not None
        seen += 1
    assert seen == [1, 3, 11, 45, 195, 873, 3989, 18483][voters]


@pytest.mark.parametrize("offset", [-1, 0, 1])
@pytest.mark.parametrize("voters", range(1, 6))
def test_a_late_vote_counts_before_the_deadline_and_never_from_it_on(voters: int, offset: int) -> None:
    """Whoever has not voted tries around the deadline, without anybody looking before."""
    roll = frozenset(f"v{number}" for number in range(voters))
    for votes, order in vectors(voters):
        for late in sorted(roll - set(votes))[:1]:
            for choice in ("approve", "deny"):
                played, oracle = ballots(roll)
                for place, (who, voted) in enumerate(sequence(votes, order)):
                    assert played.vote(who, voted, place * HOUR) == oracle.vote(who, voted, place * HOUR)
                at = oracle.close_at() + offset
                ended = oracle.early_end()
                answer = played.vote(late, choice, at)
                assert answer == oracle.vote(late, choice, at), (votes, order)
                assert answer == ("receipt" if offset < 0 and not ended else "ballot-closed")
                oracle.look(at)
                assert disagreements(played, oracle, at) == [], (votes, order, at)
