"""What the cache recorder costs: µs per request, and bytes per conversation.

Usage: python -m benchmarks.cache

The baseline is one keyed hash over the body, without which no change could be seen.
"""

import time
import tracemalloc
from collections.abc import Callable

from app.cache.evidence import Asked, Counted
from app.cache.recorder import Recorder
from app.factories.caching import keyed_hash
from tests.cache.bodies import TOOLS, assistant, body, tool, user

SESSIONS, TURNS, FIRSTS = 100, 40, 4
ROUNDS = 8  # the best one counts
SIZES = {"50 KB": 0, "300 KB": 60_000, "2 MB": 500_000}  # tokens of the first message
HASH = keyed_hash()
COUNTED = Counted(read=10_000, written=500, fresh=3)
CLIENT = [*TOOLS, *(tool(f"Tool{number}", 150) for number in range(9))]


def asked(session: int, turn: int) -> Asked:
    """Return a turn of a session."""
    return Asked(start=float(turn), credential=1, session=session, hinted=True)


def bodies(tokens: int, turns: int) -> list[bytes]:
    """Return the bodies of a conversation, one a turn."""
    messages = [user("u0", tokens or 500)]
    sent = []
    for number in range(turns):
        sent.append(body(*messages, tools=CLIENT))
        messages += [assistant(f"a{number}", 50), user(f"u{number}", 50)]
    return sent


def take(recorder: Recorder, who: Asked, sent: bytes) -> None:
    """Let a request come and be answered."""
    flight = recorder.begin(who, recorder.read(sent, who, recorder.template(who)))
    recorder.answered(flight, who.start + 0.5)
    recorder.judge(flight, COUNTED, "claude-opus-5-5")


def microseconds(work: Callable[[int], object], times: int) -> float:
    """Return what a call of the cheaper half takes: others work on this machine, too."""
    taken = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - start)
    half = sorted(taken)[: times // 2]
    return sum(half) / len(half) * 1e6


def fresh(sent: bytes) -> bytes:
    """Return a copy, as a body that has just come."""
    return bytes(bytearray(sent))


def measured(sent: list[bytes]) -> tuple[float, float, float]:
    """Return what a hash takes, a first request, and a next one."""
    copies, turns = [fresh(one) for one in sent], [fresh(one) for one in sent]
    starts = [fresh(sent[0]) for _ in range(FIRSTS)]
    recorder = Recorder(HASH)
    return (
        microseconds(lambda turn: HASH(copies[turn]), TURNS),
        microseconds(lambda n: take(recorder, asked(-1 - n, 0), starts[n]), FIRSTS),
        microseconds(lambda turn: take(recorder, asked(1, turn), turns[turn]), TURNS),
    )


def measure(name: str, tokens: int) -> None:
    """Print a line for bodies of one size."""
    sent = bodies(tokens, TURNS)
    rounds = [measured(sent) for _ in range(ROUNDS)]
    baseline, first, following = (min(column) for column in zip(*rounds, strict=True))
    print(
        f"{name:>7} ({len(sent[0]) / 1e3:,.0f} KB): baseline {baseline:7.1f} µs, first request"
        f" {first:8.1f} µs, next ones {following:7.1f} µs, {following / baseline:4.1f} x baseline"
    )


def memory() -> None:
    """Print the bytes that a conversation takes."""
    recorder = Recorder(HASH)
    sent = bodies(0, TURNS)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for session in range(SESSIONS):
        for turn, one in enumerate(sent):
            take(recorder, asked(session, turn), one)
    taken = (tracemalloc.get_traced_memory()[0] - before) / SESSIONS
    print(f"{taken:,.0f} bytes a conversation of {TURNS} turns, {SESSIONS} at a time")


def main() -> None:
    """Print every figure."""
    for name, tokens in SIZES.items():
        measure(name, tokens)
    memory()


if __name__ == "__main__":
    main()
