"""Whether the ledger makes clients wait: the median time of a request with and without it.

    python -m benchmarks.ledger_latency [--blocks 10] [--starts 4]

The CPU time of a request is compared as well, which other work on the machine disturbs less.

One client posts 50 KB again and again through one proxy, whose ledger is turned on and off while it
runs (`benchmarks.switched`). A block is four turns: on, off, off, on, so that a machine that slowly
changes its speed favours neither. Each turn begins with `SETTLING` seconds that do not count: rows
are written half a second after their requests, so that those of one turn would burden the next.
Between the turns, the same requests go to upstream itself, which says what the proxy adds.

A block gives one ratio, of the geometric means of its turns' medians. The table has the median of
the blocks and its error at 95 % (the notch of a box plot); ``again`` compares the two turns of a
block without a ledger, whose true ratio is 1. The exit code is 0 if the ratio is certainly below
the goal, 1 if it is above, 2 if that is not decided. By default it takes five minutes, on a machine
that does nothing else.
"""

import math
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import arguments, peers, process
from benchmarks.load import Client
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.switched import BOTH, RECORDER
from benchmarks.workloads import KB, Posted

GOAL = 1.02  # times the median time without the ledger
BLOCKS, STARTS = 10, 4
SETTLING = 0.7  # seconds
TURN, DIRECT = 1.0, 0.1  # seconds that count of a turn, and that upstream is asked between them
WARMING = 3.0  # seconds at the start
_ORDER = (BOTH, RECORDER, RECORDER, BOTH)


@dataclass(frozen=True, slots=True)
class Turn:
    """The median time of a request, and the proxy's CPU time for one, in ms."""

    waited: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Block:
    """Four turns, with the median time of a request to upstream itself meanwhile."""

    turns: Sequence[Turn]
    direct: float = 0.0

    @property
    def whole(self) -> float:
        """The ratio of what a client waits with the ledger to that without."""
        return _ratio([turn.waited for turn in self.turns])

    @property
    def added(self) -> float:
        """The same of what the proxy adds."""
        return _ratio([turn.waited - self.direct for turn in self.turns])

    @property
    def cpu(self) -> float:
        """The same of the proxy's CPU time."""
        return _ratio([turn.cpu for turn in self.turns])

    @property
    def again(self) -> float:
        """The ratio of what a client waits in both turns without a ledger."""
        _, second, third, _ = self.turns
        return second.waited / third.waited


def _ratio(values: Sequence[float]) -> float:
    first, second, third, fourth = values
    return math.sqrt(first * fourth / (second * third))


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median over the blocks; ``error`` at 95 %."""

    median: float
    error: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Ratio":
        """Return it, of two blocks at least."""
        low, middle, high = statistics.quantiles(ratios, method="inclusive")
        return cls(middle, 1.57 * (high - low) / math.sqrt(len(ratios)))

    def __str__(self) -> str:
        return f"{self.median:.4f} ± {self.error:.4f}"


async def measure(on: Stage, blocks: int, starts: int) -> list[Block]:
    """Return the blocks of all starts."""
    return [block for _ in range(starts) for block in await _started(on, blocks)]


async def _started(on: Stage, blocks: int) -> list[Block]:
    command, port = on.command(peers.SWITCHED)
    with process.running(command, on.cores.proxy, log=on.log) as proxy:
        await answering(port, on.trusted)
        client = await Client.connect(port, on.trusted)
        upstream = await Client.connect(on.upstream_port, on.trusted)
        await _waits(client, WARMING)
        return [await _block(proxy, client, upstream) for _ in range(blocks)]


async def _block(proxy: process.Process, client: Client, upstream: Client) -> Block:
    turns, direct = [], []
    for switch in _ORDER:
        proxy.child.send_signal(switch)
        await _waits(client, SETTLING)
        before = proxy.cpu
        waits = await _waits(client, TURN)
        cpu = (proxy.cpu - before) / len(waits)
        turns.append(Turn(statistics.median(waits), cpu * 1000))
        direct.append(statistics.median(await _waits(upstream, DIRECT)))
    return Block(turns, statistics.median(direct))


async def _waits(client: Client, seconds: float) -> list[float]:
    """Post for some seconds; return the time of each request in ms."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        answer = await client.start(_POSTED.sent)
        taken.append((time.perf_counter() - start) * 1000)
        _POSTED.check(answer)
    return taken


_POSTED = Posted.of(50 * KB)


def lines(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the figures."""
    turns = [block.turns for block in blocks]
    kept = [one for first, _, _, fourth in turns for one in (first, fourth)]
    plain = [one for _, second, third, _ in turns for one in (second, third)]
    for name, some in (("with the ledger", kept), ("without", plain)):
        waited, cpu = (
            statistics.median(getattr(one, what) for one in some) for what in ("waited", "cpu")
        )
        yield f"50 KB request {name:15} {waited:8.3f} ms, the proxy's CPU {cpu:.3f} ms"
    yield f"upstream itself {statistics.median(block.direct for block in blocks):21.3f} ms"
    for name, ratios in (
        (f"time, goal {GOAL}", [block.whole for block in blocks]),
        ("what the proxy adds to it", [block.added for block in blocks]),
        ("the proxy's CPU", [block.cpu for block in blocks]),
        ("time, twice without", [block.again for block in blocks]),
    ):
        yield f"{name:30} x {Ratio.of(ratios)}"


def verdict(ratio: Ratio) -> int:
    """Return the exit code."""
    if ratio.median + ratio.error < GOAL:
        return 0
    return 1 if ratio.median - ratio.error >= GOAL else 2


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.ledger_latency", __doc__)
    for name, default in (("--blocks", BLOCKS), ("--starts", STARTS)):
        parser.add_argument(
            name, type=arguments.positive, default=default, help=f"default: {default}"
        )
    chosen = parser.parse_args()
    with stage() as on:
        blocks = process.run_on(on.cores.load, measure(on, max(2, chosen.blocks), chosen.starts))
    for line in lines(blocks):
        print(line)
    return verdict(Ratio.of([block.whole for block in blocks]))


if __name__ == "__main__":
    sys.exit(main())
