"""The official SDK takes the simulator for the API."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx2  # the SDK is built on it
import pytest

from simulator import Simulator, Step
from tests import sdk

if TYPE_CHECKING:
    from anthropic.types import MessageParam, ToolParam

pytestmark = pytest.mark.slow  # the SDK alone takes seconds to import
MODEL = "claude-sonnet-5-5"
ASK: list[MessageParam] = [{"role": "user", "content": "Hello"}]
READ: ToolParam = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
async def simulator(server_tls: ssl.SSLContext) -> AsyncIterator[Simulator]:
    async with Simulator(ssl_context=server_tls) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["http2", "http1"])
async def client(
    request: pytest.FixtureRequest, simulator: Simulator, client_tls: ssl.SSLContext
) -> AsyncIterator[sdk.anthropic.AsyncAnthropic]:
    transport = httpx2.AsyncClient(verify=client_tls, http2=request.param)
    async with sdk.anthropic.AsyncAnthropic(
        base_url=simulator.url, api_key="sk-fake", http_client=transport, max_retries=0
    ) as made:
        yield made


async def test_create(client: sdk.anthropic.AsyncAnthropic, simulator: Simulator) -> None:
    message = await client.messages.create(model=MODEL, max_tokens=9, messages=ASK)
    assert message.model == MODEL
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens == simulator.usage[MODEL].input
    assert message._request_id is not None


async def test_a_stream_adds_up_to_its_blocks(
    client: sdk.anthropic.AsyncAnthropic, simulator: Simulator
) -> None:
    simulator.script(
        Step(
            thinking="First I look.",
            text="Let me see: ∑ 😀",
            tool_use=("Read", {"path": "/home/äöü.txt", "limit": 5}),
            encoding="gzip",
            message_deltas=3,
            pings=9,
        )
    )
    async with client.messages.stream(model=MODEL, max_tokens=9, messages=ASK) as stream:
        message = await stream.get_final_message()
    thinking, text, tool = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, bool(thinking.signature)) == ("First I look.", True)
    assert text.type == "text"
    assert text.text == "Let me see: ∑ 😀"
    assert tool.type == "tool_use"
    assert (tool.name, tool.input) == ("Read", {"path": "/home/äöü.txt", "limit": 5})
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == simulator.usage[MODEL].output


async def test_a_tool_runs_over_two_turns(
    client: sdk.anthropic.AsyncAnthropic, simulator: Simulator
) -> None:
    simulator.script(Step(tool_use=("Read", {})))
    first = await client.messages.create(model=MODEL, max_tokens=9, messages=ASK, tools=[READ])
    (block,) = first.content
    assert block.type == "tool_use"
    turns: list[MessageParam] = [
        *ASK,
        {"role": "assistant", "content": first.content},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": block.id, "content": "42"}],
        },
    ]
    second = await client.messages.create(model=MODEL, max_tokens=9, messages=turns, tools=[READ])
    (answer,) = second.content
    assert answer.type == "text"
    assert answer.text.endswith("42")


async def test_count_tokens_agrees_with_the_usage(client: sdk.anthropic.AsyncAnthropic) -> None:
    counted = await client.messages.count_tokens(model=MODEL, messages=ASK)
    assert counted.input_tokens > 0


async def test_models(client: sdk.anthropic.AsyncAnthropic) -> None:
    assert MODEL in [model.id async for model in client.models.list()]


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (404, "NotFoundError"),
        (413, "APIStatusError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
        (529, "InternalServerError"),
    ],
)
async def test_errors_are_raised_as_the_apis_own(
    client: sdk.anthropic.AsyncAnthropic,
    simulator: Simulator,
    status: int,
    raised: str,
) -> None:
    simulator.script(Step(status=status))
    with pytest.raises(getattr(sdk.anthropic, raised)) as caught:
        await client.messages.create(model=MODEL, max_tokens=9, messages=ASK)
    assert caught.value.status_code == status


async def test_an_error_event_is_raised_after_a_200(
    client: sdk.anthropic.AsyncAnthropic, simulator: Simulator
) -> None:
    simulator.script(Step(fault="error_event"))
    with pytest.raises(sdk.anthropic.APIStatusError, match="Overloaded"):
        async with client.messages.stream(model=MODEL, max_tokens=9, messages=ASK) as stream:
            await stream.get_final_message()


async def test_a_529_is_retried_by_the_sdk(
    client: sdk.anthropic.AsyncAnthropic, simulator: Simulator
) -> None:
    simulator.script(Step(status=529, headers=(("retry-after-ms", "1"),), times=2))
    await client.with_options(max_retries=2).messages.create(
        model=MODEL, max_tokens=9, messages=ASK
    )
    assert [received.status for received in simulator.received] == [529, 529, 200]
