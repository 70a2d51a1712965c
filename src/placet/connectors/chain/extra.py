"""Importing the libraries of the extra `chain`, without what they do to the whole process."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def importing() -> Iterator[None]:
    """Import them inside of this, everywhere.

    One of them raises the recursion limit of the process to 100,000; then a body of very many brackets overflows the
    stack of the JSON reader, and ends the process instead of being refused.
    """
    with _ONE_AT_A_TIME:
        before = sys.getrecursionlimit()
        try:
            yield
        finally:
            sys.setrecursionlimit(before)
