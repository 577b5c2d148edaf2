"""The live total of output tokens: its rate is the pace at every moment, its sum comes right."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.exchange import Progress
from app.telemetry.collectors.live_output import SPREAD, LiveOutput
from tests.telemetry.exchanges import Clock
from tests.thorough import scaled

TICK = 1.5  # seconds between two samples


@dataclass
class Passed:
    """Content that has passed."""

    characters: int


class Streams:
    """Streams that run side by side, and the live total of their tokens."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.running: list[Progress] = []
        self.live = LiveOutput(self._progress, clock=self.clock, created=0.0)

    def _progress(self) -> Iterator[Progress]:
        return iter(self.running)

    def start(self) -> Progress:
        progress = Progress("messages", streaming=True)
        self.running.append(progress)
        return progress

    def end(self, progress: Progress, output: int | None) -> None:
        self.running.remove(progress)
        self.live.end(progress, output)

    def total(self, seconds: float = 0.0) -> float:
        self.clock.now += seconds
        (family,) = self.live.collect()
        return next(sample.value for sample in family.samples if sample.name.endswith("_total"))


def rates(streams: Streams, *, tokens: int, seconds: float, characters: float) -> list[float]:
    """Stream an answer; return the pace between the samples while it runs."""
    progress, before, found = streams.start(), streams.total(), []
    ticks = int(seconds / TICK)
    for tick in range(1, ticks + 1):
        progress.content = Passed(int(tokens * characters * tick / ticks))
        after = streams.total(TICK)
        found.append((after - before) / TICK)
        before = after
    streams.end(progress, tokens)
    return found


@pytest.mark.parametrize("characters", [3.4, 4, 4.6])
def test_the_pace_of_a_stream_is_right_throughout(characters: float) -> None:
    found = rates(Streams(), tokens=3_000, seconds=27, characters=characters)

    assert len(found) == 18
    assert all(rate == pytest.approx(3_000 / 27, rel=0.2) for rate in found)


@pytest.mark.parametrize("characters", [3.4, 4, 4.6])
def test_the_pace_stays_right_from_stream_to_stream(characters: float) -> None:
    streams = Streams()

    for _ in range(10):
        found = rates(streams, tokens=3_000, seconds=27, characters=characters)
        assert all(rate == pytest.approx(3_000 / 27, rel=0.2) for rate in found)


def test_the_end_of_a_stream_is_no_burst() -> None:
    streams = Streams()
    rates(streams, tokens=3_000, seconds=27, characters=3.4)
    before = streams.total()

    after = streams.total(TICK)

    assert (after - before) / TICK < 0.2 * 3_000 / 27


@pytest.mark.parametrize("characters", [0, 2, 3.4, 4])
def test_the_sum_comes_right(characters: float) -> None:
    streams = Streams()
    rates(streams, tokens=3_000, seconds=27, characters=characters)

    assert streams.total(20 * SPREAD) == pytest.approx(3_000, abs=0.01)


def test_an_answer_that_does_not_stream_counts_at_its_end() -> None:
    streams = Streams()
    progress = streams.start()
    progress.streaming = False
    assert streams.total(5) == 0

    streams.end(progress, 250)

    assert streams.total() == 250


def test_a_stream_whose_usage_nobody_knows_keeps_its_estimate() -> None:
    streams = Streams()
    progress = streams.start()
    progress.content = Passed(4_000)

    streams.end(progress, None)

    assert streams.total(20 * SPREAD) == 1_000


@settings(max_examples=scaled(100, 40))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "grow", "end", "wait"]),
            st.integers(0, 9),
            st.integers(0, 5_000),
        ),
        max_size=40,
    )
)
def test_the_total_never_falls_and_never_counts_twice(steps: list[tuple[str, int, int]]) -> None:
    streams, before, exact, estimated = Streams(), 0.0, 0, 0.0
    for step, which, amount in steps:
        running = streams.running
        if step == "start":
            streams.start()
        elif running and step == "grow":
            one = running[which % len(running)]
            one.content = Passed(one.characters + amount)
            estimated += amount / 4
        elif running and step == "end":
            streams.end(running[which % len(running)], amount)
            exact += amount
        after = streams.total(amount / 100 if step == "wait" else 0.0)
        assert after >= before
        assert after <= exact + estimated + 1e-6
        before = after
