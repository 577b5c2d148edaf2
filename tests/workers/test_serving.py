"""Several processes serve as one: real ones, on loopback (behaviour D5)."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from app.certificates import Certificate
from app.cli import exits
from simulator import Simulator, Step
from tests.proxy_process import Process, running
from tests.proxying import DEADLINE, MESSAGE, STREAM, until

WORKERS = 2
CLIENTS = 4


def _children(proxy: Process) -> list[int]:
    """Return the process ids of the workers."""
    pid = proxy.process.pid
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


async def _asked(pages: httpx.AsyncClient, path: str, accept: str = "*/*") -> httpx.Response:
    """Return an answer; a busy machine's workers may be too late for the first."""
    while True:
        answer = await pages.get(path, headers={"accept": accept})
        if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            return answer.raise_for_status()


async def _scraped(pages: httpx.AsyncClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = (await _asked(pages, "/prometheus")).text
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)  # each once
    return found


async def _shared(
    pages: httpx.AsyncClient, workers: int = WORKERS
) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return a scrape that so many workers had a part in."""
    while True:
        samples = await _scraped(pages)
        if _sum(samples, "worker_up") == workers:
            return samples


def _sum(samples: Mapping[tuple[str, Any], float], name: str) -> float:
    return sum(value for key, value in samples.items() if key[0] == f"anthropic_proxy_{name}")


async def _served_by_all(proxy: Process, requests: int) -> None:
    """Send requests over connections of their own, many at a time."""

    async def one() -> None:
        async with proxy.client() as client:
            for _ in range(requests):
                (await client.post("/v1/messages", json=MESSAGE)).raise_for_status()

    await asyncio.gather(*(one() for _ in range(8)))


async def test_scrapes_pages_and_streams_of_events_show_the_sums_of_all_workers(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, state_dir=tmp_path) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        assert len(_children(proxy)) == WORKERS
        await _served_by_all(proxy, 5)
        async with proxy.pages() as pages:
            # Each answer is one worker's, and they are all alike.
            await asyncio.sleep(1.1)  # so long an answer is shared
            scrapes = [await _shared(pages) for _ in range(6)]
            for samples in scrapes:
                assert _sum(samples, "requests_total") == 40
                assert _sum(samples, "request_duration_seconds_count") == 40
            openmetrics = (await _asked(pages, "/metrics", "application/openmetrics-text")).text
            families = [*openmetrics_families(openmetrics)]  # type: ignore[no-untyped-call]
            assert any(sample.exemplar for family in families for sample in family.samples)
            schema = (await pages.get("/metrics/schema.json")).json()
            validator = jsonschema.Draft202012Validator(schema)
            for _ in range(4):
                document = (await _asked(pages, "/metrics")).json()
                validator.validate(document)
                assert document["requests"]["total"] == 40
                assert len(document["recent"]) == 40
                assert document["tokens"]["total"] > 0
            async with pages.stream("GET", "/metrics/stream") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data: "):
                        shown = json.loads(line.removeprefix("data: "))
                        break
            assert shown["requests"]["total"] == 40
            assert (await pages.get("/ready")).json() == {"status": "ready"}
            days = (await pages.get("/ledger/days")).json()
            assert sum(day["requests"] for day in days["days"]) == 40
        async with proxy.client() as client:  # the pages on the proxy's own port
            assert (await client.get("/metrics")).json()["requests"]["total"] == 40


@pytest.mark.slow
async def test_a_worker_that_is_killed_is_replaced_and_its_counts_stay(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        await _served_by_all(proxy, 5)
        await asyncio.sleep(1.1)
        async with proxy.pages() as pages, _load(proxy) as failures:
            before = await _shared(pages)
            workers = _children(proxy)
            os.kill(workers[0], signal.SIGKILL)
            await until(lambda: len({*_children(proxy)} - {workers[0]}) == WORKERS)
            after = before
            while _sum(after, "worker_restarts_total") < 1 or _sum(after, "worker_up") < WORKERS:
                after = await _scraped(pages)
        # Only what the killed worker was serving fails: the queue belongs to all of them.
        assert len(failures) <= CLIENTS
        assert _sum(after, "worker_restarts_total") == 1
        assert {
            key: value
            for key, value in before.items()
            if key[0].endswith(("_total", "_count", "_bucket"))
            and "_run_" not in key[0]
            and after.get(key, 0.0) < value
        } == {}
        proxy.process.send_signal(signal.SIGTERM)
        code, lines = await proxy.ended()
        ended = [line for line in lines if line.get("event") == "worker ended"]
        assert (code, [line["how"] for line in ended]) == (0, ["SIGKILL"])


@asynccontextmanager
async def _load(proxy: Process) -> AsyncIterator[list[httpx.HTTPError]]:
    """Send requests, each over a connection of its own; yield the list of those that fail."""
    failures: list[httpx.HTTPError] = []
    over = asyncio.Event()

    async def send() -> None:
        while not over.is_set():
            async with proxy.client() as client:
                try:
                    (await client.post("/v1/messages", json=MESSAGE)).raise_for_status()
                except httpx.HTTPError as exc:
                    failures.append(exc)

    loads = [asyncio.create_task(send()) for _ in range(CLIENTS)]
    try:
        yield failures
    finally:
        over.set()
        await asyncio.gather(*loads)


@pytest.mark.slow
async def test_a_worker_that_does_not_answer_delays_no_scrape_and_is_named(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        await _served_by_all(proxy, 2)
        async with proxy.pages() as pages:
            await asyncio.sleep(1.1)
            before = await _shared(pages)
            stuck, _ = _children(proxy)
            os.kill(stuck, signal.SIGSTOP)
            try:
                await asyncio.sleep(1.1)
                samples = await _shared(pages, WORKERS - 1)
            finally:
                os.kill(stuck, signal.SIGCONT)
            assert _sum(samples, "requests_total") == _sum(before, "requests_total") == 16


@pytest.mark.slow
async def test_a_signal_drains_all_workers(upstream: Simulator, certificate: Certificate) -> None:
    upstream.script(Step(deltas=("a",) * 20, gap=0.1, times=8))
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        received: list[bytes] = []

        async def stream() -> None:
            async with proxy.client() as client:
                received.append((await client.post("/v1/messages", json=STREAM)).content)

        streams = [asyncio.create_task(stream()) for _ in range(8)]
        await until(lambda: sum(bool(one.sent) for one in upstream.received) == 8)
        # As systemd does: every process of the service gets the signal.
        for pid in (proxy.process.pid, *_children(proxy)):
            os.kill(pid, signal.SIGTERM)
        await asyncio.gather(*streams)
        code, lines = await proxy.ended()
        assert code == 0
        assert all(b"message_stop" in body for body in received)
        drained = [line for line in lines if line.get("event") == "drained"]
        assert sorted((line["worker"], line["cut"]) for line in drained) == [(0, 0), (1, 0)]
        with socket.socket() as free:
            free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            free.bind(("127.0.0.1", proxy.port))


@pytest.mark.slow
async def test_a_signal_during_the_start_ends_it(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await until(lambda: len(_children(proxy)) == WORKERS)
        proxy.process.send_signal(signal.SIGTERM)
        code, lines = await proxy.ended()  # when the last worker has closed standard error
        assert (code, [line for line in lines if line["level"] == "error"]) == (0, [])


@pytest.mark.slow
async def test_a_second_signal_ends_all_at_once(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="silent"))
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        async with proxy.client() as client:
            waiting = asyncio.create_task(client.post("/v1/messages", json=MESSAGE))
            await until(lambda: bool(upstream.received))
            await proxy.drain()
            proxy.process.send_signal(signal.SIGTERM)
            code, lines = await proxy.ended()
            assert code == 128 + signal.SIGTERM
            assert lines[-1]["event"] == "ended by a second signal"
            with pytest.raises(httpx.HTTPError):
                await waiting


@pytest.mark.slow
async def test_a_worker_that_dies_in_the_drain_is_named_and_the_others_go_on(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        workers = _children(proxy)
        await proxy.drain(len(workers))
        os.kill(workers[1], signal.SIGKILL)
        code, lines = await proxy.ended()
        died = [line for line in lines if line["event"] == "worker ended while it drained"]
        assert (code, [(line["worker"], line["how"]) for line in died]) == (1, [(1, "SIGKILL")])
        assert [line["worker"] for line in lines if line["event"] == "drained"] == [0]


@pytest.mark.slow
async def test_without_its_supervisor_no_worker_stays(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        workers = _children(proxy)
        proxy.process.kill()
        _, lines = await proxy.ended()  # when the last worker has closed standard error
        assert len(workers) == WORKERS
        alone = [line["worker"] for line in lines if line.get("event") == "the supervisor is gone"]
        assert sorted(alone) == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "said", "code"),
    [
        ({"scrub_mode": "detect", "scrub_detectors": "none_such"}, "none_such", exits.BAD_SETTINGS),
        ({"port": "taken"}, "taken", exits.NOT_STARTED),
    ],
    ids=["rules", "port"],
)
async def test_what_stops_a_start_is_said_once(
    upstream: Simulator,
    certificate: Certificate,
    settings: dict[str, Any],
    said: str,
    code: int,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if "port" in settings:
            settings = settings | {"port": taken.getsockname()[1]}
        async with (
            running(upstream, certificate, workers=WORKERS, ledger=False, **settings) as proxy,
            asyncio.timeout(DEADLINE),
        ):
            ended, lines = await proxy.ended()
    assert ended == code
    assert [said in line.get("reason", "") for line in lines if line["level"] == "error"] == [True]


@pytest.mark.slow
async def test_a_storm_of_restarts_is_slowed_down(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        running(upstream, certificate, workers=WORKERS, ledger=False) as proxy,
        asyncio.timeout(DEADLINE),
    ):
        await proxy.started()
        steady = _children(proxy)[1]
        for _ in range(3):
            await until(lambda: len(_children(proxy)) == WORKERS)
            young = next(pid for pid in _children(proxy) if pid != steady)
            os.kill(young, signal.SIGKILL)
            await until(lambda young=young: young not in _children(proxy))  # type: ignore[misc]
        async with proxy.client() as client:  # the other one serves meanwhile
            (await client.post("/v1/messages", json=MESSAGE)).raise_for_status()
        proxy.process.send_signal(signal.SIGTERM)
        code, lines = await proxy.ended()
        delays = [line["restart_in"] for line in lines if line.get("event") == "worker ended"]
        assert (code, delays) == (0, [0.0, 0.5, 1.0])
