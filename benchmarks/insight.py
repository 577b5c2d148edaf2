"""What the ledger and the cache recorder cost: the CPU time of a request with and without them.

    python -m benchmarks.insight

Four proxies take turns under the same load: two without ledger and recorder, whose difference is
noise, one with the ledger, one with both. A turn is some hundredths of a second, because the
machine's speed changes; the clients stay connected.

Two starts of the same proxy differ by up to 7 %, by where its memory lies and the order of its
hashes, and more turns do not average that away. So all are started several times, each time another
one first. The ratio of a start is that of all CPU time of its turns to that of both without ledger
and recorder: what a proxy does behind the requests counts too, such as writing their rows. The
table has the geometric mean over the starts, with its error at 95 %, and the extremes.

The first load is that of `make bench`: the same request again and again. The others are
conversations as Claude Code has them: each client is a session, whose body grows by two messages
with each of its 40 turns, from 49 to 69 KB. Tools and system prompt are 38 KB of it.
"""

import asyncio
import itertools
import math
import statistics
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import arguments, peers, process
from benchmarks.cache import bodies
from benchmarks.load import CLAUDE_CODE, Answer, Client, request
from benchmarks.raw_work import message, streamed
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import ANSWER, KB, Posted, Target

GOAL = 1.03  # times the CPU time without ledger and recorder
OFF, AGAIN, LEDGER, BOTH = "off", "off again", "ledger", "ledger and recorder"
CLIENTS = 16
REQUESTS = 2  # of each client in a round
STREAMED = 1  # the same, of those with streamed answers
WHOLE = 40  # turns of a conversation, over several rounds
EVENTS = 500  # of a streamed answer
STARTS, ROUNDS = 6, 36
WARMING = 6  # rounds of a start that do not count
WRITTEN = 0.7  # seconds after which all rows are written
# 97.5 % of Student's distribution, from one degree of freedom on; the last one for more.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)


@dataclass(slots=True)
class Driven:
    """A proxy with its clients. State: how many ``turns`` each one has made."""

    target: Target
    clients: Sequence[Client]
    turns: int = 0


Load = Callable[[Driven], Awaitable[int]]  # returns how many requests it made
Spent = Mapping[str, float]  # ms of CPU for a request, by proxy


async def posts(on: Driven) -> int:
    """Post 50 KB as `make bench` does."""
    posted = Posted.of(50 * KB)

    async def ask(client: Client) -> None:
        for _ in range(REQUESTS):
            posted.check(await client.start(posted.sent))

    await asyncio.gather(*map(ask, on.clients))
    return CLIENTS * REQUESTS


async def turns(on: Driven) -> int:
    """Go on with the conversations; each answer is a message of 2 KB."""

    def check(turn: bytes, answer: Answer) -> None:
        Posted(turn, message(len(turn), zlib.crc32(turn), ANSWER)).check(answer)

    return await _go_on(on, "/post", REQUESTS, check)


async def streamed_turns(on: Driven) -> int:
    """Go on with the conversations; each answer is a long stream."""
    expected = streamed(EVENTS)

    def check(_turn: bytes, answer: Answer) -> None:
        assert answer.body == expected, "the stream was altered"

    return await _go_on(on, f"/unpaced?{EVENTS}", STREAMED, check)


async def _go_on(on: Driven, work: str, count: int, check: Callable[[bytes, Answer], None]) -> int:
    """Send the next turns of as many conversations as there are clients."""
    done = on.turns
    on.turns += count
    now = _BODIES[done % WHOLE : done % WHOLE + count]
    numbers = itertools.count(done // WHOLE * CLIENTS)

    async def talk(client: Client) -> None:
        session = b"%08x-0000-4000-8000-000000000000" % next(numbers)
        fields = CLAUDE_CODE.replace(_SESSION, session) + _FIELDS % session
        for turn in now:
            check(turn, await client.start(request(work, turn, fields)))

    await asyncio.gather(*map(talk, on.clients))
    return CLIENTS * count


_BODIES = bodies(0, WHOLE)
_SESSION = b"00000000-0000-4000-8000-000000000000"
_FIELDS = b"x-claude-code-prompt-id: %b\r\nx-claude-code-request-class: main\r\n"
LOADS: Mapping[str, Load] = {
    "request of 50 KB": posts,
    "turn of a conversation": turns,
    f"turn with a stream of {EVENTS} events": streamed_turns,
}
_PROXIES: Mapping[str, str] = {
    OFF: peers.PLAIN,
    LEDGER: peers.LEDGER,
    AGAIN: peers.PLAIN,
    BOTH: peers.OURS,
}


async def measure(on: Stage, load: Load, starts: int, rounds: int) -> list[Spent]:
    """Return the figures of each start."""
    return [await _started(on, load, rounds, first) for first in range(starts)]


async def _started(on: Stage, load: Load, rounds: int, first: int) -> Spent:
    """Start all proxies, and put load on them in turn."""
    names = [*_PROXIES]
    first %= len(names)
    with ExitStack() as stack:
        driven = [await _start(on, name, stack) for name in names[first:] + names[:first]]
        await _rounds(driven, load, WARMING)
        before = [one.target.process.cpu for one in driven]
        made = await _rounds(driven, load, rounds)
        return {
            one.target.name: (one.target.process.cpu - start) / made * 1000
            for one, start in zip(driven, before, strict=True)
        }


async def _start(on: Stage, name: str, stack: ExitStack) -> Driven:
    command, port = on.command(_PROXIES[name])
    running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
    await answering(port, on.trusted)
    target = Target(name, port, running, on.trusted)
    return Driven(target, await target.connect(CLIENTS))


async def _rounds(driven: Sequence[Driven], load: Load, rounds: int) -> int:
    """Return how many requests each proxy got."""
    made = 0
    for _ in range(rounds):
        counts = [await load(one) for one in driven]
        made += counts[0]
    await asyncio.sleep(WRITTEN)
    return made


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean over the starts; ``error`` at 95 %, as a fraction of it."""

    mean: float
    error: float
    least: float
    most: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Ratio":
        """Return it, of two starts at least."""
        logs, degrees = [math.log(one) for one in ratios], len(ratios) - 1
        student = STUDENT[min(degrees, len(STUDENT)) - 1]
        error = student * statistics.stdev(logs) / math.sqrt(len(ratios))
        return cls(math.exp(statistics.mean(logs)), error, min(ratios), max(ratios))


def ratio(starts: Sequence[Spent], name: str) -> Ratio:
    """Return the ratio of a proxy to both of those without ledger and recorder."""
    return Ratio.of([one[name] * 2 / (one[OFF] + one[AGAIN]) for one in starts])


def lines(starts: Sequence[Spent]) -> Iterator[str]:
    """Yield a line for each proxy."""
    for name in _PROXIES:
        cpu, it = statistics.median(one[name] for one in starts), ratio(starts, name)
        yield (
            f"  {name:20} {cpu:7.3f} ms   x {it.mean:.3f} ± {it.error:.3f}"
            f" ({it.least:.3f} to {it.most:.3f})"
        )


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.insight", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    parser.add_argument(
        "--starts", type=arguments.positive, default=STARTS, help=f"at least 2; default: {STARTS}"
    )
    parser.add_argument("--only", choices=[*LOADS], help="one load")
    chosen = parser.parse_args()
    loads = [chosen.only] if chosen.only else [*LOADS]
    worst = 0.0
    with stage() as on:
        for name in loads:
            work = measure(on, LOADS[name], max(2, chosen.starts), chosen.rounds)
            found = process.run_on(on.cores.load, work)
            print(f"{name}: CPU, and its ratio to that without ledger and recorder (goal {GOAL})")
            for line in lines(found):
                print(line, flush=True)
            worst = max(worst, ratio(found, BOTH).mean)
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
