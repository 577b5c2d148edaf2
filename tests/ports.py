"""Ports for programs that cannot choose one themselves."""

import os
import random
import socket
from contextlib import suppress

# Below those that the system hands out, so that no connection takes one before its program listens.
# Each worker has its own, and gives none of them twice.
_LOWEST, _HIGHEST, _WORKERS = 20_000, 32_000, 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = list(range(_LOWEST + _WORKER % _WORKERS, _HIGHEST, _WORKERS))
random.SystemRandom().shuffle(_PORTS)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    while True:
        port = _PORTS.pop()
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
