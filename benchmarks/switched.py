"""This proxy with a ledger that signals turn on (SIGUSR1) and off (SIGUSR2): for `ledger_latency`.

Two processes differ by more than the ledger costs, by where their memory lies and the order of
their hashes. Off, an exchange ends as with ``ANTHROPIC_PROXY_LEDGER=false``, and the thread sleeps.
"""

import signal
import sys
from unittest.mock import patch

from app.cli import main
from app.telemetry import recorder
from app.telemetry.entry import Entry
from app.telemetry.recorders.ledger import LedgerRows

ON, OFF = signal.SIGUSR1, signal.SIGUSR2
_off = False


class Switched(LedgerRows):
    """Hands exchanges to the ledger while it is on."""

    def record(self, entry: Entry) -> None:
        """Hand over an exchange."""
        if not _off:
            super().record(entry)


def _switch(number: int, _frame: object) -> None:
    global _off  # noqa: PLW0603 - a signal has no other place
    _off = number == OFF


if __name__ == "__main__":
    for one in (ON, OFF):
        signal.signal(one, _switch)
    with patch.object(recorder, "LedgerRows", Switched):
        sys.exit(main())
