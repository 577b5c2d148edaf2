"""All parts of the budgets, and the tasks that keep them up to date."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..ledger.places import Place, reading
from .announced import Announced
from .guard import Guard
from .meter import Meter
from .rules import Budget
from .sums import Sums, read_sums
from .watch import Watch
from .webhook import Webhook

SECONDS = 5.0  # that a reading of the ledger may take


class Budgets(msgspec.Struct, frozen=True):
    """``guard`` is None where budgets are not enforced, ``webhook`` where there is none."""

    meter: Meter
    watch: Watch
    guard: Guard | None = None
    webhook: Webhook | None = None

    @classmethod
    def of(
        cls,
        budgets: tuple[Budget, ...],
        *,
        ledger: Place,
        announced: Path,
        host: str,
        wall: Callable[[], float],
        enforce: bool,
        webhook: Webhook | None = None,
    ) -> "Budgets":
        """Return them for a ledger, with the file of what was ``announced``."""
        meter = Meter(budgets)
        guard = Guard(meter, wall) if enforce else None

        def read(now: float, since: float) -> Sums:
            with reading(ledger, seconds=SECONDS) as reader:
                return read_sums(reader, budgets, now, since)

        watch = Watch(
            meter,
            read=read,
            announced=Announced(announced),
            host=host,
            enforced=enforce,
            wall=wall,
        )
        if webhook is not None:
            watch.announce = webhook.put
        return cls(meter, watch, guard, webhook)

    async def run(self) -> None:
        """Run the tasks, until cancelled; the webhook then sends what waits."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch.run())
            if self.webhook is not None:
                tasks.create_task(self.webhook.run())
