"""The task that reads sums and announces: what goes wrong costs nothing but what it must."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.budgets.announced import Announced
from app.budgets.meter import Meter, Spend
from app.budgets.rules import parse
from app.budgets.sums import Sums
from app.budgets.watch import PATIENCE, Watch
from app.ledger.file import UnusableLedger
from tests.proxying import until

NOW = 1_790_000_000.0
DOLLAR = 1_000_000_000


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as kept:
        yield kept


class Watched:
    """A watch of one budget. ``failing`` is what its readings raise; ``asked`` counts them."""

    def __init__(self, path: Path) -> None:
        self.failing: Exception | None = None
        self.since: list[float] = []
        self.texts: list[str] = []
        self.meter = Meter(parse("day:10"))
        self.watch = Watch(
            self.meter,
            read=self._read,
            announced=Announced(path),
            host="a-host",
            enforced=True,
            wall=lambda: NOW,
            sleep=lambda _: asyncio.sleep(0),
        )
        self.watch.announce = self.texts.append

    def _read(self, _: float, since: float) -> Sums:
        self.since.append(since)
        if self.failing is not None:
            raise self.failing
        return {}

    def spend(self, dollars: float) -> None:
        self.meter.add(NOW, None, {}, Spend(int(dollars * DOLLAR)))
        self.watch.spent()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_what_is_reached_is_announced_at_once_and_once(tmp_path: Path) -> None:
    one = Watched(tmp_path / "announced")
    async with one.running():
        one.spend(9)
        await until(lambda: one.texts != [])
        one.spend(2)
        await until(lambda: len(one.texts) == 2)
    assert one.texts == [
        "anthropic-proxy on a-host: 90% of the budget for today is used: $9.00 of $10.00.",
        (
            "anthropic-proxy on a-host: 110% of the budget for today is used: $11.00 of $10.00. "
            "New requests are refused until midnight."
        ),
    ]


@pytest.mark.parametrize("failure", [UnusableLedger("it is damaged"), RuntimeError("a defect")])
async def test_a_ledger_that_cannot_be_read_is_read_again(
    tmp_path: Path, failure: Exception, lines: list[Any]
) -> None:
    one = Watched(tmp_path / "announced")
    one.failing = failure
    async with one.running():
        await until(lambda: len(one.since) > PATIENCE + 2)
        one.failing = None
        await until(lambda: one.since[-1] > 0)
        one.spend(5)
        await until(lambda: one.texts != [])
    warned = [line for line in lines if line["event"] == "budgets: the ledger cannot be read"]
    assert len(warned) == isinstance(failure, UnusableLedger)


async def test_a_directory_that_cannot_be_written_stops_no_announcement(
    tmp_path: Path, lines: list[Any]
) -> None:
    one = Watched(tmp_path / "missing" / "announced")
    async with one.running():
        one.spend(5)
        await until(lambda: len(one.texts) == 1)
        one.spend(5)
        await until(lambda: len(one.texts) == 2)
    said = [line["event"] for line in lines]
    assert said.count("budgets: announcements cannot be recorded") == 1
