"""Answers as the API writes them, for the tests of what reads them."""

import gzip
import itertools
import json
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import brotli
from hypothesis import strategies as st

from app.anthropic.usage import Usage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

START_USAGE: dict[str, Any] = {
    "input_tokens": 11,
    "output_tokens": 3,
    "cache_creation_input_tokens": 700,
    "cache_read_input_tokens": 9000,
    "cache_creation": {"ephemeral_5m_input_tokens": 600, "ephemeral_1h_input_tokens": 100},
    "service_tier": "standard",
    "inference_geo": "us",
}
# What it says.
STARTED = Usage(
    input=11,
    output=3,
    cache_read=9000,
    cache_write_5m=600,
    cache_write_1h=100,
    service_tier="standard",
    inference_geo="us",
)


def event(name: str, line_end: str = "\n", **fields: object) -> bytes:
    """Return one event in the API's own form."""
    text = json.dumps({"type": name, **fields}, ensure_ascii=False)
    return f"event: {name}{line_end}data: {text}{line_end}{line_end}".encode()


def message(usage: object, **fields: object) -> dict[str, object]:
    """Return a message as JSON has it."""
    return {"id": "msg_1", "type": "message", "model": "claude-opus-5-5", "usage": usage} | fields


def stream(
    start: Mapping[str, Any] | None = None,
    deltas: Sequence[Mapping[str, Any]] = ({"output_tokens": 42},),
    line_end: str = "\n",
) -> bytes:
    """Return an event stream with content, a ping and a comment in it."""
    started = message(START_USAGE if start is None else start, stop_reason=None)
    text = {"type": "text_delta", "text": "naïve 日本 \n\n event: message_delta \U0001f600"}
    return b"".join(
        [
            event("message_start", line_end, message=started),
            event("content_block_start", line_end, index=0),
            event("ping", line_end),
            event("content_block_delta", line_end, index=0, delta=text),
            f": a comment{line_end}{line_end}".encode(),
            event("content_block_delta", line_end, index=0, delta=text),
            event("content_block_stop", line_end, index=0),
            *(
                event("message_delta", line_end, delta={"stop_reason": "end_turn"}, usage=usage)
                for usage in deltas
            ),
            event("message_stop", line_end),
        ]
    )


def _raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


ENCODERS: Mapping[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": _raw_deflate,  # the bare reading; names know no case
    "br": brotli.compress,
    "zstd": zstd.compress,
    "gzip, br": lambda data: brotli.compress(gzip.compress(data)),
}


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Return every way to cut ``data`` into chunks."""
    offsets = st.lists(st.integers(0, len(data)), max_size=12).map(sorted)
    return offsets.map(lambda cuts: cut(data, cuts))


def cut(data: bytes, offsets: Sequence[int]) -> list[bytes]:
    """Return ``data`` cut at ``offsets``."""
    bounds = [0, *offsets, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]
