"""Bodies in memory: held while a retry may need them, and not a moment longer."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.proxy.request.body import Body
from app.proxy.request.hold_budget import HoldBudget
from app.proxy.request.inbound import Inbound
from simulator import Simulator, Step
from tests.proxying import STREAM, Running, until

MB = 2**20


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Leave nothing to the collector of cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def inbound(*chunks: bytes) -> Inbound:
    """Return a request's body as it comes."""
    made = Inbound(None, 2**30)  # type: ignore[arg-type] # nothing is received
    for number, chunk in enumerate(chunks, 1):
        made._put(chunk, last=number == len(chunks))
    return made


async def drained(stream: httpx.AsyncByteStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_a_body_beyond_the_budget_is_streamed_whole_and_not_retried() -> None:
    budget = HoldBudget(100)
    first, second = Body(inbound(b"a" * 80), 1000, budget), Body(inbound(b"b" * 80), 1000, budget)
    assert await drained(first.stream()) == b"a" * 80
    assert await drained(second.stream()) == b"b" * 80
    assert await first.replayable()
    assert not await second.replayable()
    assert (budget.used, budget.refused) == (80, 1)
    first.release()
    assert budget.used == 0
    assert not await first.replayable()


async def test_what_has_to_be_read_whole_is_held_even_beyond_the_budget() -> None:
    budget = HoldBudget(10)
    body = Body(inbound(b"x" * 40), 1000, budget)
    assert await body.hold(100) == b"x" * 40
    body.replace(b"y" * 20)
    assert budget.used == 20
    assert await Body(inbound(b"z"), 1000, budget).hold(100, needed=False) is None
    body.release()
    assert budget.used == budget.refused == 0


def held(proxy: Running) -> float:
    """Return what the proxy says that it holds, in bytes."""
    registry = proxy.application.telemetry.registry
    return registry.get_sample_value("anthropic_proxy_held_body_bytes") or 0.0


@pytest.mark.usefixtures("_no_collector")
async def test_uploads_that_were_aborted_leave_nothing_behind(
    proxy: Running, upstream: Simulator
) -> None:
    async def piecewise() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b" " * MB
            await asyncio.sleep(0)
        await asyncio.Event().wait()

    async def abort(client: httpx.AsyncClient) -> None:
        sending = asyncio.ensure_future(client.post("/v1/messages", content=piecewise()))
        await until(lambda: held(proxy) > 2 * MB)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: proxy.application.telemetry.active == 0)
        upstream.reset()

    others = _bodies()  # of other tests in this process, kept so that no new one takes their place
    async with proxy.client() as client:
        for _ in range(2):
            await abort(client)
    assert held(proxy) == 0
    left = [one for one in _bodies() if not any(one is other for other in others)]
    assert not any(getattr(one, "_held", None) or getattr(one, "_chunks", None) for one in left)


def _bodies() -> list[Body | Inbound]:
    """Return those that are alive; nothing is collected for it: no cycle may keep one."""
    return [one for one in gc.get_objects() if isinstance(one, (Body, Inbound))]


async def test_a_body_is_let_go_once_its_answer_has_begun(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="silent"), *[Step(fault="stall")] * 3)
    async with proxy.client() as client:
        waiting = asyncio.ensure_future(client.post("/v1/messages", json=STREAM))
        await until(lambda: held(proxy) > 0)
        one = held(proxy)
        for _ in range(3):
            sent = client.build_request("POST", "/v1/messages", json=STREAM)
            assert (await client.send(sent, stream=True)).status_code == 200
        assert held(proxy) == one
        waiting.cancel()
    await until(lambda: held(proxy) == 0)
