"""What each part of telemetry, ledger and cache recorder takes of the processor for one request.

    python -m benchmarks.parts

Two requests: 50 KB answered by 2 KB of JSON, and a turn of Claude Code answered by a stream of 500
events, both with a subscription's limits. A part runs many times in a row, so that a real request,
between whose parts much else happens, takes about twice as long.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace

from app.anthropic.intake import EVENT_STREAM, Intake
from app.anthropic.tap import Reading, Tap
from app.cache.evidence import Counted
from app.cache.report import CacheReport
from app.cache.verdict import Verdict
from app.exchange import Exchange, Progress
from app.factories.caching import keyed_hash
from app.ledger.sqlite import open_store
from app.ledger.writer import Ledger
from app.proxy.caching import Caching
from app.proxy.endings import Cause, Ending
from app.proxy.record import Findings, read_response, record
from app.proxy.request.client_request import ClientRequest
from app.proxy.stopwatch import Stopwatch
from app.proxy.upstream.attempts import Attempts
from app.telemetry.recorders.access_log import AccessLog
from app.wire.headers import Headers
from benchmarks import load
from benchmarks.cache import bodies, fresh
from benchmarks.raw_work import END, EVENT, START, message
from benchmarks.telemetry import EXCHANGE, telemetry

TIMES, ROUNDS = 200, 15  # the best round counts: others work on the machine, too
ROWS = 400  # of a batch
EVENTS = 500

HEAD: Headers = [
    (b"host", b"localhost"),
    (b"content-type", b"application/json"),
    (b"x-api-key", b"fake"),
    (b"anthropic-version", b"2023-06-01"),
    (b"content-length", b"50000"),
]
HINTS: Headers = [
    (b"x-claude-code-session-id", b"0b5f9a52-6f0e-4a37-9a3e-0c2f4f1f6b6c"),
    (b"x-claude-code-prompt-id", b"0b5f9a52-6f0e-4a37-9a3e-0c2f4f1f6b6d"),
    (b"x-claude-code-request-class", b"main"),
]
LIMITS: Headers = [(name.encode(), value.encode()) for name, value in EXCHANGE.headers.items()]


@dataclass(frozen=True, slots=True)
class Case:
    """A request, as often as it is repeated, and the pieces of its answer."""

    name: str
    headers: Headers
    bodies: list[bytes]
    media_type: str
    pieces: list[bytes]

    def tap(self) -> Tap:
        """Return a tap that has read the answer."""
        tap = Tap(Intake(self.media_type, None))
        for piece in self.pieces:
            tap.feed(piece)
        return tap


CASES = (
    Case("request of 50 KB", HEAD, [load.body(50_000)], "application/json", [message(5, 5, 2048)]),
    Case(
        f"turn with {EVENTS} events",
        [*HEAD, *HINTS],
        bodies(0, 40),
        EVENT_STREAM,
        [START, *[EVENT] * EVENTS, END],
    ),
)


class Nowhere(Ledger):
    """A ledger that writes nothing: ``last`` is what it was handed."""

    last: Any

    def put(self, record: Any) -> None:
        """Keep a record."""
        self.last = record


def microseconds(work: Callable[[], object], times: int = TIMES) -> float:
    """Return what a call takes of the processor in the best round."""
    taken = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        for _ in range(times):
            work()
        taken.append(time.thread_time() - start)
    return min(taken) / times * 1e6


def parts(case: Case, directory: Path) -> Iterator[tuple[str, float]]:
    """Yield the name of each part, and its microseconds."""
    tap = case.tap()
    reading = tap.finish()
    yield "answer: passed to the tap", microseconds(case.tap, TIMES // 10)
    yield "answer: read by the tap", microseconds(lambda: (tap.finish(), tap.billed))
    yield "cache recorder", _recorder_part(case, reading)
    yield "record: made", microseconds(lambda: _exchange(case, None))
    report = CacheReport(_verdict(case, reading), {"tools": 8_000, "messages": 4_000})
    yield from _recorded(replace(_exchange(case, tap), cache=report), directory)


def _recorder_part(case: Case, reading: Reading) -> float:
    """Return what the cache recorder takes, less the copies: each body has just come."""
    caching = Caching(keyed_hash(), recorders=1)
    recorder, turn = caching.recorders[0], iter(range(10**9))

    def flight(body: bytes) -> None:
        request = ClientRequest("POST", b"/v1/messages", case.headers, "127.0.0.1")
        asked = caching.asked(request, float(next(turn)))
        one = recorder.begin(asked, recorder.read(fresh(body), asked, recorder.template(asked)))
        recorder.answered(one, asked.start + 0.5)
        recorder.judge(one, _counted(reading), reading.model)

    def conversation(step: Callable[[bytes], object]) -> None:
        for body in case.bodies:
            step(body)

    size, times = len(case.bodies), max(1, TIMES // len(case.bodies))
    copying = microseconds(lambda: conversation(fresh), times)
    return (microseconds(lambda: conversation(flight), times) - copying) / size


def _counted(reading: Reading) -> Counted:
    usage = reading.usage
    assert usage is not None
    return Counted(read=usage.cache_read, written=usage.cache_write_5m, fresh=usage.input)


def _verdict(case: Case, reading: Reading) -> Verdict:
    caching = Caching(keyed_hash(), recorders=1)
    request = ClientRequest("POST", b"/v1/messages", case.headers, "127.0.0.1")
    asked = caching.asked(request, 1.0)
    recorder = caching.recorders[0]
    flight = recorder.begin(asked, recorder.read(case.bodies[0], asked, None))
    return recorder.judge(flight, _counted(reading), reading.model)


def _exchange(case: Case, tap: Tap | None) -> Exchange:
    progress = Progress("messages", streaming=case.media_type == EVENT_STREAM)
    watch, ending = Stopwatch(time.monotonic, progress), Ending()
    for cause in (Cause.RESPONSE_STARTED, Cause.RESPONSE_RELAYED):
        ending.on(cause)
    found = Findings(
        request=ClientRequest("POST", b"/v1/messages", case.headers, "127.0.0.1"),
        progress=progress,
        started_at=1_790_000_000.0,
        attempts=Attempts(),
        bytes_in=50_000,
        bytes_out=2_048,
        status=200,
        model="claude-sonnet-4-5",
        redaction=None,
        headers=[*LIMITS, (b"request-id", b"req_011CFakeFakeFake")],
        tap=tap,
        restorer=None,
    )
    watch.stop()
    return record(found, read_response(found), None, ending, watch)


def _recorded(exchange: Exchange, directory: Path) -> Iterator[tuple[str, float]]:
    ledger = Nowhere(
        lambda: open_store(directory / "none"),
        name="none",
        days=1,
        max_size=1,
        clock=time.monotonic,
        wall=time.time,
    )
    observer = telemetry(AccessLog(slow=None), ledger)
    entry = observer._entry(exchange)  # noqa: SLF001 - its parts are measured
    yield "telemetry: entry made", microseconds(lambda: observer._entry(exchange))  # noqa: SLF001
    for recorder in observer._recorders:  # noqa: SLF001
        name = type(recorder).__name__
        yield f"telemetry: {name}", microseconds(lambda: recorder.record(entry))  # noqa: B023
    store = open_store(directory / "ledger.sqlite")
    waiting = [ledger.last] * ROWS
    yield "ledger: row made (thread)", microseconds(lambda: ledger.batch_of(waiting), 5) / ROWS
    rows = ledger.batch_of(waiting)
    yield "ledger: row written (thread)", microseconds(lambda: store.write(rows), 5) / ROWS
    store.close()


def main() -> None:
    """Print what each part takes, and the sum."""
    for case in CASES:
        print(f"{case.name}: µs of CPU")
        total = 0.0
        with TemporaryDirectory() as directory:
            for name, taken in parts(case, Path(directory)):
                total += taken
                print(f"  {name:32} {taken:8.1f}")
        print(f"  {'all':32} {total:8.1f}")


if __name__ == "__main__":
    main()
