"""A generated Messages answer: its blocks, as one JSON document or as events."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from .prompt import tokens
from .step import Step
from .usage import Usage

_WORDS = re.compile(r"\s*\S+|\s+")
_PROSE = _WORDS.findall(" It relays each event at once, and counts what it costs on the way.")
_PIECE = 3  # words of a made-up text per delta
_PARTIAL_JSON = 16  # characters of a tool's input per delta


class Piece(NamedTuple):
    """Bytes of an answer's body, and the usage announced once they are sent."""

    data: bytes
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A content block: empty at its start, its deltas, and whole."""

    start: dict[str, Any]
    deltas: list[dict[str, Any]]
    whole: dict[str, Any]
    size: int  # bytes of its text, for the tokens


@dataclass(frozen=True, slots=True)
class Message:
    """An answer; ``usage`` is the final one."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    stop_reason: str
    usage: Usage


def compose(step: Step, asked: str, prompt: Usage, *, id: str, model: str) -> Message:  # noqa: A002 - the API's word
    """Write the answer to the text ``asked``, whose prompt cost ``prompt``."""
    blocks = []
    if step.thinking is not None:
        blocks.append(_thinking(step.thinking))
    if step.text is not None or step.deltas or step.tool_use is None:
        blocks.append(_text(step.deltas or _made_up(step.words) or _split(step.text, asked)))
    if step.tool_use is not None:
        blocks.append(_tool_use(id.replace("msg", "toolu"), *step.tool_use))
    usage = step.usage or replace(
        prompt,
        output=sum(tokens(block.size) for block in blocks),
        thinking=tokens(len(step.thinking or "")),
    )
    stop_reason = "end_turn" if step.tool_use is None else "tool_use"
    return Message(id, model, tuple(blocks), stop_reason, usage)


def document(message: Message) -> Piece:
    """Return the answer as one JSON document."""
    content = [block.whole for block in message.blocks]
    envelope = _envelope(message, content, message.stop_reason, message.usage)
    return Piece(msgspec.json.encode(envelope), message.usage)


def events(message: Message, *, pings: int, message_deltas: int) -> Iterator[Piece]:
    """Yield the answer as server-sent events, in the order of the API's documentation."""
    first = replace(message.usage, output=min(1, message.usage.output), thinking=0)
    envelope = _envelope(message, [], None, first)
    yield Piece(event("message_start", {"message": envelope}), first)
    pinging = iter(range(pings))
    for index, block in enumerate(message.blocks):
        yield Piece(event("content_block_start", {"index": index, "content_block": block.start}))
        yield from _pings(pinging)
        for delta in block.deltas:
            yield Piece(event("content_block_delta", {"index": index, "delta": delta}))
            yield from _pings(pinging)
        yield Piece(event("content_block_stop", {"index": index}))
    yield from _endings(message, message_deltas)
    yield Piece(event("message_stop", {}))


def event(name: str, fields: dict[str, Any]) -> bytes:
    """Return one event on the wire."""
    return b"event: %s\ndata: %s\n\n" % (
        name.encode(),
        msgspec.json.encode({"type": name, **fields}),
    )


def _pings(pinging: Iterator[int]) -> Iterator[Piece]:
    """Yield one ping, as long as there are any left."""
    if next(pinging, None) is not None:
        yield Piece(event("ping", {}))


def _endings(message: Message, count: int) -> Iterator[Piece]:
    """Yield ``message_delta`` events; their usage is cumulative, the last one is final."""
    for n in range(1, count + 1):
        so_far = replace(
            message.usage,
            output=message.usage.output * n // count,
            thinking=message.usage.thinking * n // count,
        )
        reason = message.stop_reason if n == count else None
        delta = {"stop_reason": reason, "stop_sequence": None}
        fields = {"delta": delta, "usage": _cumulative(so_far)}
        yield Piece(event("message_delta", fields), so_far)


def _envelope(
    message: Message, content: list[Any], stop_reason: str | None, usage: Usage
) -> dict[str, Any]:
    return {
        "id": message.id,
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": _initial(usage),
    }


def _cumulative(usage: Usage) -> dict[str, Any]:
    """Return the fields that every ``message_delta`` repeats."""
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "cache_creation_input_tokens": usage.cache_write_5m + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens_details": {"thinking_tokens": usage.thinking},
        "server_tool_use": {f"{name}_requests": n for name, n in usage.server_tools.items()}
        or None,
    }


def _initial(usage: Usage) -> dict[str, Any]:
    """Return the fields of ``message_start``: the split and the tier come only there."""
    return _cumulative(usage) | {
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "service_tier": usage.service_tier or "standard",
        "speed": usage.speed or "standard",
        "inference_geo": usage.inference_geo or "global",
    }


def _made_up(words: int | None) -> tuple[str, ...]:
    """Return a text of so many words, in pieces of a few words each."""
    text = itertools.islice(itertools.cycle(_PROSE), words or 0)
    pieces = iter(lambda: "".join(itertools.islice(text, _PIECE)), "")
    return tuple(pieces)


def _split(text: str | None, asked: str) -> tuple[str, ...]:
    if text is None:
        text = f"This is a simulated answer to: {asked[:200]}"
    return tuple(_WORDS.findall(text))


def _text(pieces: tuple[str, ...]) -> Block:
    text = "".join(pieces)
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return Block(
        {"type": "text", "text": ""}, deltas, {"type": "text", "text": text}, len(text.encode())
    )


def _thinking(text: str) -> Block:
    signature = "c2ltdWxhdGVk"  # "simulated", as opaque as the API's
    deltas = [{"type": "thinking_delta", "thinking": word} for word in _WORDS.findall(text)]
    return Block(
        {"type": "thinking", "thinking": "", "signature": ""},
        [*deltas, {"type": "signature_delta", "signature": signature}],
        {"type": "thinking", "thinking": text, "signature": signature},
        len(text.encode()),
    )


def _tool_use(id: str, name: str, arguments: dict[str, Any]) -> Block:  # noqa: A002 - the API's word
    encoded = msgspec.json.encode(arguments).decode()
    deltas = [
        {"type": "input_json_delta", "partial_json": encoded[at : at + _PARTIAL_JSON]}
        for at in range(0, len(encoded), _PARTIAL_JSON)
    ]
    start = {"type": "tool_use", "id": id, "name": name, "input": {}}
    return Block(start, deltas, {**start, "input": arguments}, len(encoded))
