"""Every second, byte and failure is booked on whoever it belongs to (behaviour F2)."""

import asyncio
import errno
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from app.errors import Busy, UpstreamUnreachable
from app.exchange import Outcome
from app.proxy.request.body import ChunkStream
from app.proxy.upstream.failures import failure
from app.proxy.upstream.request import Upload
from app.telemetry.sampling.samples import Samples
from app.wire.origin import UpstreamBase
from simulator import Simulator, Step
from tests.proxying import MESSAGE, STREAM, Running, proxying, simulated, tokens, until

ORIGIN = UpstreamBase.parse("https://api.example.com")


def caused_by(*causes: Exception) -> httpx.ConnectError:
    """Return what the transport raises when a connection could not be made."""
    error = httpx.ConnectError("made-up words")
    error.__cause__ = causes[0] if len(causes) == 1 else ExceptionGroup("several", list(causes))
    return error


SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@pytest.mark.parametrize("number", SHORTAGES, ids=[errno.errorcode[one] for one in SHORTAGES])
def test_a_shortage_of_this_machine_is_ours(number: int) -> None:
    for error in (
        caused_by(OSError(number, "x")),
        caused_by(OSError(errno.ECONNREFUSED, "x"), OSError(number, "x")),
        caused_by(caused_by(OSError(number, "x"))),
    ):
        made = failure(error, ORIGIN)
        assert isinstance(made, Busy)
        assert (made.source, made.status, made.reason) == ("proxy", 529, "no_descriptors")


@pytest.mark.parametrize(
    "error",
    [
        caused_by(OSError(errno.ECONNREFUSED, "x")),
        caused_by(OSError("Too many open files")),  # words decide nothing
        httpx.ConnectError("[Errno 24] Too many open files"),
    ],
)
def test_a_refused_connection_is_upstreams(error: httpx.ConnectError) -> None:
    made = failure(error, ORIGIN)
    assert isinstance(made, UpstreamUnreachable)
    assert made.reason == "connect_failed"


def test_an_error_that_is_its_own_cause_ends() -> None:
    error = httpx.ConnectError("x")
    error.__context__ = wrapped = OSError("x")
    wrapped.__context__ = error
    assert failure(error, ORIGIN).reason == "connect_failed"


async def test_waiting_for_a_place_over_http1_is_no_time_of_upstreams(
    certificate: Certificate,
) -> None:
    limits: dict[str, Any] = {
        "upstream_max_connections": 1,
        "upstream_max_streams_per_connection": 1,
    }
    async with (
        simulated(certificate, http2=False) as upstream,
        proxying(upstream.url, certificate, **limits) as proxy,
        proxy.client() as client,
    ):
        upstream.script(Step(delay=1.0), Step())
        answers = await asyncio.gather(
            *(client.post("/v1/messages", json=MESSAGE) for _ in range(2))
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        await proxy.ended(2)
    first, second = sorted(proxy.exchanges, key=lambda one: one.slot_wait or 0.0)
    assert first.slot_wait is not None
    assert second.slot_wait is not None
    assert second.upstream_headers is not None
    assert second.slot_wait > max(first.slot_wait, second.upstream_headers)


@pytest.mark.parametrize("http2", [True, False])
async def test_an_unsuccessful_wait_for_a_slot_is_recorded_as_one(
    certificate: Certificate, http2: bool
) -> None:
    places: dict[str, Any] = {
        "upstream_max_connections": 1,
        "upstream_max_streams_per_connection": 1,
    }
    async with (
        simulated(certificate, http2=http2) as upstream,
        proxying(upstream.url, certificate, upstream_pool_timeout=0.5, **places) as proxy,
        proxy.client() as client,
    ):
        upstream.script(*[Step(delay=30.0)] * 2)
        first = asyncio.create_task(client.post("/v1/messages", json=MESSAGE))
        await until(lambda: bool(upstream.received))
        refused = await client.post("/v1/messages", json=MESSAGE)
        assert refused.json()["error"]["type"] == "overloaded_error"
        exchange = await proxy.ended()
        first.cancel()
    assert (exchange.outcome, exchange.upstream_headers) == (Outcome.PROXY_TIMEOUT, None)
    assert exchange.slot_wait is not None
    assert exchange.slot_wait > 0.4


async def test_the_wait_for_a_slow_upload_is_the_clients() -> None:
    now = 0.0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal now
        now += 2.0
        yield b"a"
        now += 3.0
        yield b"b"

    upload = Upload(ChunkStream(slow()), lambda: now)
    sent = []
    async for chunk in upload.stream:
        now += 10.0  # upstream takes its time
        sent.append(chunk)
    assert (sent, upload.waited) == ([b"a", b"b"], 5.0)
    whole = httpx.ByteStream(b"x")
    assert Upload(whole, lambda: now).stream is whole


async def test_our_own_error_bodies_are_counted(proxy: Running) -> None:
    async with proxy.client() as client:
        answer = await client.post(
            "/v1/messages", content=b"x", headers={"upgrade": "websocket", "connection": "upgrade"}
        )
    assert answer.headers["x-anthropic-proxy-error"]
    assert (await proxy.ended()).bytes_out == len(answer.content) > 0


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/v1/files/file_fake/content"), ("POST", "/v1/other")]
)
async def test_an_answer_of_another_route_is_not_billed(
    proxy: Running, upstream: Simulator, method: str, target: str
) -> None:
    saved = {
        "type": "message",
        "model": "claude-opus-5",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 6_000_000, "output_tokens": 1},
    }
    upstream.script(Step(body=httpx.Response(200, json=saved).content))
    async with proxy.client() as client:
        assert (await client.request(method, target)).json() == saved
    exchange = await proxy.ended()
    assert (exchange.billed, exchange.usage, exchange.model) == ((), None, None)
    assert exchange.outcome is Outcome.COMPLETE


async def test_a_spend_cap_is_no_rate_limit(proxy: Running, upstream: Simulator) -> None:
    error: dict[str, Any] = {"type": "rate_limit_error", "message": "made up"}
    error["details"] = {"error_code": "enforced_spend_limit_reached"}
    body = httpx.Response(429, json={"type": "error", "error": error}).content
    upstream.script(Step(status=429, body=body))
    async with proxy.client() as client:
        assert (await client.post("/v1/messages", json=MESSAGE)).content == body
    failed = (await proxy.ended()).failure
    assert failed is not None
    assert (failed.type, failed.error_class) == ("enforced_spend_limit_reached", "limit")


# 252 tokens by the tokenizer that Anthropic published (of Claude 2, in its SDK up to 0.38).
TOKENS = 252
TEXT = """\
The cache remembers what the model has read, so that a long conversation does not have to be paid \
for again and again. When you ask a question, the beginning of the conversation is compared with \
what was sent before. If nothing in it has changed, the model continues from there, and only the \
new words are read at the full price. If a single word near the top is different, everything \
behind it has to be read once more. That is why a small change in the instructions can make the \
next answer slow and expensive, although it looks harmless. People often notice this only at the \
end of the month, when the bill is larger than they expected.

There are three simple habits that help. First, keep the instructions at the top as they are \
while you work, and write new wishes into the conversation instead. Second, finish one task \
before you start another, because a fresh conversation is cheaper than a long one that carries \
old material along. Third, look at the numbers from time to time: they tell you whether the cache \
was used, how many words were read from it, and how much you would have paid without it. None of \
this needs any special knowledge, and after a few days it becomes a matter of course.
"""


async def test_a_stream_that_ends_early_is_counted_by_an_estimate_and_says_so(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(text=TEXT, fault="close", after=3 + len(TEXT.split())))
    async with proxy.client() as client:
        with pytest.raises(httpx.HTTPError):
            await client.post("/v1/messages", json=STREAM)
    exchange = await proxy.ended()
    assert exchange.usage_missing == "not_final"
    (attempt,) = exchange.billed
    assert attempt.estimated
    assert abs(attempt.usage.output - TOKENS) <= TOKENS / 4
    (row,) = proxy.application.telemetry.recent.as_json()
    assert (row["estimated"], row["output_tokens"]) == (True, attempt.usage.output)
    counted = Samples(proxy.application.telemetry.collect()).by("tokens_total", "type")
    assert (counted["estimated"], counted["output"]) == (attempt.usage.output, 0)


async def test_a_whole_stream_is_no_estimate(proxy: Running, upstream: Simulator) -> None:
    async with proxy.client() as client:
        await client.post("/v1/messages", json=STREAM)
    exchange = await proxy.ended()
    (attempt,) = exchange.billed
    assert not attempt.estimated
    assert tokens(attempt.usage) == tokens(upstream.received[0].usage)
    assert exchange.usage_missing is None
