"""Behaviour C6, C7, D4: what wears other proxies out."""

import asyncio
import gc
import tracemalloc
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from app.http2 import Transport
from simulator import Simulator, Step
from tests.proxying import MESSAGE, STREAM, Running, proxying, until
from tests.thorough import scaled

STREAMS = scaled(500, 100)
ENDED = '"message_stop"}\n\n'


async def _stream(client: httpx.AsyncClient) -> str:
    return (await client.post("/v1/messages", json=STREAM)).text


async def test_after_many_aborted_streams_the_next_request_works(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="stall", times=STREAMS))
    transport = Transport(ssl_context=proxy.trust())
    async with proxy.client(transport=transport) as client:
        for aborted in range(100, STREAMS + 1, 100):
            requests = [asyncio.create_task(_stream(client)) for _ in range(100)]
            await upstream.wait_for(lambda s, sent=aborted: len(s.received) == sent)  # type: ignore[misc]
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            await proxy.ended(aborted)
        assert (await _stream(client)).endswith(ENDED)
        aborts = upstream.received[:STREAMS]
        await until(lambda: all(received.ended == "reset" for received in aborts))
    assert {received.reset_code for received in aborts} == {8}  # CANCEL, RFC 9113 §7
    assert {exchange.outcome for exchange in proxy.exchanges[:STREAMS]} == {Outcome.CLIENT_ABORT}


async def test_many_streams_at_once_share_ten_connections(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(deltas=("a",) * 5, gap=0.2, times=STREAMS))
    transport = Transport(ssl_context=proxy.trust())
    async with proxy.client(transport=transport, timeout=60) as client:
        answers = await asyncio.gather(*(_stream(client) for _ in range(STREAMS)))
    assert all(answer.endswith(ENDED) for answer in answers)
    assert len({received.connection for received in upstream.received}) <= 20
    sent = sorted(received.sent for received in upstream.received)
    assert sorted(answer.encode() for answer in answers) == sent


async def test_streams_in_flight_outlive_a_goaway(proxy: Running, upstream: Simulator) -> None:
    upstream.script(Step(deltas=("a",) * 10, gap=0.05, times=10))
    async with proxy.client() as client:
        running = [asyncio.create_task(_stream(client)) for _ in range(10)]
        await upstream.wait_for(lambda s: len(s.received) == 10)
        upstream.goaway()
        assert (await _stream(client)).endswith(ENDED)
        assert all(answer.endswith(ENDED) for answer in await asyncio.gather(*running))
    assert len({received.connection for received in upstream.received}) == 2


async def test_a_connection_that_fell_silent_is_noticed_and_replaced(
    upstream: Simulator, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = Transport.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "ping_timeout", 1.0)
    settings: dict[str, Any] = {"upstream_ping_interval": 0.2, "upstream_connect_timeout": 2.0}
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        await _stream(client)
        upstream.mute()
        lost = await client.post("/v1/messages", json=MESSAGE)
        assert lost.status_code in (200, 502)
        assert (await _stream(client)).endswith(ENDED)


async def test_a_restarted_upstream_is_reached_again(proxy: Running, upstream: Simulator) -> None:
    async with proxy.client() as client:
        await _stream(client)
        upstream.disconnect()
        assert (await _stream(client)).endswith(ENDED)


@pytest.mark.slow
async def test_memory_does_not_grow_with_the_requests(proxy: Running) -> None:
    size, times = 1_000_000, scaled(40, 10)
    body = b"x" * size
    async with proxy.client() as client:

        async def echo(times: int) -> int:
            for _ in range(times):
                assert len((await client.post("/_simulator/echo", content=body)).content) == size
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await echo(5)
            proxy.exchanges.clear()
            after = await echo(times)
        finally:
            tracemalloc.stop()
    # The simulator keeps what it received, which is its purpose.
    assert after - before - 2 * times * size < 3 * size


@pytest.mark.slow
async def test_a_stalled_reader_costs_less_than_a_megabyte(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(body=b"x" * 30_000_000, times=8))
    async with proxy.client() as client:
        tracemalloc.start()
        try:
            answers = [
                await client.send(client.build_request("GET", "/v1/models"), stream=True)
                for _ in range(8)
            ]
            await asyncio.sleep(1.0)
            gc.collect()
            ours = tracemalloc.take_snapshot().filter_traces(
                [
                    tracemalloc.Filter(inclusive=True, filename_pattern="*/app/http2/*"),
                    tracemalloc.Filter(inclusive=True, filename_pattern="*/app/proxy/*"),
                    tracemalloc.Filter(inclusive=True, filename_pattern="*/app/listener/*"),
                    tracemalloc.Filter(inclusive=True, filename_pattern="*/hypercorn/*"),
                ]
            )
            held = sum(statistic.size for statistic in ours.statistics("filename"))
        finally:
            tracemalloc.stop()
        for answer in answers:
            await answer.aclose()
        await proxy.ended(8)
    assert held < 8 * 2**20
