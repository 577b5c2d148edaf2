"""When snapshots are taken, and who shares them."""

import asyncio
from collections.abc import MutableMapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from app.telemetry.sampling.broadcast import HEARTBEAT, Broadcast, TooManyWatchers, Watcher
from app.telemetry.sampling.sampler import MAX_AGE, Sampler
from tests.telemetry.exchanges import PLAIN, Clock, record, telemetry

STATS = SimpleNamespace(connections_opened=0, streams_open=0)


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


async def test_a_failing_sample_does_not_end_the_sampling(
    log_lines: list[MutableMapping[str, Any]],
) -> None:
    answers: list[Any] = [STATS, OSError("fake")]  # at the start and at the first tick

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
    async with asyncio.timeout(10), aclosing(watcher.events()) as events:
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
