"""Behaviour C1 to C3: what is retried, and what the client gets."""

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome, Retry
from simulator import Simulator, Step
from simulator.step import Fault
from tests.proxying import MESSAGE, STREAM, Running, proxying


@pytest.mark.parametrize("body", [MESSAGE, STREAM], ids=["whole", "streamed"])
@pytest.mark.parametrize("refusals", [1, 2, 3])
async def test_an_overloaded_upstream_is_tried_again(
    proxy: Running, upstream: Simulator, body: dict[str, object], refusals: int
) -> None:
    upstream.script(Step(status=529, times=refusals))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=body)
    assert answer.status_code == 200
    sent = [(received.body, received.headers) for received in upstream.received]
    assert len(sent) == refusals + 1
    assert all(attempt == sent[0] for attempt in sent)
    exchange = await proxy.ended()
    assert exchange.attempts == refusals + 1
    assert exchange.retries == (Retry("529", refusals, recovered=True),)


async def test_the_last_refusal_goes_to_the_client_when_the_tries_are_spent(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(*(Step(status=529, headers=(("x-try", str(n)),)) for n in range(4)))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=STREAM)
    assert (answer.status_code, answer.headers["x-try"]) == (529, "3")
    assert answer.content == upstream.received[-1].sent
    assert answer.json()["error"]["type"] == "overloaded_error"
    exchange = await proxy.ended()
    assert exchange.outcome is Outcome.COMPLETE
    assert exchange.retries == (Retry("529", 3, recovered=False),)


@pytest.mark.parametrize(
    "step",
    [
        Step(status=429, headers=(("retry-after", "0"),)),
        Step(status=500),
        Step(status=503),
        Step(status=529, headers=(("x-should-retry", "false"),)),
    ],
    ids=["429", "500", "503", "529 that forbids it"],
)
async def test_nothing_else_is_retried(proxy: Running, upstream: Simulator, step: Step) -> None:
    upstream.script(step)
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert answer.status_code == step.status
    assert len(upstream.received) == 1


@pytest.mark.parametrize("fault", ["reset_before_headers", "close_before_headers"])
async def test_a_lost_connection_is_not_retried(
    proxy: Running, upstream: Simulator, fault: Fault
) -> None:
    upstream.script(Step(fault=fault))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert answer.status_code == 502
    assert len(upstream.received) == 1


async def test_a_cut_refusal_is_passed_on_as_it_is(proxy: Running, upstream: Simulator) -> None:
    upstream.script(Step(status=529, fault="reset", after=0))
    async with proxy.client() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/messages", json=MESSAGE)
    assert len(upstream.received) == 1
    assert (await proxy.ended()).outcome is Outcome.UPSTREAM_ABORT


async def test_no_retries_are_made_when_switched_off(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(status=529))
    async with (
        proxying(upstream.url, certificate, retry_max_attempts=0) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert answer.status_code == 529
    assert len(upstream.received) == 1


async def test_a_stalled_refusal_is_passed_on_as_it_comes(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(status=529, fault="stall", after=1, chunk_size=20))
    async with (
        proxying(upstream.url, certificate, upstream_read_timeout=60.0) as proxy,
        proxy.client() as client,
        client.stream("POST", "/v1/messages", json=MESSAGE) as answer,
    ):
        assert answer.status_code == 529  # long before the read time-out
    assert len(upstream.received) == 1


async def test_a_refused_stream_is_sent_again_whatever_its_body_s_size(
    proxy: Running, upstream: Simulator
) -> None:
    body = b'{"model":"claude-sonnet-5","messages":[],"padding":"' + b"x" * 900_000 + b'"}'
    upstream.script(Step(fault="reset_before_headers", error_code=7))  # REFUSED_STREAM
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", content=body)
    assert answer.status_code == 200
    assert upstream.received[1].body == body
