"""Judging and hashing passwords: slow by intention, so in few threads, and with a bound on those who wait."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pwdlib import PasswordHash
from zxcvbn import zxcvbn

from placet.control.errors import Problem
from placet.domain.said import Said

Answer = TypeVar("Answer")

GUESSABLE = 3
"""Of 0 to 4: what scores less falls to fewer than a hundred million guesses: words, names, dates, rows of keys."""
JUDGED = 72
"""Characters from the start; the work grows with their square."""
AT_ONCE = 2
MOST_WAITING = 50


class Passwords:
    def __init__(self) -> None:
        self._hash = PasswordHash.recommended()
        self._threads = ThreadPoolExecutor(AT_ONCE, "placet-passwords")
        self._waiting = 0
        self._nobody: str | None = None
        self._judging = threading.Lock()

    async def guessable(self, password: str, *known: str) -> bool:
        """Whether others would soon guess it; `known` are what they know of the person, such as their names."""
        return await self._slowly(lambda: self._score(password, known) < GUESSABLE)

    async def hashed(self, password: str) -> str:
        return await self._slowly(lambda: self._hash.hash(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether it is this password. Without a stored one as much is computed, so that time tells nothing."""
        known = stored or self._nobody
        if known is None:
            known = self._nobody = await self.hashed("nobody has this password")
        right = await self._slowly(lambda: self._hash.verify(password, known))
        return right and stored is not None

    def _score(self, password: str, known: Sequence[str]) -> int:
        # The library keeps what is known of the person in a variable of its own, one for all threads.
        with self._judging:
            return int(zxcvbn(password[:JUDGED], user_inputs=known, max_length=JUDGED)["score"])

    async def _slowly(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= MOST_WAITING:
            raise Problem(
                "unavailable", Said("Very many people are signing in at this moment; try again in a few seconds.")
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
