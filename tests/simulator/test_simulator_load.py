"""The program and its demo load."""

import asyncio
import ssl
from pathlib import Path

import httpx
import msgspec
import pytest

from app.anthropic.limits import read
from app.http2 import ProxyEnvironment, Transport
from simulator import Simulator, weather
from simulator.command import Arguments, serve
from simulator.developer import AGENT_TYPES
from simulator.load import Load, Scenario, send

DAY = 10 * weather.PERIOD  # seconds
PACE = 60.0  # the demo's time is that much faster


def transport(context: ssl.SSLContext) -> Transport:
    return Transport(ssl_context=context, proxies=ProxyEnvironment({}))


def loading(simulator: Simulator, context: ssl.SSLContext) -> asyncio.Task[None]:
    load = Load(simulator.url, pace=PACE, transport=transport(context))
    return asyncio.create_task(load.run())


async def test_the_load_works_in_sessions_with_agents_until_it_is_cancelled(
    client_tls: ssl.SSLContext,
) -> None:
    async with Simulator() as simulator:
        load = loading(simulator, client_tls)
        await simulator.wait_for(lambda s: _classes(s) == {"main", "subagent", "auxiliary"})
        await simulator.wait_for(lambda s: any(usage.cache_read for usage in s.usage.values()))
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
        await simulator.wait_for(lambda s: s.connections == 0)
        agents = [one for one in simulator.received if one.header(b"x-claude-code-agent-id")]
    sessions = {one.header(b"x-claude-code-session-id") for one in simulator.received}
    assert None not in sessions
    types = {kind.encode() for kind in AGENT_TYPES}
    assert {one.header(b"x-claude-code-agent-type") for one in agents} <= types
    assert {one.header(b"x-claude-code-session-id") for one in agents} <= sessions


def _classes(simulator: Simulator) -> set[str]:
    named = (one.header(b"x-claude-code-request-class") for one in simulator.received)
    return {name.decode() for name in named if name}


@pytest.mark.slow
async def test_a_client_tries_again_what_failed(client_tls: ssl.SSLContext) -> None:
    async with Simulator() as simulator:
        load = loading(simulator, client_tls)
        await simulator.wait_for(
            lambda s: any(one.header(b"x-stainless-retry-count") for one in s.received)
        )
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)


def test_few_requests_of_a_day_go_wrong_and_an_incident_comes_and_goes() -> None:
    gap = 0.8  # seconds from message to message
    messages = [(n, weather.trouble(n, n * gap), n * gap) for n in range(1, int(DAY / gap))]
    failed = [odd for _, odd, _ in messages if odd and "delay" not in odd and odd.get("times") != 2]

    assert 0.001 < len(failed) / len(messages) < 0.02
    incident = [odd for _, odd, at in messages if weather.overloaded(at)]
    assert all(incident)
    assert not weather.overloaded(0)
    assert not weather.overloaded(weather.INCIDENT[1])


def test_the_subscription_is_used_evenly_and_never_up() -> None:
    shares = []
    for elapsed in range(0, 24 * 3600, 600):
        fields = dict(weather.limits(elapsed, 1_790_000_000.0 + elapsed))
        five_hours = read(fields).windows["5h"]
        assert five_hours.utilization is not None
        shares.append(five_hours.utilization)
    assert shares == sorted(shares)
    assert 0.3 < shares[0] < shares[-1] < 0.9


async def test_the_load_outlives_a_proxy_that_is_down(client_tls: ssl.SSLContext) -> None:
    scenario = Scenario("claude-sonnet-5-5", {})
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1", verify=client_tls) as client:
        await send(client, scenario, 0)


async def test_a_made_up_text_has_so_many_words(client_tls: ssl.SSLContext) -> None:
    async with (
        Simulator() as simulator,
        httpx.AsyncClient(base_url=simulator.url, verify=client_tls) as client,
    ):
        for words in (1, 3, 200):
            step = {"x-simulate": msgspec.json.encode({"words": words}).decode()}
            body = {"model": "claude-sonnet-5-5", "messages": []}
            answer = (await client.post("/v1/messages", headers=step, json=body)).json()
            assert len(answer["content"][0]["text"].split()) == words
        refused = await client.post("/v1/messages", headers={"x-simulate": '{"words": 0}'}, json={})
        assert refused.status_code == 400


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
            pace=PACE,
        )
        announced: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        program = asyncio.create_task(
            serve(arguments, announce=announced.set_result, transporter=transport)
        )
        url = await asyncio.wait_for(announced, 60)
        async with httpx.AsyncClient(verify=client_tls, http2=True) as client:
            assert (await client.get(f"{url}/v1/models")).http_version == "HTTP/2"
        await proxy.wait_for(lambda p: len(p.received) > 3)
        program.cancel()
        with pytest.raises(asyncio.CancelledError):
            await program
