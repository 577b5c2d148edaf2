"""What the ledger and the cache recorder cost: the CPU time of a request with and without them.

    python -m benchmarks.insight

Four proxies take turns under the same load, in an order that is turned round with each round: two
without ledger and recorder, whose difference is noise, one with the ledger, one with both. A turn
is a fraction of a second, because the machine's speed changes. Each row has the median and the
quartiles of the ratio to the first one of the same round. What a proxy does behind the requests,
such as writing their rows, counts too.
"""

import asyncio
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from benchmarks import arguments, peers, process
from benchmarks.cache import bodies
from benchmarks.load import Client, request
from benchmarks.process import Command
from benchmarks.raw_work import streamed
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import KB, Posted, Target

GOAL = 1.03  # times the CPU time without ledger and recorder
OFF, AGAIN, LEDGER, BOTH = "off", "off again", "ledger", "ledger and recorder"
CLIENTS = 16
REQUESTS = 8  # of each client in a round
TURNS, EVENTS = 2, 500  # the same, of conversations, and the events of each answer
BEHIND = 0.9  # seconds after which every row is written
ROUNDS = 40
WARMING = 3  # rounds that do not count

Load = Callable[[Target], Awaitable[int]]  # returns how many requests it made
Rounds = list[dict[str, float]]  # ms of CPU for a request, by proxy


async def posts(target: Target) -> int:
    """Post 50 KB as `make bench` does."""
    posted = Posted.of(50 * KB)

    async def ask(client: Client) -> None:
        for _ in range(REQUESTS):
            posted.check(await client.start(posted.sent))

    await _together(target, ask)
    return CLIENTS * REQUESTS


async def conversations(target: Target) -> int:
    """Have turns as Claude Code has them: each client is a session, each answer a long stream."""
    sent, expected = bodies(0, TURNS), streamed(EVENTS)

    async def talk(client: Client) -> None:
        target.pages += 1
        session = b"%08x-0000-4000-8000-000000000000" % target.pages
        for turn in sent:
            fields = _FIELDS % (session, session)
            answer = await client.start(request(f"/unpaced?{EVENTS}", turn, fields))
            assert answer.body == expected, "the stream was altered"

    await _together(target, talk)
    return CLIENTS * TURNS


_FIELDS = (
    b"x-claude-code-session-id: %b\r\nx-claude-code-prompt-id: %b\r\n"
    b"x-claude-code-request-class: main\r\n"
)
LOADS: Mapping[str, Load] = {
    "request of 50 KB": posts,
    f"turn with a stream of {EVENTS} events": conversations,
}


async def _together(target: Target, ask: Callable[[Client], Awaitable[None]]) -> None:
    clients = await target.connect(CLIENTS)
    await asyncio.gather(*map(ask, clients))
    for client in clients:
        client.close()


async def measure(on: Stage, load: Load, rounds: int) -> Rounds:
    """Return the figures of each round."""
    with ExitStack() as stack:
        targets = [await _start(on, name, stack) for name in _PROXIES]
        found = [
            await _round(targets[::-1] if number % 2 else targets, load)
            for number in range(rounds + WARMING)
        ]
    return found[WARMING:]


async def _round(targets: Sequence[Target], load: Load) -> dict[str, float]:
    """Return the ms of CPU for a request of each proxy, one after the other under load."""
    before = [target.process.cpu for target in targets]
    made = [await load(target) for target in targets]
    await asyncio.sleep(BEHIND)
    return {
        target.name: (target.process.cpu - start) / count * 1000
        for target, start, count in zip(targets, before, made, strict=True)
    }


_PROXIES: Mapping[str, tuple[str, str]] = {  # the module to run, and whether it has a ledger
    OFF: ("benchmarks.without_recorder", "false"),
    AGAIN: ("benchmarks.without_recorder", "false"),
    LEDGER: ("benchmarks.without_recorder", "true"),
    BOTH: ("app", "true"),
}


async def _start(on: Stage, name: str, stack: ExitStack) -> Target:
    directory = Path(mkdtemp(dir=on.directory))
    place = peers.Place(peers.free_port(), on.upstream_port, on.certificate, directory)
    running = stack.enter_context(
        process.running(_command(place, *_PROXIES[name]), on.cores.proxy, log=on.log)
    )
    await answering(place.port, on.trusted)
    return Target(name, place.port, running, on.trusted)


def _command(place: peers.Place, module: str, ledger: str) -> Command:
    command = peers.ours(place, LEDGER=ledger)
    return replace(command, arguments=(sys.executable, "-m", module, "serve"))


def lines(rounds: Rounds) -> Iterator[str]:
    """Yield a line for each proxy."""
    for name in _PROXIES:
        cpu = statistics.median(one[name] for one in rounds)
        low, middle, high = quartiles([one[name] / one[OFF] for one in rounds])
        yield f"  {name:20} {cpu:7.3f} ms   x {middle:.3f} (quartiles {low:.3f} to {high:.3f})"


def quartiles(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return low, middle, high


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.insight", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    rounds = max(2, parser.parse_args().rounds)
    worst = 0.0
    with stage() as on:
        for name, load in LOADS.items():
            found = process.run_on(on.cores.load, measure(on, load, rounds))
            print(f"{name}: CPU, and its ratio to that without ledger and recorder (goal {GOAL})")
            for line in lines(found):
                print(line, flush=True)
            worst = max(worst, quartiles([one[BOTH] / one[OFF] for one in found])[1])
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
