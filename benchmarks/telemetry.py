"""What telemetry costs in itself: an exchange, a relayed event, a snapshot.

    python -m benchmarks.telemetry

What many watching dashboards cost is one of the curves (`benchmarks.curves`).
"""

import os
import time
from collections.abc import Callable, Iterator

import structlog
from msgspec.structs import replace

from app import logs
from app.anthropic.intake import Intake
from app.anthropic.prices import Prices
from app.anthropic.tap import Tap
from app.exchange import Progress
from app.ledger.writer import Ledger
from app.proxy.stopwatch import Stopwatch
from app.telemetry.recorder import Telemetry
from app.telemetry.recorders.access_log import AccessLog
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import INTERVAL, Sampler
from tests.telemetry.exchanges import PLAIN

EXCHANGES = 20_000
EVENTS = 50_000


EVENT = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":" some words"}}\n\n'
)
EXCHANGE = replace(
    PLAIN,
    headers={
        f"anthropic-ratelimit-unified-{window}-{field}": value
        for window in ("5h", "7d")
        for field, value in (("utilization", "0.4"), ("status", "allowed"), ("reset", "1790003600"))
    },
)


def telemetry(access_log: AccessLog, ledger: Ledger | None = None) -> Telemetry:
    """Return a telemetry that has recorded one exchange."""
    observer = Telemetry(
        prices=Prices.packaged(),
        clock=time.monotonic,
        wall=time.time,
        version="benchmark",
        config={},
        access_log=access_log,
        ledger=ledger,
    )
    finish(observer)
    return observer


def finish(observer: Telemetry) -> None:
    """Let an exchange start and end."""
    progress = Progress("messages")
    observer.started(progress)
    observer.finished(progress, EXCHANGE)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Return what one of ``times`` calls takes of the processor."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1e6


def exchanges() -> Iterator[str]:
    """Measure a record, and a record with its log line."""
    quiet = telemetry(AccessLog(slow=None))
    yield f"record an exchange          {microseconds(lambda: finish(quiet), EXCHANGES):8.1f} µs"
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - not a path
        sink = logs.configure("info", "json", nowhere)
        loud = telemetry(AccessLog(every=True))
        yield f"... and write its log line  {microseconds(lambda: finish(loud), EXCHANGES):8.1f} µs"
        sink.close()
    structlog.reset_defaults()


def events() -> Iterator[str]:
    """Measure what the relay adds to each event: the tap and the times."""
    watch = Stopwatch(time.monotonic, Progress("messages"))
    tap = Tap(Intake("text/event-stream", None))

    watch.awaiting_upstream()

    def relay() -> None:
        arrived = watch.upstream_arrived()
        offered = watch.awaiting_client()
        taken = watch.client_took()
        tap.feed(EVENT)
        watch.relayed(arrived, offered, taken, sent=True, token=tap.first_token, events=tap.events)
        watch.awaiting_upstream()

    yield f"tap and time an event       {microseconds(relay, EVENTS):8.1f} µs"


def samples() -> Iterator[str]:
    """Measure a tick."""
    observer = telemetry(AccessLog(slow=None))
    for _ in range(50):
        finish(observer)
    sampler = Sampler(observer, Broadcast())
    for _ in range(200):
        sampler.tick()
    tick = microseconds(sampler.tick, 100)
    size = len(sampler.tick().encoded)
    yield f"take a snapshot             {tick:8.1f} µs every {INTERVAL} s, {size} bytes"


def main() -> None:
    """Print every figure."""
    for lines in (exchanges(), events(), samples()):
        for line in lines:
            print(line)


if __name__ == "__main__":
    main()
