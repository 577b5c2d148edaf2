"""Whether the ledger makes clients wait: the median time of a request with and without it.

    python -m benchmarks.ledger_latency [--blocks 10] [--starts 4]

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
from dataclasses import dataclass, replace

from benchmarks import arguments, peers, process
from benchmarks.load import Client
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.switched import OFF, ON
from benchmarks.workloads import KB, Posted

GOAL = 1.02  # times the median time without the ledger
BLOCKS, STARTS = 10, 4
SETTLING = 0.7  # seconds
TURN, DIRECT = 1.0, 0.1  # seconds that count of a turn, and that upstream is asked between them
WARMING = 3.0  # seconds at the start
_ORDER = (ON, OFF, OFF, ON)


@dataclass(frozen=True, slots=True)
class Block:
    """Medians in ms of the four turns: of the proxy, and of upstream itself meanwhile."""

    through: Sequence[float]
    direct: float

    @property
    def whole(self) -> float:
        """The ratio of what a client waits with the ledger to that without."""
        first, second, third, fourth = self.through
        return math.sqrt(first * fourth / (second * third))

    @property
    def added(self) -> float:
        """The same of what the proxy adds."""
        return replace(self, through=[one - self.direct for one in self.through]).whole

    @property
    def again(self) -> float:
        """The ratio of two turns without a ledger."""
        _, second, third, _ = self.through
        return second / third


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
    command, port = on.command(peers.OURS)
    switched = replace(command, arguments=(sys.executable, "-m", "benchmarks.switched", "serve"))
    with process.running(switched, on.cores.proxy, log=on.log) as proxy:
        await answering(port, on.trusted)
        client = await Client.connect(port, on.trusted)
        upstream = await Client.connect(on.upstream_port, on.trusted)
        await _medians(client, WARMING)
        return [await _block(proxy, client, upstream) for _ in range(blocks)]


async def _block(proxy: process.Process, client: Client, upstream: Client) -> Block:
    through, direct = [], []
    for switch in _ORDER:
        proxy.child.send_signal(switch)
        await _medians(client, SETTLING)
        through.append(await _medians(client, TURN))
        direct.append(await _medians(upstream, DIRECT))
    return Block(through, statistics.median(direct))


async def _medians(client: Client, seconds: float) -> float:
    """Post for some seconds; return the median time of a request in ms."""
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        answer = await client.start(_POSTED.sent)
        taken.append(time.perf_counter() - start)
        _POSTED.check(answer)
    return statistics.median(taken) * 1000


_POSTED = Posted.of(50 * KB)


def lines(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the figures."""
    kept = [one for block in blocks for one in (block.through[0], block.through[3])]
    plain = [one for block in blocks for one in block.through[1:3]]
    yield f"median of a 50 KB request, with the ledger  {statistics.median(kept):8.3f} ms"
    yield f"without                                     {statistics.median(plain):8.3f} ms"
    yield f"upstream itself         {statistics.median(block.direct for block in blocks):28.3f} ms"
    yield f"ratio (goal {GOAL})           {Ratio.of([block.whole for block in blocks])}"
    yield f"of what the proxy adds      {Ratio.of([block.added for block in blocks])}"
    yield f"again, both without         {Ratio.of([block.again for block in blocks])}"


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
