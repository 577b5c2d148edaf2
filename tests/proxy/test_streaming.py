"""Behaviour B: every byte goes on at once, and a cut stream looks cut."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from app.proxy.pipeline import BEGINNING, HOLD_LIMIT
from simulator import Simulator, Step
from simulator.step import Encoding, Fault
from tests.cases import every_case
from tests.proxying import MESSAGE, STREAM, Running, proxying, tokens, until
from tests.thorough import scaled


async def _read(answer: httpx.Response, received: list[bytes]) -> None:
    async for chunk in answer.aiter_raw():
        received.append(chunk)  # noqa: PERF401 - what came before a cut counts


@pytest.mark.parametrize("http2", [False, True])
async def test_an_event_reaches_the_client_before_the_next_is_sent(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    upstream.script(Step(deltas=("one", "two"), fault="stall", after=4))
    async with (
        proxy.client(http2=http2) as client,
        client.stream("POST", "/v1/messages", json=STREAM) as answer,
    ):
        received = b""
        async for chunk in answer.aiter_raw():
            received += chunk
            if received == upstream.received[0].sent and received.count(b"\n\n") == 4:
                break
    assert b"message_start" in received
    assert (await proxy.ended()).outcome is Outcome.CLIENT_ABORT


async def test_a_body_announced_to_be_long_goes_on_before_much_of_it_has_come(
    proxy: Running, upstream: Simulator
) -> None:
    beginning, rest, arrived = b"x" * 2 * BEGINNING, b"y" * HOLD_LIMIT, asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield beginning
        await arrived.wait()
        yield rest

    length = {"content-length": str(len(beginning + rest))}
    async with proxy.client() as client:
        asked = client.post("/_simulator/echo", content=body(), headers=length)
        answer = asyncio.create_task(asked)
        await until(lambda: bool(upstream.received) and upstream.received[0].body == beginning)
        arrived.set()
        assert (await answer).content == beginning + rest


@pytest.mark.simulated_clock
async def test_a_stream_lives_longer_than_any_single_time_out(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(deltas=("x",) * 10, gap=2.0))
    settings: dict[str, Any] = {"upstream_read_timeout": 3.0, "upstream_write_timeout": 3.0}
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client(timeout=None) as client,
    ):
        answer = await client.post("/v1/messages", json=STREAM)
        exchange = await proxy.ended()
    assert answer.text.endswith('"message_stop"}\n\n')
    assert exchange.outcome is Outcome.COMPLETE
    assert loop.time() - began > 20.0 - 0.1


@pytest.mark.parametrize("http2", [False, True])
@every_case("fault", ["reset", "close", "cut"])
async def test_a_stream_cut_by_upstream_looks_cut_to_the_client(
    proxy: Running, upstream: Simulator, fault: Fault, *, http2: bool
) -> None:
    before = len(upstream.received)
    upstream.script(Step(fault=fault, deltas=("one", "two", "three"), after=4))
    async with (
        proxy.client(http2=http2) as client,
        client.stream("POST", "/v1/messages", json=STREAM) as answer,
    ):
        received: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            await _read(answer, received)
    assert b"".join(received).count(b"\n\n") == 4
    exchange = await proxy.ended(before + 1)
    assert exchange.outcome is Outcome.UPSTREAM_ABORT
    assert tokens(exchange.usage) == tokens(upstream.received[before].usage)


async def test_a_silent_stream_is_cut_after_the_read_time_out(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="stall"))
    async with (
        proxying(upstream.url, certificate, upstream_read_timeout=0.3) as proxy,
        proxy.client() as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/messages", json=STREAM)
        exchange = await proxy.ended()
    assert exchange.outcome is Outcome.UPSTREAM_TIMEOUT
    assert exchange.failure is not None
    assert exchange.failure.type == "timeout_error"


async def test_an_error_event_passes_and_is_recorded(proxy: Running, upstream: Simulator) -> None:
    upstream.script(Step(fault="error_event"))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=STREAM)
    assert answer.content == upstream.received[0].sent
    exchange = await proxy.ended()
    assert exchange.outcome is Outcome.UPSTREAM_ERROR_EVENT
    assert exchange.failure is not None
    assert (exchange.failure.source, exchange.failure.type) == ("upstream", "overloaded_error")


@pytest.mark.parametrize("fault", ["truncate", "garbage"])
@every_case("encoding", ["gzip", "br", "zstd", None])
async def test_a_response_that_the_tap_cannot_read_still_passes(
    proxy: Running, upstream: Simulator, fault: Fault, encoding: Encoding | None
) -> None:
    before = len(upstream.received)
    upstream.script(Step(fault=fault, encoding=encoding))
    async with (
        proxy.client() as client,
        client.stream("POST", "/v1/messages", json=STREAM) as answer,
    ):
        received = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert received == upstream.received[before].sent
    assert (await proxy.ended(before + 1)).outcome is Outcome.COMPLETE


@pytest.mark.parametrize("http2", [False, True])
async def test_a_reader_that_stops_reading_holds_upstream_back(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    body = b"x" * scaled(50_000_000, 18_000_000)
    upstream.script(Step(body=body))
    async with (
        proxy.client(http2=http2) as client,
        client.stream("GET", "/v1/models") as answer,
    ):
        chunks = answer.aiter_raw()
        received = len(await anext(chunks))
        await asyncio.sleep(0.5)
        other = await client.post("/v1/messages", json=MESSAGE)
        assert other.status_code == 200  # siblings go on
        assert not proxy.exchanges or proxy.exchanges[0].route == "messages"
        async for chunk in chunks:
            received += len(chunk)
    assert received == len(body)
    await proxy.ended(2)


@pytest.mark.parametrize("parallel", [50, 300][: scaled(2, 1)])
async def test_many_streams_at_once_all_complete(
    proxy: Running, upstream: Simulator, parallel: int
) -> None:
    upstream.script(Step(deltas=("a", "b", "c"), gap=0.05, times=parallel))
    async with proxy.client(limits=httpx.Limits(max_connections=None)) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/messages", json=STREAM) for _ in range(parallel))
        )
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.text.endswith('"message_stop"}\n\n') for answer in answers)
    await until(lambda: proxy.application.admission.active == 0)
