"""The program and its demo load."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from app.simulator import Simulator
from app.simulator.command import Arguments, serve
from app.simulator.load import SCENARIOS, Load, send


async def test_every_scenario_gets_the_answer_it_asks_for(client_tls: ssl.SSLContext) -> None:
    async with (
        Simulator() as simulator,
        httpx.AsyncClient(base_url=simulator.url, verify=client_tls) as client,
    ):
        sent = [send(client, scenario, number) for number, scenario in enumerate(SCENARIOS)]
        await asyncio.gather(*sent)
        await simulator.wait_for(lambda s: all(received.ended for received in s.received))
        for received in simulator.received:
            scenario = SCENARIOS[int(received.header(b"x-simulate-key") or b"-1")]
            assert received.status == scenario.step.get("status", 200)
            assert (received.ended == "closed") == (scenario.leaves_after is not None)
            assert (received.ended == "fault") == (scenario.step.get("fault") == "reset")


async def test_the_load_runs_until_it_is_cancelled(client_tls: ssl.SSLContext) -> None:
    async with Simulator() as simulator:
        load = asyncio.create_task(Load(simulator.url, rate=500, verify=client_tls).run())
        await simulator.wait_for(lambda s: len(s.received) > 2 * len(SCENARIOS))
        await simulator.wait_for(lambda s: any(usage.cache_read for usage in s.usage.values()))
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
        await simulator.wait_for(lambda s: s.connections == 0)


async def test_the_load_outlives_a_proxy_that_is_down(client_tls: ssl.SSLContext) -> None:
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", verify=client_tls) as client:
        await send(client, SCENARIOS[0], 0)


async def test_the_program_serves_and_loads_until_it_is_cancelled(
    certificate: tuple[Path, Path], client_tls: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    async with Simulator(ssl_context=server_tls) as proxy:
        arguments = Arguments(
            port=0,
            certificate=certificate[0],
            key=certificate[1],
            load=proxy.url,
            load_ca=certificate[0],
            rate=100,
        )
        announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        program = asyncio.create_task(serve(arguments, announce=announced.set_result))
        url = await asyncio.wait_for(announced, 10)
        async with httpx.AsyncClient(verify=client_tls, http2=True) as client:
            assert (await client.get(f"{url}/v1/models")).http_version == "HTTP/2"
        await proxy.wait_for(lambda p: len(p.received) > 3)
        program.cancel()
        with pytest.raises(asyncio.CancelledError):
            await program
