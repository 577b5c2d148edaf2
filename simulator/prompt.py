"""A Messages request as the simulated API reads it: what it asks for and what it costs."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgspec

from .usage import Usage

BYTES_PER_TOKEN = 4
PREFIXES = 10_000  # cached prefixes remembered, the least recently used forgotten first


class Request(msgspec.Struct):
    """The fields the simulator looks at; everything else may be there."""

    model: str = "claude-sonnet-5-5"
    stream: bool = False
    tools: list[Any] = []
    system: str | list[Any] = ""
    messages: list[Any] = []


def read(body: bytes) -> Request:
    """Read a request's JSON; raises `ValueError` with a reason for the client."""
    try:
        return msgspec.json.decode(body, type=Request)
    except msgspec.MsgspecError as exc:
        raise ValueError(str(exc)) from exc


def last_text(request: Request) -> str:
    """Return the text of the last user message: its last text or tool result."""
    for message in reversed(request.messages):
        if isinstance(message, dict) and message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        block = content[-1]
        return _text(block.get("text", block.get("content")))
    return ""


def tokens(size: int) -> int:
    """Estimate the tokens of ``size`` bytes of text."""
    return -(-size // BYTES_PER_TOKEN)


class PromptCache:
    """The API's prompt cache: a prefix of tools, system and messages that was marked before.

    State: ``_seen``, digests of the prefixes that ended at a ``cache_control`` mark.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def usage(self, body: bytes, request: Request) -> Usage:
        """Return the prompt's share of the usage, and remember its marked prefixes."""
        total = tokens(len(body))
        if b'"cache_control"' not in body:
            return Usage(input=total)
        read = written = position = 0
        ttl = "5m"
        for digest, position, mark in _prefixes(request):
            if digest in self._seen:
                read = position
            if mark is not None:
                written, ttl = position, mark.get("ttl", "5m")
                self._remember(digest)
        return Usage(
            input=max(1, total - max(read, written)),
            cache_read=read,
            cache_write_5m=max(0, written - read) if ttl != "1h" else 0,
            cache_write_1h=max(0, written - read) if ttl == "1h" else 0,
        )

    def _remember(self, digest: bytes) -> None:
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > PREFIXES:
            self._seen.popitem(last=False)


def _prefixes(request: Request) -> Iterator[tuple[bytes, int, dict[str, Any] | None]]:
    """Yield each block's digest of everything up to it, the tokens so far, and its mark."""
    running, size = hashlib.sha256(request.model.encode()), 0
    for block in _blocks(request):
        mark = None
        if isinstance(block, dict) and "cache_control" in block:
            mark = block["cache_control"]
            block = {key: value for key, value in block.items() if key != "cache_control"}  # noqa: PLW2901 - the mark is no part of the prefix
        encoded = msgspec.json.encode(block)
        running.update(encoded)
        size += len(encoded)
        yield running.digest(), tokens(size), mark


def _blocks(request: Request) -> Iterator[Any]:
    """Yield the prompt's blocks in the order the cache matches them."""
    yield from request.tools
    yield from _listed(request.system)
    for message in request.messages:
        yield from _listed(message.get("content") if isinstance(message, dict) else message)


def _listed(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
