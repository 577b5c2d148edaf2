"""How an exchange ends. The table below is the only place that decides an outcome.

Theory of operation
===================

An exchange is in one of three states, named for what its client has been sent:

``waiting``   nothing of a response; the proxy can still answer by itself.
``relaying``  upstream's response has started; it can only be finished or cut.
``relayed``   every byte of upstream's response; what remains is to end it.

A `Cause` is something that happens to the exchange. `TABLE` says what each cause leads to in each
state: another state, or an `Outcome`. An outcome is final: the first cause that leads to one
decides, and nothing that happens later changes it. Two parties may therefore report an end at the
same time, and exactly one outcome is recorded.

``relayed`` is a state of its own because clients close the connection as soon as they have the
last byte. That exchange is complete, and nothing of it may be cancelled any more. Whether upstream
reported an error inside its response is known only when the response has been read, so this is
decided last.

A cause that `TABLE` does not list for a state is a defect of the proxy.

``python -m app.proxy.endings`` prints the table as a diagram, which docs/architecture.md shows.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

from ..errors import (
    Busy,
    ClientFailure,
    Draining,
    NoSlot,
    ProxyFailure,
    UpstreamCut,
    UpstreamFailure,
    UpstreamSilent,
    UpstreamTimeout,
)
from ..exchange import Failure, Outcome


class State(StrEnum):
    """What the client has been sent."""

    __hash__ = str.__hash__  # an enum's own is a call

    WAITING = "waiting"
    RELAYING = "relaying"
    RELAYED = "relayed"


class Cause(StrEnum):
    """What happens to an exchange."""

    __hash__ = str.__hash__

    RESPONSE_STARTED = "response started"  # upstream's; the proxy's own answers are refusals
    RESPONSE_RELAYED = "response relayed"
    CLIENT_LEFT = "client left"
    DRAIN_ENDED = "drain ended"
    SERVER_CANCELLED = "server cancelled"
    REQUEST_REFUSED = "request refused"  # the client's fault
    NO_ROOM = "no room"  # the proxy is draining, or serves too many requests
    NO_SLOT = "no slot"
    UPSTREAM_FAILED = "upstream failed"
    UPSTREAM_TIMED_OUT = "upstream timed out"
    RESPONSE_CUT = "response cut"
    RESPONSE_TIMED_OUT = "response timed out"
    DEFECT = "defect"
    ERROR_EVENT = "error event"  # inside a response that has been relayed
    RECORDED = "recorded"  # the record is made: nothing more happens


_INTERRUPTED = {
    Cause.CLIENT_LEFT: Outcome.CLIENT_ABORT,
    Cause.DRAIN_ENDED: Outcome.SHUTDOWN,
    Cause.SERVER_CANCELLED: Outcome.SHUTDOWN,
}
_FAULTY = {
    Cause.REQUEST_REFUSED: Outcome.CLIENT_ERROR,  # an upload may fail beside a response
    Cause.DEFECT: Outcome.PROXY_ERROR,
    Cause.RECORDED: Outcome.PROXY_ERROR,  # no cause was reported
}

TABLE: Mapping[State, Mapping[Cause, State | Outcome]] = MappingProxyType(
    {
        State.WAITING: {
            Cause.RESPONSE_STARTED: State.RELAYING,
            **_INTERRUPTED,
            **_FAULTY,
            Cause.NO_ROOM: Outcome.PROXY_REJECTED,
            Cause.NO_SLOT: Outcome.PROXY_TIMEOUT,
            Cause.UPSTREAM_FAILED: Outcome.UPSTREAM_ERROR,
            Cause.UPSTREAM_TIMED_OUT: Outcome.UPSTREAM_TIMEOUT,
        },
        State.RELAYING: {
            Cause.RESPONSE_RELAYED: State.RELAYED,
            **_INTERRUPTED,
            **_FAULTY,
            Cause.RESPONSE_CUT: Outcome.UPSTREAM_ABORT,
            Cause.RESPONSE_TIMED_OUT: Outcome.UPSTREAM_TIMEOUT,
        },
        State.RELAYED: {
            **dict.fromkeys(_INTERRUPTED, State.RELAYED),
            Cause.REQUEST_REFUSED: State.RELAYED,
            Cause.DEFECT: State.RELAYED,
            Cause.ERROR_EVENT: Outcome.UPSTREAM_ERROR_EVENT,
            Cause.RECORDED: Outcome.COMPLETE,
        },
    }
)

# The first that matches wins; every other failure is a defect.
_CAUSES: tuple[tuple[type[ProxyFailure | UpstreamCut], Cause], ...] = (
    (UpstreamSilent, Cause.RESPONSE_TIMED_OUT),
    (UpstreamCut, Cause.RESPONSE_CUT),
    (UpstreamTimeout, Cause.UPSTREAM_TIMED_OUT),
    (UpstreamFailure, Cause.UPSTREAM_FAILED),
    (ClientFailure, Cause.REQUEST_REFUSED),
    (NoSlot, Cause.NO_SLOT),
    (Busy, Cause.NO_ROOM),
    (Draining, Cause.NO_ROOM),
)


def cause_of(failure: ProxyFailure | UpstreamCut) -> Cause:
    """Return what a failure means for its exchange."""
    causes = (cause for kind, cause in _CAUSES if isinstance(failure, kind))
    return next(causes, Cause.DEFECT)


class Ending:
    """Where one exchange stands, and how it ended.

    State: ``_at``, a `State` until the `Outcome` is known; ``failure``, the last that was noted.
    """

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self._at: State | Outcome = State.WAITING

    def on(self, cause: Cause) -> bool:
        """Take in what has happened; return True if it decides the outcome."""
        if isinstance(self._at, Outcome):
            return False
        self._at = TABLE[self._at].get(cause, Outcome.PROXY_ERROR)
        return isinstance(self._at, Outcome)

    def fail(self, failure: ProxyFailure | UpstreamCut) -> None:
        """Take in a failure, and keep what the client was told."""
        self.failure = Failure(failure.source, failure.error_type, failure.reason)
        self.on(cause_of(failure))

    def finish(self, *, error_event: bool = False) -> Outcome:
        """Return the outcome; nothing more will happen.

        ``error_event`` says that upstream reported an error inside its response.
        """
        if error_event and self._at is State.RELAYED:
            self.on(Cause.ERROR_EVENT)
        self.on(Cause.RECORDED)
        return Outcome(self._at)


def diagram() -> str:
    """Return `TABLE` as a Mermaid state diagram."""
    return "\n".join(["stateDiagram-v2", "    [*] --> waiting", *_arrows(), *_ends(), ""])


def _arrows() -> Iterator[str]:
    """Yield an arrow for each pair of states, labelled with all causes that lead along it."""
    for state, row in TABLE.items():
        for target in dict.fromkeys(row.values()):
            causes = ", ".join(cause for cause in row if row[cause] is target)
            yield f"    {state} --> {target}: {causes}"


def _ends() -> Iterator[str]:
    return (f"    {outcome} --> [*]" for outcome in Outcome)


if __name__ == "__main__":
    sys.stdout.write(diagram())
