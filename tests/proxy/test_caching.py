"""The cache recorder behind a real proxy: it reads bodies as they pass, and disturbs nothing."""

import asyncio
import gzip
import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.anthropic.tap import Reading
from app.cache.blocks import Digest
from app.cache.recorder import Recorder
from app.cache.report import CacheReport
from app.certificates import Certificate
from app.exchange import Exchange
from app.factories.caching import caching_of
from app.proxy import caching
from app.proxy.backlog import Backlog
from app.proxy.request.body import Body
from app.proxy.request.client_request import ClientRequest
from app.proxy.request.inbound import Inbound
from app.settings import Settings
from simulator import Simulator, Step
from tests.cache.bodies import TOOLS, assistant, body, tool, user
from tests.proxying import Running, proxying, until

HEADERS = {"x-claude-code-session-id": "session-1", "x-api-key": "a-fake-key"}
A, B, C = user("u1"), assistant("a1"), user("u2")
SECRET = "ghp_" + "Fake0123" * 5


async def ask(proxy: Running, *bodies: bytes, **headers: str) -> list[Exchange]:
    """Send bodies one after the other; return their records."""
    before = len(proxy.exchanges)
    async with proxy.client() as client:
        for number, sent in enumerate(bodies, 1):
            await client.post("/v1/messages", content=sent, headers=HEADERS | headers)
            await proxy.ended(before + number)
    return proxy.exchanges[before:]


def reasons(exchanges: list[Exchange]) -> list[str | None]:
    return [None if one.cache is None else one.cache.verdict.reason for one in exchanges]


async def test_turns_of_a_conversation_are_judged(proxy: Running) -> None:
    changed = body(A, B, C, tools=[*TOOLS, tool("mcp__github__search", 100)])
    ended = await ask(proxy, body(A), body(A, B, C), changed)
    assert reasons(ended) == ["first", "hit", "tools_changed"]


async def test_a_long_body_is_judged_too(proxy: Running) -> None:
    long = user("u1", 100_000)
    before = {*threading.enumerate()}  # a thread of an earlier proxy may not have ended yet
    ended = await ask(proxy, body(long), body(long, B, C))
    assert all(one.bytes_in > caching.INLINE for one in ended)
    assert reasons(ended) == ["first", "hit"]
    begun = {*threading.enumerate()} - before
    assert sum(one.name.startswith("cache") for one in begun) == 1


async def test_an_answer_that_is_not_streamed_is_judged(proxy: Running) -> None:
    sent = [one.replace(b'"stream":true', b'"stream":false') for one in (body(A), body(A, B, C))]
    ended = await ask(proxy, *sent)
    assert not any(one.streamed for one in ended)
    assert reasons(ended) == ["first", "hit"]


async def test_the_context_is_shared_out_among_its_parts(proxy: Running) -> None:
    tools = [*TOOLS, tool("mcp__github__search", 500), tool("mcp__jira__find", 250)]
    (ended,) = await ask(proxy, body(A, tools=tools))
    assert ended.cache is not None
    assert ended.usage is not None
    fill = ended.cache.fill
    assert set(fill) == {"tools", "mcp__github__", "mcp__jira__", "system", "messages"}
    assert sum(fill.values()) == ended.usage.prompt
    assert fill["mcp__github__"] == pytest.approx(510, rel=0.1)


@pytest.mark.parametrize("step", [Step(status=529), Step(status=400)])
async def test_an_error_has_no_verdict_and_leaves_nothing(
    proxy: Running, upstream: Simulator, step: Step
) -> None:
    upstream.script(step)
    ended = await ask(proxy, body(A), body(A), **{"x-should-retry": "false"})
    assert reasons(ended)[-1] == "first" or ended[0].retries


async def test_other_routes_have_no_verdict(proxy: Running) -> None:
    async with proxy.client() as client:
        await client.post("/v1/messages/count_tokens", content=body(A), headers=HEADERS)
    assert reasons([await proxy.ended()]) == [None]


@pytest.mark.parametrize("sent", [b"{}", b"no json", b'{"messages":1}', b""])
async def test_an_odd_body_passes(proxy: Running, upstream: Simulator, sent: bytes) -> None:
    usage = {"input_tokens": 9, "output_tokens": 1}
    answer = (
        b'{"type":"message","model":"claude-opus-5-5","usage":%s}'
        % str(usage).replace("'", '"').encode()
    )
    upstream.script(Step(body=answer, headers=(("content-type", "application/json"),)))
    (ended,) = await ask(proxy, sent)
    assert upstream.received[-1].body == sent
    assert reasons([ended]) == ["unknown"]


async def test_a_compressed_body_cannot_be_judged(proxy: Running) -> None:
    (ended,) = await ask(proxy, gzip.compress(body(A)), **{"content-encoding": "gzip"})
    assert ended.status == 200
    assert reasons([ended]) == ["unknown"]


@pytest.mark.parametrize(
    ("method", "size"),
    [("template", 500), ("read", 500), ("begin", 500), ("judge", 500), ("read", 100_000)],
)
async def test_a_recorder_that_fails_costs_the_verdict_only(
    proxy: Running, monkeypatch: pytest.MonkeyPatch, method: str, size: int
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("what a prompt says")

    monkeypatch.setattr(Recorder, method, fail)
    with capture_logs() as lines:
        (ended,) = await ask(proxy, body(user("u1", size)))
    assert ended.status == 200
    assert ended.outcome == "complete"
    assert reasons([ended]) == ["unknown"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "the cache recorder failed"
    ]
    assert "what a prompt says" not in str(lines)


async def test_a_recorder_that_is_slow_holds_up_no_answer(
    proxy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    read = Recorder.read
    monkeypatch.setattr(caching, "SETTLE", 0.01)

    def wait(*arguments: Any) -> Any:
        release.wait(60)
        return read(*arguments)

    monkeypatch.setattr(Recorder, "read", wait)
    try:
        (ended,) = await ask(proxy, body(user("u1", 100_000)))
    finally:
        release.set()
    assert ended.status == 200
    assert reasons([ended]) == ["unknown"]


async def test_a_backlog_of_the_thread_is_bounded(
    proxy: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "WAITING", 300_000)
    (ended,) = await ask(proxy, body(user("u1", 100_000)))
    assert reasons([ended]) == ["unknown"]


@pytest.mark.parametrize("delay", [0.0, 60.0])
async def test_a_long_body_is_read_once_its_answer_is_under_way_or_over(
    proxy: Running, monkeypatch: pytest.MonkeyPatch, delay: float
) -> None:
    monkeypatch.setattr(caching, "DELAY", delay)
    ended = await ask(proxy, body(user("u1", 100_000)))
    assert reasons(ended) == ["first"]


async def test_a_long_body_is_not_read_for_an_error_nor_kept_after_its_end() -> None:
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": body(user("u1", 100_000))})
    messages.put_nowait({"type": "http.disconnect"})
    inbound = Inbound(messages.get, 2**20)
    await inbound.watch()
    sent = Body(inbound, 2**20)
    await sent.hold(2**20)
    shared = caching.Caching(hash, recorders=1)
    flight = caching.CacheFlight(shared, ClientRequest("POST", b"/", [], peer=""), Backlog())
    flight.sending(sent, 0.0)
    flight.sent(sent)
    assert shared.waiting > caching.INLINE
    await flight.settle()
    assert flight.judge(Reading()) is None
    assert shared.waiting == 0
    assert not shared.thread._threads  # the executor has no other way to tell


async def test_a_client_that_leaves_in_the_middle_has_read_the_cache(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(words=500, gap=0.02))
    async with (
        proxy.client() as client,
        client.stream("POST", "/v1/messages", content=body(A), headers=HEADERS) as response,
    ):
        async for chunk in response.aiter_bytes():
            if b"content_block_delta" in chunk:
                break
    assert (await proxy.ended()).outcome == "client_abort"
    (ended,) = await ask(proxy, body(A, B, C))
    assert reasons([proxy.exchanges[0], ended]) == ["first", "hit"]


async def test_parallel_requests_wait_for_the_one_that_writes(
    proxy: Running, upstream: Simulator
) -> None:
    usage = {"input": 3, "cache_write_5m": 10_500, "output": 5}
    upstream.script(Step.parse(b'{"delay":0.4,"times":2,"usage":%s}' % _json(usage))[0])
    async with proxy.client() as client:
        await asyncio.gather(
            *(client.post("/v1/messages", content=body(A), headers=HEADERS) for _ in range(2))
        )
    await until(lambda: len(proxy.exchanges) == 2)
    assert sorted(map(str, reasons(proxy.exchanges))) == ["concurrent", "first"]


async def test_a_scrubbed_conversation_is_judged_as_the_one_received(
    upstream: Simulator, certificate: Certificate
) -> None:
    key = "0" * 64
    secret = user(f"{SECRET} ", 1)
    secret["content"].append({"type": "text", "text": f"the token is {SECRET}"})
    changed = body(secret, B, C, tools=TOOLS[:2])
    async with proxying(
        upstream.url, certificate, scrub_mode="pseudonymize", scrub_hmac_key=key
    ) as proxy:
        ended = await ask(proxy, body(secret), body(secret, B, C), changed, body(A))
        metric = proxy.application.telemetry.registry.get_sample_value
        same = metric("anthropic_proxy_scrub_cache_verdicts_total", {"result": "same"})
    assert [one.modified for one in ended] == [True, True, True, False]
    assert reasons(ended)[:3] == ["first", "hit", "tools_changed"]
    assert [_received(one.cache) for one in ended] == reasons(ended)
    assert same == len(ended)


def _received(report: CacheReport | None) -> str | None:
    return None if report is None or report.received is None else report.received.reason


@pytest.mark.parametrize(("mode", "recorders"), [("off", 1), ("detect", 1), ("pseudonymize", 2)])
def test_bodies_as_received_are_remembered_only_where_they_may_change(
    mode: str, recorders: int
) -> None:
    settings = Settings(_env_file=None, scrub_mode=mode, scrub_hmac_key="0" * 64)  # type: ignore[call-arg, arg-type]
    assert len(caching_of(settings).recorders) == recorders


def test_each_recorder_has_a_hash_with_a_key_of_its_own() -> None:
    digests: list[Digest] = [caching_of(Settings(_env_file=None)).digest for _ in range(2)]  # type: ignore[call-arg]
    assert digests[0](b"text") != digests[1](b"text")
    assert digests[0](b"text") == digests[0](memoryview(b"a text")[2:])


def _json(value: dict[str, int]) -> bytes:
    return str(value).replace("'", '"').encode()
