"""The model that a request asks for, read of as much of its body as is here."""

import asyncio
import json
from typing import Any

from app.exchange import Progress
from app.proxy.request.body import Body
from app.proxy.request.inbound import Inbound
from app.proxy.request.requested_model import LIMIT, early_model, late_model
from simulator import Simulator, Step
from tests.proxying import MESSAGE, STREAM, Running, until


async def body_of(data: bytes, *, more: bool = False) -> Body:
    """Return a body of which ``data`` is here."""
    left: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    messages = iter([{"type": "http.request", "body": data, "more_body": more}])

    async def receive() -> dict[str, Any]:
        return next(messages, None) or await left

    inbound = Inbound(receive, 2 * LIMIT)
    watching = asyncio.ensure_future(inbound.watch())
    body = Body(inbound, 2 * LIMIT)
    await body.hold(len(data) - more)
    watching.cancel()
    return body


async def test_a_whole_body_names_its_model_wherever_it_stands() -> None:
    body = await body_of(json.dumps({"max_tokens": 1, "model": "claude-opus-4-1"}).encode())

    assert early_model(body) == late_model(body) == "claude-opus-4-1"


async def test_a_body_that_is_not_whole_yet_names_its_model_where_that_stands_first() -> None:
    body = await body_of(json.dumps(MESSAGE | {"system": "x" * 5_000}).encode()[:4_000], more=True)

    assert early_model(body) == MESSAGE["model"]
    assert late_model(body) is None


async def test_a_long_body_is_not_read_for_its_model() -> None:
    body = await body_of(json.dumps({"padding": "x" * LIMIT, "model": "claude-opus-4-1"}).encode())

    assert late_model(body) is None


async def test_a_running_exchange_shows_its_model_and_how_much_has_streamed(
    proxy: Running, upstream: Simulator
) -> None:
    running = _started(proxy)
    upstream.script(Step(fault="stall", after=6))
    async with proxy.client() as client, client.stream("POST", "/v1/messages", json=STREAM):
        await until(lambda: bool(running) and running[0].characters > 0)
        assert running[0].model == STREAM["model"]


async def test_content_of_a_saved_answer_is_not_streamed_output(proxy: Running) -> None:
    running = _started(proxy)
    async with proxy.client() as client:
        await client.post("/v1/messages/batches/results", json=STREAM)
    assert running[0].characters == 0


def _started(proxy: Running) -> list[Progress]:
    """Return the list of exchanges that have started, as it grows."""
    running: list[Progress] = []
    telemetry = proxy.application.telemetry
    started = telemetry.started

    def noting(progress: Progress) -> None:
        running.append(progress)
        started(progress)

    telemetry.started = noting  # type: ignore[method-assign]
    return running
