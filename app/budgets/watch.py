"""The task that reads the ledger's sums from time to time, and announces what was reached."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from ..ledger.file import UnusableLedger
from ..ledger.reader import NoLedger, TooSlow
from .announced import Announced
from .meter import Meter, Reached
from .periods import day_of
from .sums import Sums
from .words import announcement

INTERVAL = 5.0  # seconds between two readings of the ledger
SHARE = 20  # reading takes at most 1/20 of the time
OVERLAP = 120.0  # seconds that two readings of sessions have in common: clocks of processes differ
EVER = 0.0
PATIENCE = 3  # readings in a row that fail before a warning: it may be being set up

log = structlog.get_logger(__name__)

Read = Callable[[float, float], Sums]  # given now, and since when sessions are of interest


class Watch:
    """Keeps a meter up to date. ``announce`` is given each text once, ``count`` what was reached.

    ``read`` and ``announced`` may block, so they run on threads. State: ``_wake``, set when
    something was reached; ``_since``, when sessions were last read; ``_unreadable``, how
    often in a row the ledger was; ``_forgetful`` once a warning was given.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        read: Read,
        announced: Announced,
        host: str,
        enforced: bool,
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.meter = meter
        self.announce: Callable[[str], None] = lambda _text: None
        self.count: Callable[[str, int], None] = lambda _budget, _threshold: None
        self._read = read
        self._announced = announced
        self._host = host
        self._enforced = enforced
        self._wall = wall
        self._sleep = sleep
        self._wake = asyncio.Event()
        self._since = EVER
        self._unreadable = 0
        self._forgetful = False

    def spent(self) -> None:
        """Note that something was spent."""
        self._wake.set()

    async def run(self) -> None:
        """Read and announce, until cancelled."""
        await asyncio.gather(self._keep_reading(), self._keep_announcing())

    async def _keep_reading(self) -> None:
        while True:
            started = time.monotonic()
            await self._update()
            self._wake.set()
            await self._sleep(max(INTERVAL, SHARE * (time.monotonic() - started)))

    async def _keep_announcing(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            reached = self.meter.take_reached()
            if reached:
                await self._announce(reached)

    async def _update(self) -> None:
        now = self._wall()
        try:
            sums = await asyncio.to_thread(self._read, now, self._since)
        except NoLedger:
            return  # no request yet
        except (UnusableLedger, TooSlow) as exc:
            self._unreadable += 1
            if self._unreadable == PATIENCE:
                log.warning("budgets: the ledger cannot be read", reason=str(exc))
        except Exception:
            log.exception("budgets failed")
        else:
            self._unreadable = 0
            self._since = now - OVERLAP
            self.meter.read(sums)

    async def _announce(self, reached: Sequence[Reached]) -> None:
        try:
            new = await asyncio.to_thread(self._announced.claim, reached, day_of(self._wall()))
        except OSError as exc:
            new = [*reached]
            if not self._forgetful:
                self._forgetful = True
                log.warning("budgets: announcements cannot be recorded", reason=exc.strerror)
        for one in new:
            text = announcement(one, self._host, enforced=self._enforced)
            log.warning(
                "budget used", budget=one.budget.name, percent=one.threshold, explanation=text
            )
            self.count(one.budget.name, one.threshold)
            self.announce(text)
