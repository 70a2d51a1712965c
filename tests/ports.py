"""Ports for the servers that tests start."""

import itertools
import os
import random

from placet.runtime.embedded import EmbeddedServerError, check_port

# Each process of a test run has its own, below those that `placet` itself chooses, which are below those that systems
# give to outgoing connections: a server may listen long after its port was chosen, and again after a kill.
SHARE = 1_250
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_MINE = range(10_000 + _WORKER * SHARE, 10_000 + (_WORKER + 1) * SHARE)
_NEXT = itertools.count(random.randrange(SHARE))


def free_port() -> int:
    """A loopback port that nothing listens on, and that no other test is given."""
    for number in itertools.islice(_NEXT, SHARE):
        try:
            check_port(port := _MINE[number % SHARE])
        except EmbeddedServerError:
            continue
        return port
    raise AssertionError("no port is free")
