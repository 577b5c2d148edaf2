"""The pure parts: steps, prompts, messages."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.records import parse
from app.anthropic.sse import Splitter
from simulator import Step
from simulator.message import compose, document, events
from simulator.prompt import PromptCache, read, tokens
from simulator.step import Fault
from simulator.usage import Usage

EPHEMERAL = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        (b"529", [Step(status=529)]),
        (b"529*2, reset", [Step(status=529, times=2), Step(fault="reset")]),
        (b'{"text": "x", "gap": 1}', [Step(text="x", gap=1)]),
        (
            b'[{"tool_use": ["Read", {"a": 1}]}, {}]',
            [Step(tool_use=("Read", {"a": 1})), Step()],
        ),
        (b'{"body": "eA==", "usage": {"input": 7}}', [Step(body=b"x", usage=Usage(input=7))]),
    ],
)
def test_steps_can_be_spelled_short_or_as_json(value: bytes, steps: list[Step]) -> None:
    assert list(Step.parse(value)) == steps


@pytest.mark.parametrize("fault", get_args(Fault))
def test_every_fault_has_its_short_form(fault: Fault) -> None:
    assert Step.parse(fault.encode()) == (Step(fault=fault),)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no",
        b"529*0",
        b'{"chunk_size": 0}',
        b"529*x",
        b"{",
        b"[[]]",
        b'{"colour": 1}',
        b'{"fault": "no"}',
        b"\xff",
    ],
)
def test_what_is_no_step_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Step.parse(value)


def body(*contents: Any, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": content} for content in contents]
    return msgspec.json.encode({"model": "m", "messages": messages, **fields})


def block(text: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({} if mark is None else {"cache_control": mark})


def costs(*bodies: bytes) -> list[Usage]:
    cache = PromptCache()
    return [cache.usage(each, read(each)) for each in bodies]


def test_without_marks_every_token_is_fresh() -> None:
    (usage,) = costs(body("x" * 400))
    assert usage.input == usage.prompt > 100


def test_a_growing_conversation_reads_what_the_turn_before_has_written() -> None:
    first, second, other = costs(
        body([block("a" * 400, EPHEMERAL)]),
        body([block("a" * 400)], [block("b" * 400, EPHEMERAL)]),
        body([block("A" * 400)], [block("b" * 400, EPHEMERAL)]),
    )
    assert (first.cache_read, first.cache_write_5m > 100) == (0, True)
    assert second.cache_read == first.cache_write_5m
    assert second.cache_write_5m > 100
    assert other.cache_read == 0


def test_an_hours_mark_is_written_for_an_hour() -> None:
    (usage,) = costs(body("x", system=[block("a" * 400, HOUR)]))
    assert (usage.cache_write_5m, usage.cache_write_1h > 100) == (0, True)


def test_the_cache_matches_tools_before_system_before_messages_whatever_the_key_order() -> None:
    system = [block("s" * 400, EPHEMERAL)]
    first, second = costs(
        b'{"system": %b, "messages": []}' % msgspec.json.encode(system),
        b'{"messages": [], "system": %b}' % msgspec.json.encode(system),
    )
    assert first.cache_write_5m == second.cache_read > 0


@given(st.text(), st.text() | st.none(), st.integers(0, 9), st.integers(1, 5))
def test_events_and_document_tell_the_same_message(
    text: str, thinking: str | None, pings: int, message_deltas: int
) -> None:
    step = Step(text=text, thinking=thinking, tool_use=("T", {"text": text}))
    message = compose(step, "", Usage(input=5), id="msg_1", model="m")
    whole = msgspec.json.decode(document(message).data)
    pieces = list(events(message, pings=pings, message_deltas=message_deltas))
    told = _assembled(b"".join(piece.data for piece in pieces))
    assert told["content"] == whole["content"]
    assert told["stop_reason"] == whole["stop_reason"] == "tool_use"
    assert told["usage"] == {key: whole["usage"][key] for key in told["usage"]}
    assert [piece.usage for piece in pieces if piece.usage][-1] == message.usage


def _assembled(stream: bytes) -> dict[str, Any]:
    """Put a message together from its events, as a client does."""
    content: list[dict[str, Any]] = []
    told: dict[str, Any] = {"content": content}
    for record in Splitter().feed(stream):
        event = msgspec.json.decode(parse(record.raw).data)
        if event["type"] == "content_block_start":
            content.append({**event["content_block"], "partial_json": ""})
        elif event["type"] == "content_block_delta":
            for key, value in event["delta"].items():
                if key != "type":
                    content[event["index"]][key] += value
        elif event["type"] == "message_delta":
            told |= {"stop_reason": event["delta"]["stop_reason"], "usage": event["usage"]}
    for block in content:
        if partial := block.pop("partial_json"):
            block["input"] = msgspec.json.decode(partial)
    return told


@given(st.integers(0, 10**9))
def test_tokens_are_never_fewer_for_more_bytes(size: int) -> None:
    assert tokens(size) <= tokens(size + 1) <= tokens(size) + 1
