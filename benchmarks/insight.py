"""What the ledger and the cache recorder cost: the CPU time of a request with and without them.

    python -m benchmarks.insight

Four proxies take turns under the same load: two without ledger and recorder, whose difference is
noise, one with the ledger, one with both. A turn is a fraction of a second, because the machine's
speed changes. Each row has the median ratio to the first one of the same round, with its error at
95 % (1.57 times the distance of the quartiles through the root of the rounds), and the quartiles.
All CPU time of a process from one turn to its next one counts, so what it does behind the requests
counts too, such as writing their rows.

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
REQUESTS = 8  # of each client in a round
TURNS, STREAMED = 8, 2  # the same, of conversations, and of those with streamed answers
WHOLE = 40  # turns of a conversation, over several rounds
EVENTS = 500  # of a streamed answer
ROUNDS = 60
WARMING = 5  # rounds that do not count

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


async def turns(target: Target) -> int:
    """Go on with the conversations; each answer is a message of 2 KB."""

    def check(turn: bytes, answer: Answer) -> None:
        Posted(turn, message(len(turn), zlib.crc32(turn), ANSWER)).check(answer)

    return await _go_on(target, "/post", TURNS, check)


async def streamed_turns(target: Target) -> int:
    """Go on with the conversations; each answer is a long stream."""
    expected = streamed(EVENTS)

    def check(_turn: bytes, answer: Answer) -> None:
        assert answer.body == expected, "the stream was altered"

    return await _go_on(target, f"/unpaced?{EVENTS}", STREAMED, check)


async def _go_on(
    target: Target, work: str, count: int, check: Callable[[bytes, Answer], None]
) -> int:
    """Send the next turns of as many conversations as there are clients."""
    done = target.pages
    target.pages += count
    now = _BODIES[done % WHOLE : done % WHOLE + count]
    numbers = itertools.count(done // WHOLE * CLIENTS)

    async def talk(client: Client) -> None:
        session = b"%08x-0000-4000-8000-000000000000" % next(numbers)
        fields = CLAUDE_CODE.replace(_SESSION, session) + _FIELDS % session
        for turn in now:
            check(turn, await client.start(request(work, turn, fields)))

    await _together(target, talk)
    return CLIENTS * count


_BODIES = bodies(0, WHOLE)
_SESSION = b"00000000-0000-4000-8000-000000000000"
_FIELDS = b"x-claude-code-prompt-id: %b\r\nx-claude-code-request-class: main\r\n"
LOADS: Mapping[str, Load] = {
    "request of 50 KB": posts,
    "turn of a conversation": turns,
    f"turn with a stream of {EVENTS} events": streamed_turns,
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
        turns = [await _round(targets, load) for _ in range(WARMING + rounds + 1)]
    return [
        {name: (after[name][0] - start) / made * 1000 for name, (start, made) in before.items()}
        for before, after in itertools.pairwise(turns[WARMING:])
    ]


async def _round(targets: Sequence[Target], load: Load) -> dict[str, tuple[float, int]]:
    """Put load on each proxy; return its seconds of CPU before, and how many requests it was."""
    found = {}
    for target in targets:
        before = target.process.cpu
        found[target.name] = before, await load(target)
    return found


_PROXIES: Mapping[str, str] = {
    OFF: peers.PLAIN,
    LEDGER: peers.LEDGER,
    AGAIN: peers.PLAIN,
    BOTH: peers.OURS,
}


async def _start(on: Stage, name: str, stack: ExitStack) -> Target:
    command, port = on.command(_PROXIES[name])
    running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
    await answering(port, on.trusted)
    return Target(name, port, running, on.trusted)


def lines(rounds: Rounds) -> Iterator[str]:
    """Yield a line for each proxy."""
    for name in _PROXIES:
        cpu = statistics.median(one[name] for one in rounds)
        low, middle, high = quartiles([one[name] / one[OFF] for one in rounds])
        error = 1.57 * (high - low) / math.sqrt(len(rounds))  # the notch of a box plot
        yield (
            f"  {name:20} {cpu:7.3f} ms   x {middle:.3f} ± {error:.3f}"
            f" (quartiles {low:.3f} to {high:.3f})"
        )


def quartiles(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return low, middle, high


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.insight", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    parser.add_argument("--only", choices=[*LOADS], help="one load")
    chosen = parser.parse_args()
    rounds, loads = max(2, chosen.rounds), [chosen.only] if chosen.only else [*LOADS]
    worst = 0.0
    with stage() as on:
        for name in loads:
            found = process.run_on(on.cores.load, measure(on, LOADS[name], rounds))
            print(f"{name}: CPU, and its ratio to that without ledger and recorder (goal {GOAL})")
            for line in lines(found):
                print(line, flush=True)
            worst = max(worst, quartiles([one[BOTH] / one[OFF] for one in found])[1])
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
