"""The control endpoints, for a simulator in another process.

=======================================  ==================================================
``GET /_simulator/requests``             what was received, oldest first; bodies in base64
``GET /_simulator/usage``                model to the sum of what was announced
``GET /_simulator/memory``               how many bytes of bodies it remembers
``POST /_simulator/script``              queue steps: JSON or the short form (`Step.parse`)
``POST /_simulator/goaway``              GOAWAY on every connection
``DELETE /_simulator/requests``          forget requests, sums and steps
=======================================  ==================================================

``POST /_simulator/echo`` is no control: it answers with the request's body, and is recorded.
"""

from collections.abc import Callable
from typing import Any, Protocol

from .answer import Response, as_json, error, framed
from .received import Received
from .step import Step
from .usage import Usage

PREFIX = b"/_simulator/"
ECHO = b"/_simulator/echo"
_ID = "req_sim_control"


class Controlled(Protocol):
    """The simulator, as far as it can be controlled."""

    @property
    def received(self) -> list[Received]:
        """The requests that came."""

    @property
    def usage(self) -> dict[str, Usage]:
        """The sums announced."""

    @property
    def keep(self) -> int:
        """The bytes of bodies that it remembers."""

    def script(self, *steps: Step) -> None:
        """Queue steps."""

    def reset(self) -> None:
        """Forget everything."""

    def goaway(self) -> None:
        """Send GOAWAY on every connection."""


def controls(received: Received) -> bool:
    """Return True if a request is for the simulator itself."""
    return received.target.startswith(PREFIX) and received.path != ECHO


def respond(simulator: Controlled, received: Received, body: bytes) -> Response:
    """Do what a control request asks."""
    act = _ACTS.get((received.method, received.path.removeprefix(PREFIX)))
    if act is None:
        return framed(error(404, _ID, "The simulator has no such control"))
    try:
        return framed(as_json(act(simulator, body)))
    except ValueError as exc:
        return framed(error(400, _ID, str(exc)))


def _requests(simulator: Controlled, _: bytes) -> Any:
    return [_described(received) for received in simulator.received]


def _described(received: Received) -> dict[str, Any]:
    names = [name for name in Received.__slots__ if not name.startswith("_")]
    return {name: getattr(received, name) for name in names} | {
        "target": received.target.decode("latin-1"),
        "authority": received.authority.decode("latin-1"),
        "headers": [[part.decode("latin-1") for part in field] for field in received.headers],
        "body": received.body,  # msgspec writes bytes in base64
        "sent": received.sent,
    }


def _usage(simulator: Controlled, _: bytes) -> Any:
    return simulator.usage


def _memory(simulator: Controlled, _: bytes) -> Any:
    return {"bodies": simulator.keep}


def _script(simulator: Controlled, body: bytes) -> Any:
    steps = Step.parse(body)
    simulator.script(*steps)
    return {"queued": sum(step.times for step in steps)}


def _goaway(simulator: Controlled, _: bytes) -> Any:
    simulator.goaway()
    return {}


def _reset(simulator: Controlled, _: bytes) -> Any:
    simulator.reset()
    return {}


_ACTS: dict[tuple[str, bytes], Callable[[Controlled, bytes], Any]] = {
    ("GET", b"requests"): _requests,
    ("GET", b"usage"): _usage,
    ("GET", b"memory"): _memory,
    ("POST", b"script"): _script,
    ("POST", b"goaway"): _goaway,
    ("DELETE", b"requests"): _reset,
}
