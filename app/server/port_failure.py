"""Says in words why a port cannot be listened on, and what to do."""

import errno
import os

from ..failures import StartError


class PortFailure(StartError):
    """A port cannot be listened on: the ``problem``, and what to do about it."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(f"{problem}: {advice}")
        self.problem = problem
        self.advice = advice


def port_failure(
    exc: OSError | ValueError, host: str, port: int, *, at: str, sets_port: str, sets_host: str
) -> PortFailure:
    """Return the failure to listen; ``at`` is the port as given, the rest what gives others."""
    number = getattr(exc, "errno", None)
    if number == errno.EADDRINUSE:
        return PortFailure(
            f"{at}: port {port} on {host} is taken", f"stop what uses it, or set {sets_port}"
        )
    if number == errno.EACCES:
        return PortFailure(f"{at}: not allowed to listen on port {port}", "take one from 1024 on")
    return PortFailure(
        f"{at}: cannot listen on {host} ({reason(exc)})",
        f"set {sets_host} to an address of this machine",
    )


def reason(exc: OSError | ValueError) -> str:
    """Return the error in words, without the address that asyncio adds."""
    if not isinstance(exc, OSError):
        return str(exc)
    if exc.errno is not None and exc.errno > 0:
        return os.strerror(exc.errno)
    return exc.strerror or str(exc)
