"""When snapshots are taken, and who shares them."""

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import aclosing
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import Metric
from prometheus_client.registry import Collector

from app.exchange import Exchange, Progress
from app.telemetry.collectors.scrape_gauges import NoTransport
from app.telemetry.recorder import Telemetry
from app.telemetry.sampling.broadcast import HEARTBEAT, Broadcast, TooManyWatchers, Watcher
from app.telemetry.sampling.ring import TOTALS, Point
from app.telemetry.sampling.sampler import INTERVAL, MAX_AGE, Sampler
from app.telemetry.sampling.samples import Samples
from tests.telemetry.exchanges import FAILED, PLAIN, Clock, record, telemetry
from tests.thorough import scaled

SLOW = replace(PLAIN, first_token=9.0, overhead_request=0.5, overhead_response=0.2)
STATS = NoTransport()


def test_whoever_asks_shares_one_snapshot_until_it_is_old() -> None:
    clock = Clock()
    observer = telemetry(clock)
    sampler = Sampler(observer, Broadcast())
    first = sampler.current()
    record(observer, PLAIN)

    assert sampler.current() is first
    clock.now += MAX_AGE + 0.1
    assert sampler.current().as_json()["requests"]["total"] == 1


def test_asking_does_not_disturb_the_history() -> None:
    clock = Clock()
    sampler = Sampler(telemetry(clock), Broadcast())
    for _ in range(5):
        clock.now += MAX_AGE + 0.1
        sampler.current()

    assert sampler.tick().as_json()["history"][0]["time"] > 0
    assert len(sampler.current().as_json()["history"]) == 1


async def test_the_sampler_ticks_and_measures_how_late_the_loop_is() -> None:
    clock = Clock()
    observer = telemetry(clock)
    broadcast = Broadcast()

    async def late(delay: float) -> None:
        clock.now += delay + 0.2
        await asyncio.sleep(0)

    with broadcast.watch() as watcher:
        running = asyncio.ensure_future(Sampler(observer, broadcast, sleep=late).run())
        numbers = [await number(watcher) for _ in range(3)]
        running.cancel()

    lag = observer.registry.get_sample_value("anthropic_proxy_event_loop_lag_seconds_sum")
    assert numbers == sorted(set(numbers))
    assert lag is not None
    assert lag >= 0.2


class Counting(Collector):
    """Counts how often the registry is collected."""

    def __init__(self) -> None:
        self.collected = 0

    def describe(self) -> Iterator[Metric]:
        yield Metric("anthropic_proxy_failed_requests_total_probe", "found by no name", "gauge")

    def collect(self) -> Iterator[Metric]:
        self.collected += 1
        return iter(())


def stream(observer: Telemetry, *exchanges: Exchange) -> None:
    """Let exchanges start, stream and end: their live tokens catch up later."""
    for exchange in exchanges:
        progress = Progress(exchange.route, streaming=True)
        observer.started(progress)
        observer.finished(progress, exchange)


# What happens between two ticks.
HAPPENINGS = st.lists(
    st.lists(st.sampled_from((PLAIN, FAILED, SLOW)), max_size=3), min_size=1, max_size=12
)


@settings(max_examples=scaled(20, 4), deadline=None)
@given(HAPPENINGS)
def test_the_history_is_the_same_whether_or_not_somebody_watched(
    happenings: list[list[Exchange]],
) -> None:
    clocks = Clock(), Clock()
    observers = [telemetry(clock, wall=lambda: 1_790_000_000.0) for clock in clocks]
    watched, unwatched = (Sampler(observer, Broadcast()) for observer in observers)
    for exchanges in happenings:
        for clock, observer in zip(clocks, observers, strict=True):
            clock.now += INTERVAL
            stream(observer, *exchanges)
        watched.tick()
        unwatched.tick_unwatched()
    for clock in clocks:
        clock.now += INTERVAL
    assert unwatched.tick().as_json() == watched.tick().as_json()


@settings(max_examples=scaled(20, 4), deadline=None)
@given(HAPPENINGS)
def test_a_point_of_some_samples_is_that_of_all(happenings: list[list[Exchange]]) -> None:
    observer = telemetry(Clock())
    for exchanges in happenings:
        stream(observer, *exchanges)
    some, everything = observer.collect_only(TOTALS), observer.collect()
    assert Point.of(Samples(some), 0, 0) == Point.of(Samples(everything), 0, 0)


def test_nothing_is_collected_while_nothing_happens_and_nobody_watches() -> None:
    clock = Clock()
    observer = telemetry(clock)
    sampler = Sampler(observer, Broadcast())
    record(observer, PLAIN)
    for _ in range(200):  # until the live tokens have caught up
        clock.now += INTERVAL
        sampler.tick_unwatched()
    counting = Counting()
    observer.registry.register(counting)
    for _ in range(10):
        clock.now += INTERVAL
        sampler.tick_unwatched()
    assert counting.collected == 0
    sampler.tick()
    assert counting.collected == 1


class Saying:
    """The content of a response. State: the ``characters`` that have streamed."""

    characters = 0


def test_only_the_output_is_counted_while_streams_run_and_none_starts_or_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = Clock(), Clock()
    observers = [telemetry(clock, wall=lambda: 1_790_000_000.0) for clock in clocks]
    watched, unwatched = (Sampler(observer, Broadcast()) for observer in observers)
    saying = Saying()
    for observer in observers:
        observer.started(Progress("messages", streaming=True, content=saying))
    collect = Mock(wraps=observers[1].collect_only)
    monkeypatch.setattr(observers[1], "collect_only", collect)
    for tick in range(6):
        saying.characters += tick * 400
        for clock in clocks:
            clock.now += INTERVAL
        watched.tick()
        unwatched.tick_unwatched()
    assert collect.call_count == 1  # after the start
    for clock in clocks:
        clock.now += INTERVAL
    one, other = watched.tick().as_json(), unwatched.tick().as_json()
    rates = [moment["output_tokens_per_second"] for moment in one["history"][1:-1]]
    assert (len(rates), min(rates) > 0) == (5, True)
    assert one == other


def test_a_start_collects_nothing() -> None:
    clock = Clock()
    observer = telemetry(clock)
    counting = Counting()
    observer.registry.register(counting)
    sampler = Sampler(observer, Broadcast())
    clock.now += INTERVAL
    sampler.tick_unwatched()
    assert counting.collected == 0


async def test_the_first_watcher_gets_a_snapshot_at_once_and_later_ones_share_it() -> None:
    clock = Clock()
    observer = telemetry(clock)
    broadcast = Broadcast()
    sampler = Sampler(observer, broadcast)
    record(observer, PLAIN)
    sampler.tick_unwatched()
    clock.now += MAX_AGE + 0.1

    await sampler.welcome()
    with broadcast.watch() as first:
        assert await number(first) == 1
        await sampler.welcome()
        with broadcast.watch() as second:
            assert await number(second) == 1


async def test_a_failing_sample_does_not_end_the_sampling(
    log_lines: list[MutableMapping[str, Any]],
) -> None:
    answers: list[Any] = [OSError("fake")]  # at the first tick

    def stats() -> Any:
        answer = answers.pop(0) if answers else STATS
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    broadcast = Broadcast()
    sampler = Sampler(telemetry(transport_stats=stats), broadcast, sleep=at_once)
    with broadcast.watch() as watcher:
        running = asyncio.ensure_future(sampler.run())
        assert await number(watcher) >= 1
        running.cancel()

    assert "sampling failed" in [line["event"] for line in log_lines]


async def number(watcher: Watcher) -> int:
    """Return the number of the next event."""
    async with asyncio.timeout(60), aclosing(watcher.events()) as events:
        return int((await anext(events)).splitlines()[0].removeprefix(b"id: "))


async def test_a_slow_watcher_skips_to_the_newest_event() -> None:
    broadcast = Broadcast()
    with broadcast.watch() as watcher:
        for number in range(5):
            broadcast.publish(b"%d" % number)
        events = watcher.events()

        assert await anext(events) == b"id: 5\nretry: 3000\ndata: 4\n\n"
        await events.aclose()


async def test_a_newcomer_gets_the_latest_event_at_once() -> None:
    broadcast = Broadcast()
    broadcast.publish(b"{}")

    with broadcast.watch() as watcher:
        events = watcher.events()
        assert await anext(events) == b"id: 1\nretry: 3000\ndata: {}\n\n"
        await events.aclose()


async def test_silence_is_filled_with_comments() -> None:
    with Broadcast(heartbeat=0.001).watch() as watcher:
        events = watcher.events()
        assert await anext(events) == HEARTBEAT
        await events.aclose()


async def test_closing_ends_every_watcher_and_those_who_still_come() -> None:
    broadcast = Broadcast()
    with broadcast.watch() as early:
        broadcast.close()
        with broadcast.watch() as late:
            assert [event async for event in early.events()] == []
            assert [event async for event in late.events()] == []


def test_there_is_a_cap_on_watchers_and_leaving_makes_room() -> None:
    broadcast = Broadcast(limit=1)
    with broadcast.watch(), pytest.raises(TooManyWatchers), broadcast.watch():
        pass

    with broadcast.watch():
        pass
