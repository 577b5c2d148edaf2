"""What the ledger's file costs to write and to ask: CPU time, and the time that people wait.

python -m benchmarks.ledger [ROWS]
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from app.ledger import places, queries, views
from app.ledger.places import reading
from app.ledger.reader import Reader
from app.ledger.rows import NANO, Record
from app.ledger.sqlite import open_store
from app.ledger.writer import Ledger
from app.telemetry.recorders.access_log import AccessLog
from benchmarks.telemetry import EXCHANGES, finish, microseconds, telemetry
from tests.ledger.ledgers import record, write

ROWS = 1_000_000
BATCH = 500
DAYS = 90
MODELS = ("claude-opus-5", "claude-sonnet-5", "claude-haiku-5")
AT_ONCE, PER_SESSION, PER_PROMPT = 10, 100, 10  # sessions, and rows of each
MAIN = 5  # of a prompt's rows are the main conversation's, the others an agent's
AGENTS = ("Explore", "general-purpose", "code-reviewer")  # types; a session has one of each


def rows(first: int, count: int, of: int, start: int) -> list[Record]:
    """Return rows that begin ``start`` milliseconds after the epoch, evenly over `DAYS`."""
    return [
        _row(number, start + number * DAYS * 86_400_000 // of)
        for number in range(first, first + count)
    ]


def _row(number: int, started: int) -> Record:
    """Return a row; `AT_ONCE` sessions take turns, and most prompts end with an agent at work."""
    block, within = divmod(number, AT_ONCE * PER_SESSION)
    place, turn = divmod(within, AT_ONCE)
    session = block * AT_ONCE + turn
    agent = place * len(AGENTS) // PER_SESSION if place % PER_PROMPT >= MAIN else None
    return record(
        started=started,
        session=f"{session:08x}-0000-4000-8000-000000000000",
        prompt=f"{session:08x}-0000-4000-8000-{place // PER_PROMPT:012x}",
        agent=None if agent is None else f"a{session * len(AGENTS) + agent:016x}",
        agent_type=None if agent is None else AGENTS[agent],
        model=MODELS[session % 3],
        labels=f"branch=feature-{session % 400},repo=acme/widgets-{session % 20}",
        input=number % 40,
        output=number % 2_000,
        cache_read=number % 150_000,
        cache_write_5m=number % 6_000,
        cost=number % NANO,
        request_id=f"req_{number:024d}",
    )


def fill(path: Path, count: int) -> tuple[float, float]:
    """Write ``count`` rows; return the seconds of CPU that writing and summing up took."""
    spent = 0.0
    start = int(time.time() - DAYS * 86_400) * 1_000
    with closing(open_store(path)) as store:
        for first in range(0, count, BATCH):
            some = rows(first, min(BATCH, count - first), count, start)
            begun = time.process_time()
            write(store, some)
            spent += time.process_time() - begun
        begun = time.process_time()
        while store.sum_up():
            pass
        return spent, time.process_time() - begun


def asked() -> Iterator[tuple[str, Callable[[Reader], object]]]:
    """Yield what is asked of the ledger."""
    for by in (
        queries.by_day,
        queries.by_hour,
        queries.by_model,
        queries.by_session,
        queries.by_agent,
    ):
        yield f"report --{by.__name__.replace('_', ' ')}", partial(_report, by=by)
    yield "report --by label", lambda reader: queries.by_label(reader, 0.0, "repo")
    yield "/ledger/sessions", lambda reader: views.sessions(reader, 50, None)
    yield "/ledger/days", lambda reader: views.days(reader, 50, None)


def _report(reader: Reader, by: Callable[[Reader, float], object]) -> None:
    by(reader, 0.0)


def recorded(path: Path) -> Iterator[str]:
    """Yield what a request's record costs without and with the ledger, its thread included."""
    ledger = Ledger(
        places.connecting(path),
        name=str(path),
        days=DAYS,
        max_size=2**30,
        clock=time.monotonic,
        wall=time.time,
        capacity=EXCHANGES,
    )
    plain, kept = telemetry(AccessLog(slow=None)), telemetry(AccessLog(slow=None), ledger)

    def written() -> None:
        for _ in range(EXCHANGES):
            finish(kept)
        ledger.close(60.0)

    off = microseconds(lambda: finish(plain), EXCHANGES)
    on = microseconds(written, 1) / EXCHANGES
    yield f"record an exchange, no ledger      {off:8.1f} µs of CPU"
    yield f"record an exchange, with a row     {on:8.1f} µs of CPU"


def main(count: int) -> None:
    """Print the figures."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.sqlite"
        spent, summed = fill(path, count)
        print(f"write a row in batches of {BATCH}       {spent / count * 1e6:8.1f} µs of CPU")
        print(f"sum it up                          {summed / count * 1e6:8.1f} µs of CPU")
        print(f"a row in the file                  {os.path.getsize(path) / count:8.0f} bytes")  # noqa: PTH202
        for name, ask in asked():
            begun, cpu = time.perf_counter(), time.process_time()
            with reading(path) as reader:
                ask(reader)
            cpu, waited = time.process_time() - cpu, time.perf_counter() - begun
            print(f"{name:30} {waited * 1e3:12.0f} ms, {cpu * 1e3:.0f} ms of CPU")
        for line in recorded(Path(directory) / "other.sqlite"):
            print(line)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
