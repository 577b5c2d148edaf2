"""The official Python SDK through the proxy: nothing tells it from the API itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx2
import pytest

from simulator import Simulator, Step
from tests import sdk
from tests.proxying import Running, tokens, until

if TYPE_CHECKING:
    from anthropic.types import MessageParam, ToolParam

pytestmark = pytest.mark.slow  # the SDK alone takes seconds to import
MODEL = "claude-sonnet-5"
MESSAGES: list[MessageParam] = [{"role": "user", "content": "hello"}]
TOOLS: list[ToolParam] = [
    {
        "name": "get_weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


@pytest.fixture
def client(proxy: Running) -> sdk.anthropic.AsyncAnthropic:
    return sdk.anthropic.AsyncAnthropic(
        api_key="fake-key",
        base_url=proxy.url,
        max_retries=0,
        http_client=sdk.anthropic.DefaultAsyncHttpxClient(verify=proxy.trust()),
    )


@pytest.fixture
def sync_client(proxy: Running) -> Iterator[sdk.anthropic.Anthropic]:
    with httpx2.Client(verify=proxy.trust()) as http_client:
        yield sdk.anthropic.Anthropic(
            api_key="fake-key", base_url=proxy.url, http_client=http_client
        )


async def test_messages_work(
    client: sdk.anthropic.AsyncAnthropic, proxy: Running, upstream: Simulator
) -> None:
    message = await client.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES)
    assert message.content[0].type == "text"
    exchange = await proxy.ended()
    assert exchange.usage is not None
    assert exchange.usage.output == message.usage.output_tokens
    assert upstream.received[0].header(b"authorization") == b"Bearer fake-key"
    await client.close()


async def test_messages_work_from_synchronous_code(
    sync_client: sdk.anthropic.Anthropic, upstream: Simulator
) -> None:
    message = await asyncio.to_thread(
        sync_client.messages.create, model=MODEL, max_tokens=64, messages=MESSAGES
    )
    assert message.stop_reason == "end_turn"
    assert len(upstream.received) == 1


@pytest.mark.parametrize("encoding", [None, "gzip", "br", "zstd"])
async def test_streams_arrive_event_by_event(
    client: sdk.anthropic.AsyncAnthropic, proxy: Running, upstream: Simulator, encoding: str | None
) -> None:
    steps = {"encoding": encoding, "text": "one two three", "thinking": "hm", "pings": 2}
    upstream.script(*Step.parse(json.dumps(steps).encode()))
    async with client.messages.stream(model=MODEL, max_tokens=64, messages=MESSAGES) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == "one two three"
    exchange = await proxy.ended()
    assert exchange.streamed
    assert exchange.first_token is not None
    assert tokens(exchange.usage) == tokens(upstream.received[0].usage)
    assert exchange.usage is not None
    assert exchange.usage.output == final.usage.output_tokens
    await client.close()


async def test_a_tool_is_used_over_two_turns(
    client: sdk.anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    upstream.script(Step(tool_use=("get_weather", {"city": "Oslo"})), Step(text="cold"))
    first = await client.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES, tools=TOOLS)
    assert first.stop_reason == "tool_use"
    use = next(block for block in first.content if block.type == "tool_use")
    assert use.input == {"city": "Oslo"}
    turns: list[MessageParam] = [
        *MESSAGES,
        {"role": "assistant", "content": first.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "-5"}],
        },
    ]
    second = await client.messages.create(model=MODEL, max_tokens=64, messages=turns, tools=TOOLS)
    assert [block.text for block in second.content if block.type == "text"] == ["cold"]
    await client.close()


async def test_tokens_are_counted_and_models_listed(client: sdk.anthropic.AsyncAnthropic) -> None:
    count = await client.messages.count_tokens(model=MODEL, messages=MESSAGES)
    assert count.input_tokens > 0
    models = await client.models.list()
    assert models.data
    await client.close()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (413, "RequestTooLargeError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
    ],
)
async def test_errors_are_the_sdks_own(
    client: sdk.anthropic.AsyncAnthropic,
    upstream: Simulator,
    status: int,
    error: str,
) -> None:
    upstream.script(Step(status=status))
    with pytest.raises(getattr(sdk.anthropic, error)) as caught:
        await client.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES)
    assert caught.value.response.content == upstream.received[0].sent
    await client.close()


async def test_an_error_event_is_raised_by_the_sdk(
    client: sdk.anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    upstream.script(Step(fault="error_event"))
    with pytest.raises(sdk.anthropic.APIStatusError):
        async with client.messages.stream(model=MODEL, max_tokens=64, messages=MESSAGES) as stream:
            await stream.until_done()
    await client.close()


async def test_the_sdks_own_retries_are_seen(proxy: Running, upstream: Simulator) -> None:
    upstream.script(Step(status=500, headers=(("retry-after-ms", "1"),)))
    async with sdk.anthropic.AsyncAnthropic(
        api_key="fake-key",
        base_url=proxy.url,
        max_retries=1,
        http_client=sdk.anthropic.DefaultAsyncHttpxClient(verify=proxy.trust()),
    ) as client:
        await client.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES)
    await proxy.ended(2)
    assert [exchange.client_retry for exchange in proxy.exchanges] == [0, 1]


async def test_an_aborted_stream_is_ended_upstream(
    client: sdk.anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    upstream.script(Step(fault="stall", after=4))
    async with client.messages.stream(model=MODEL, max_tokens=64, messages=MESSAGES) as stream:
        async for _ in stream:
            break
    await until(lambda: upstream.received[0].ended == "reset")
    await client.close()
