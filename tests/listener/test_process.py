"""The proxy as a process: signals, exit codes (behaviour D1), and no more file descriptors (D4)."""

import asyncio
import signal
import socket

import httpx
import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.proxy_process import ASYNCIO, UVLOOP, Process, running
from tests.proxying import DEADLINE, MESSAGE, STREAM, until

FILES = 100  # descriptors that the process may have


async def _stream(proxy: Process, upstream: Simulator) -> asyncio.Task[tuple[bytes, bool]]:
    """Begin a stream; the task returns its bytes, and whether they were whole."""

    async def receive() -> tuple[bytes, bool]:
        received = b""
        async with (
            proxy.client() as client,
            client.stream("POST", "/v1/messages", json=STREAM) as answer,
        ):
            try:
                async for chunk in answer.aiter_raw():
                    received += chunk
            except httpx.HTTPError:
                return received, False
        return received, True

    task = asyncio.create_task(receive())
    await until(lambda: bool(upstream.received) and bool(upstream.received[-1].sent))
    await asyncio.sleep(0.05)
    return task


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
async def test_a_signal_ends_an_idle_process_well(
    upstream: Simulator, certificate: Certificate, number: signal.Signals
) -> None:
    async with running(upstream, certificate) as proxy:
        await proxy.started()
        proxy.process.send_signal(number)
        code, logged = await proxy.ended()
    assert code == 0
    assert [line["cut"] for line in logged if line["event"] == "drained"] == [0]


@pytest.mark.slow
async def test_a_signal_lets_a_running_stream_finish(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(deltas=("a",) * 10, gap=0.1))
    async with running(upstream, certificate) as proxy:
        await proxy.started()
        stream = await _stream(proxy, upstream)
        proxy.process.terminate()
        assert await stream == (upstream.received[0].sent, True)
        code, logged = await proxy.ended()
    assert code == 0
    assert [line["cut"] for line in logged if line["event"] == "drained"] == [0]


@pytest.mark.slow
async def test_what_outlasts_the_time_out_is_cut_and_counted(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="stall"))
    async with running(upstream, certificate, shutdown_timeout=0.5) as proxy:
        await proxy.started()
        stream = await _stream(proxy, upstream)
        proxy.process.terminate()
        assert await stream == (upstream.received[0].sent, False)
        code, logged = await proxy.ended()
    assert code == 0
    assert [line["cut"] for line in logged if line["event"] == "drained"] == [1]


@pytest.mark.slow
async def test_a_second_signal_ends_the_process_at_once(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="stall"))
    async with running(upstream, certificate, shutdown_timeout=3600) as proxy:
        await proxy.started()
        stream = await _stream(proxy, upstream)
        proxy.process.terminate()
        async with proxy.client() as client:
            while (await client.get("/ready")).status_code != 503:
                pass
        proxy.process.terminate()
        code, logged = await proxy.ended()
        assert (await stream)[1] is False
    assert code == 128 + signal.SIGTERM
    assert (logged[-1]["event"], logged[-1]["cut"]) == ("ended by a second signal", 1)


@pytest.mark.slow
async def test_a_taken_port_ends_the_start(upstream: Simulator, certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with running(upstream, certificate, port=port) as proxy:
            output, errors = await proxy.process.communicate()
    assert (proxy.process.returncode, output) == (1, b"")
    assert b"ANTHROPIC_PROXY_PORT=%d: port %d" % (port, port) in errors


@pytest.mark.parametrize("program", [UVLOOP, ASYNCIO], ids=["uvloop", "asyncio"])
@pytest.mark.slow
async def test_without_file_descriptors_new_connections_are_shed_and_running_ones_go_on(
    upstream: Simulator, certificate: Certificate, program: str
) -> None:
    upstream.script(Step(deltas=("a",) * 20, gap=0.1))
    async with running(upstream, certificate, files=FILES, program=program) as proxy:
        await proxy.started()
        stream = await _stream(proxy, upstream)
        crowd = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(2 * FILES)]
        assert await stream == (upstream.received[0].sent, True)
        for connection in crowd:
            connection.close()
        assert await _served_again(proxy) == 200
        proxy.process.terminate()
        code, _ = await proxy.ended()
    assert code == 0


async def _served_again(proxy: Process) -> int:
    """Ask until there is an answer."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                async with proxy.client() as client:
                    return (await client.post("/v1/messages", json=MESSAGE)).status_code
            except httpx.TransportError:
                await asyncio.sleep(0.1)
