"""A chunk that passes at once is measured as one that passes in four steps."""

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import asdict

from app.exchange import Progress
from app.proxy.stopwatch import Stopwatch

SECONDS = st.integers(0, 100).map(float)
CHUNKS = st.lists(st.tuples(SECONDS, SECONDS, SECONDS, st.booleans(), st.integers(0, 2)))


class Clock:
    """State: ``now``."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A stopwatch, its clock and its progress."""

    def __init__(self, *, awaited: bool) -> None:
        self.clock, self.progress = Clock(), Progress("messages")
        self.watch = Stopwatch(self.clock, self.progress)
        if awaited:
            self.watch.awaiting_upstream()

    def relay(self, chunk: tuple[float, float, float, bool, int], *, at_once: bool) -> None:
        gap, stall, own, token, events = chunk
        self.clock.now += gap
        if at_once:
            arrived = self.clock.now
            self.clock.now += stall
            self.watch.passed(arrived, self.clock.now, own, token=token, events=events)
            return
        arrived = self.watch.upstream_arrived()
        self.watch.awaiting_client()
        self.clock.now += stall
        taken = self.watch.client_took()
        self.clock.now += own
        self.watch.relayed(arrived, arrived, taken, sent=True, token=token, events=events)
        self.clock.now -= own  # the next is awaited at once, and the tap reads meanwhile
        self.watch.awaiting_upstream()

    def seen(self) -> tuple[dict[str, float | None], float | None, float | None]:
        progress = self.progress
        return asdict(self.watch.timings), progress.upstream_since, progress.client_since


@given(CHUNKS, st.booleans())
@example([(1.0, 2.0, 3.0, True, 1)], False)
def test_a_chunk_that_passes_at_once_is_measured_the_same(
    chunks: list[tuple[float, float, float, bool, int]],
    awaited: bool,
) -> None:
    short, long, events = Watched(awaited=awaited), Watched(awaited=awaited), 0
    for gap, stall, own, token, more in chunks:
        events += more
        short.relay((gap, stall, own, token, events), at_once=True)
        long.relay((gap, stall, own, token, events), at_once=False)
        assert short.seen() == long.seen()
    for watched in (short, long):
        watched.clock.now += 7.0
        watched.watch.stop()
    assert short.seen() == long.seen()
