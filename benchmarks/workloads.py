"""The workloads: each puts load on one proxy, checks every answer and returns its figures.

Keys are those of `benchmarks.figures`. Latencies are the medians of one round; what a proxy adds to
upstream's own latency is worked out later, from the direct run of the same round.
"""

import asyncio
import re
import ssl
import statistics
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.load import Answer, Client, body, request
from benchmarks.process import Process
from benchmarks.raw_work import AFTER, BEFORE, END, EVENT, STAMP, START, message, streamed

Figures = dict[str, float]

KB, MB = 1000, 1000 * 1000
ANSWER = 2048  # bytes of a message that is not streamed
CLIENTS = 16
STREAMS, RATE = 50, 50  # paced streams, and events a second of each
UNPACED_FIRST = 200  # events of a stream, until it is known how many a proxy takes in a second
STAMPS = re.compile(re.escape(BEFORE) + rb"\d{%d}" % STAMP + re.escape(AFTER))


@dataclass(slots=True)
class Target:
    """A proxy under load, or upstream itself: its ports, and its pace in earlier rounds.

    ``switch`` is a signal that puts it into the state that is measured.
    """

    name: str
    port: int
    process: Process
    trusted: ssl.SSLContext
    pace: dict[str, float] = field(default_factory=dict)
    pages: int = 0
    switch: int | None = None

    async def connect(self, count: int) -> list[Client]:
        """Open connections, a few at a time."""
        clients: list[Client] = []
        for start in range(0, count, 20):
            clients += await asyncio.gather(
                *(
                    Client.connect(self.port, self.trusted)
                    for _ in range(start, min(count, start + 20))
                )
            )
        return clients


@dataclass(slots=True)
class Spent:
    """What a measured stretch took, in seconds."""

    elapsed: float = 0.0
    cpu: float = 0.0

    @property
    def busy(self) -> float:
        """Share of its core that the proxy used."""
        return self.cpu / self.elapsed


@contextmanager
def measured(target: Target) -> Iterator[Spent]:
    """Measure time and the proxy's CPU time."""
    spent = Spent()
    cpu, start = target.process.cpu, time.perf_counter()
    yield spent
    spent.elapsed = time.perf_counter() - start
    spent.cpu = target.process.cpu - cpu


@dataclass(frozen=True, slots=True)
class Posted:
    """A request of one size, and the answer that upstream must give."""

    sent: bytes
    expected: bytes

    @classmethod
    def of(cls, size: int) -> "Posted":
        """Return a request whose body has ``size`` bytes."""
        payload = body(size)
        return cls(request("/post", payload), message(len(payload), zlib.crc32(payload), ANSWER))

    def check(self, answer: Answer) -> None:
        """Fail unless the answer is the expected one, byte for byte."""
        _check_head(answer)
        assert answer.body == self.expected, "the answer was altered"


def _check_head(answer: Answer) -> None:
    assert answer.head.startswith(b"HTTP/1.1 200"), answer.head


async def _one_by_one(target: Target, posted: Posted, seconds: float, least: int) -> float:
    """Return the median time of a request, in ms: one client, one request after the other."""
    [client] = await target.connect(1)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < least:
        start = time.perf_counter()
        answer = await client.start(posted.sent)
        taken.append(time.perf_counter() - start)
        posted.check(answer)
    client.close()
    return statistics.median(taken) * 1000


async def json_50k(target: Target, seconds: float) -> Figures:
    """Post 50 KB."""
    return {"json_50k": await _one_by_one(target, Posted.of(50 * KB), seconds, least=5)}


async def json_2m(target: Target, seconds: float) -> Figures:
    """Post 2 MB."""
    return {"json_2m": await _one_by_one(target, Posted.of(2 * MB), seconds, least=5)}


async def first_token(target: Target, seconds: float) -> Figures:
    """Post 50 KB; the time until the first bytes of a stream's body."""
    [client] = await target.connect(1)
    sent = request("/first", body(50 * KB, stream=True))
    taken: list[int] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        start = time.monotonic_ns()
        answer = await client.start(sent)
        taken.append(next(when for when, size in answer.marks if size) - start)
        _check_head(answer)
        assert answer.body == streamed(1), "the stream was altered"
    client.close()
    return {"ttft_50k": statistics.median(taken) / 1e6}


async def many_requests(target: Target, seconds: float, count: int = CLIENTS) -> Figures:
    """Post 50 KB from many clients at once."""
    clients = await target.connect(count)
    posted, end = Posted.of(50 * KB), time.perf_counter() + seconds

    async def ask(client: Client) -> int:
        done = 0
        while time.perf_counter() < end or not done:
            posted.check(await client.start(posted.sent))
            done += 1
        return done

    with measured(target) as spent:
        done = sum(await asyncio.gather(*map(ask, clients)))
    for client in clients:
        client.close()
    return {
        "requests_per_s": done / spent.elapsed,
        "cpu_ms_per_request": spent.cpu / done * 1000,
        "requests_busy": spent.busy,
    }


async def paced(target: Target, seconds: float) -> Figures:
    """Many streams of a few events a second, as Claude Code's are."""
    clients = await target.connect(STREAMS)
    count = max(5, int(seconds * RATE))
    sent = request(f"/paced?{count},{1000 // RATE}", body(200, stream=True))
    with measured(target) as spent:
        answers = await asyncio.gather(*(client.start(sent) for client in clients))
    for client in clients:
        client.close()
    delays = sorted(delay for answer in answers for delay in relay_delays(answer, count))
    return {
        "relay_p50": statistics.median(delays) / 1e6,
        "relay_p99": delays[len(delays) * 99 // 100] / 1e6,
        "cpu_us_per_event": spent.cpu / (STREAMS * count) * 1e6,
    }


def relay_delays(answer: Answer, count: int) -> list[int]:
    """Check a paced stream; return for each event the ns between its sending and its arrival."""
    _check_head(answer)
    delays, marks = [], iter(answer.marks)
    when, size = next(marks)
    for number in range(count):
        start = len(START) + number * len(EVENT)
        while size < start + len(EVENT):
            when, size = next(marks)
        stamp = start + len(BEFORE)
        delays.append(when - int(answer.body[stamp : stamp + STAMP]))
    assert STAMPS.sub(EVENT, answer.body) == START + EVENT * count + END, "the stream was altered"
    return delays


async def unpaced(target: Target, seconds: float) -> Figures:
    """Streams as fast as they come; how long they are follows from the round before."""
    count = max(UNPACED_FIRST, int(target.pace.get("unpaced", 0.0) * seconds / STREAMS))
    clients = await target.connect(STREAMS)
    sent = request(f"/unpaced?{count}", body(200, stream=True))
    with measured(target) as spent:
        answers = await asyncio.gather(*(client.start(sent) for client in clients))
    for client in clients:
        client.close()
    expected = streamed(count)
    for answer in answers:
        _check_head(answer)
        assert answer.body == expected, "the stream was altered"
    target.pace["unpaced"] = STREAMS * count / spent.elapsed
    return {"unpaced_per_s": target.pace["unpaced"], "unpaced_busy": spent.busy}


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload: its name on the command line, the figures it gives, and what a round has of it.

    That is how many ``seconds``, in how many ``turns``.
    """

    name: str
    run: Callable[[Target, float], Awaitable[Figures]]
    seconds: float
    keys: tuple[str, ...]
    turns: int = 1


WORKLOADS: Mapping[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("json-50k", json_50k, 0.7, ("json_50k",), turns=7),
        Workload("json-2m", json_2m, 1.2, ("json_2m",), turns=3),
        Workload("ttft", first_token, 0.7, ("ttft_50k",), turns=7),
        Workload("requests", many_requests, 1.5, ("requests_per_s", "cpu_ms_per_request"), turns=5),
        Workload("paced", paced, 3.0, ("relay_p50", "relay_p99", "cpu_us_per_event")),
        Workload("unpaced", unpaced, 1.5, ("unpaced_per_s",)),
    )
}
