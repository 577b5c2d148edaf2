"""Ports for programs that cannot choose one themselves."""

import functools
import os
import random
import socket
from contextlib import suppress

from tests.parallel_process import NUMBER

# Below those that the system hands out, so that no connection takes one before its program listens.
# Each process that runs tests has its own, and gives none of them twice.
_LOWEST, _HIGHEST, _PROCESSES = 20_000, 32_000, 16


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    while True:
        port = _ports().pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@functools.cache
def _ports() -> list[int]:
    number = int(os.environ.get(NUMBER, "0")) % _PROCESSES
    ports = list(range(_LOWEST + number, _HIGHEST, _PROCESSES))
    random.SystemRandom().shuffle(ports)
    return ports
