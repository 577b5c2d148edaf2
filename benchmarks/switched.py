"""This proxy with a ledger and a cache recorder that signals turn on and off while it runs.

For `ledger_latency` and `insight_ratios`. Two processes differ by more than either costs, by where
their memory lies and the order of their hashes. Off, an exchange ends as with
``ANTHROPIC_PROXY_LEDGER=false``, and as in `without_recorder`; the ledger's thread sleeps.
"""

import signal
import sys
from typing import NamedTuple
from unittest.mock import patch

from app.cli import main
from app.proxy import pipeline
from app.proxy.backlog import Backlog
from app.proxy.caching import OFF, CacheFlight, Caching
from app.proxy.request.client_request import ClientRequest
from app.telemetry import recorder
from app.telemetry.entry import Entry
from app.telemetry.recorders.ledger import LedgerRows


class State(NamedTuple):
    """Which of the two are on."""

    ledger: bool
    recorder: bool


NEITHER, LEDGER, RECORDER, BOTH = range(signal.SIGRTMIN, signal.SIGRTMIN + 4)
STATES = {
    NEITHER: State(ledger=False, recorder=False),
    LEDGER: State(ledger=True, recorder=False),
    RECORDER: State(ledger=False, recorder=True),
    BOTH: State(ledger=True, recorder=True),
}
_now = STATES[BOTH]


class Switched(LedgerRows):
    """Hands exchanges to the ledger while it is on."""

    def record(self, entry: Entry) -> None:
        """Hand over an exchange."""
        if _now.ledger:
            super().record(entry)


def flight(caching: Caching, request: ClientRequest, backlog: Backlog) -> CacheFlight:
    """Return what observes a request for the cache recorder while it is on."""
    return CacheFlight(caching if _now.recorder else OFF, request, backlog)


def _switch(number: int, _frame: object) -> None:
    global _now  # noqa: PLW0603 - a signal has no other place
    _now = STATES[number]


if __name__ == "__main__":
    for one in STATES:
        signal.signal(one, _switch)
    with (
        patch.object(recorder, "LedgerRows", Switched),
        patch.object(pipeline, "CacheFlight", flight),
    ):
        sys.exit(main())
