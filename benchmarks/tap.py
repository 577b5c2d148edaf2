"""What the tap costs per event, beside the cheapest reader there could be.

    python -m benchmarks.tap

The baseline counts blank lines in the decoded stream. The goal is 5 µs per content event.
"""

import gzip
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import brotli

from app.anthropic.intake import Intake
from app.anthropic.tap import Tap

EVENTS = 20_000
PER_CHUNK = 4  # events that arrive together
ROUNDS = 5
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "br": lambda data: bytes(brotli.compress(data, quality=5)),
}


def event(name: str, **fields: Any) -> bytes:
    """Return one event as the API writes it."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def stream() -> list[bytes]:
    """Return the chunks of a long answer."""
    usage = {"input_tokens": 12, "output_tokens": 1, "cache_read_input_tokens": 9000}
    start = event("message_start", message={"model": "claude-opus-5-5", "usage": usage})
    delta = event("content_block_delta", delta={"type": "text_delta", "text": "of a long answer"})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 20_000})
    return [start, *[delta * PER_CHUNK] * (EVENTS // PER_CHUNK), end]


def split_like(chunks: list[bytes], encoded: bytes) -> list[bytes]:
    """Return ``encoded`` in as many chunks."""
    size = -(-len(encoded) // len(chunks))
    return [encoded[start : start + size] for start in range(0, len(encoded), size)]


def tapped(chunks: list[bytes], encoding: str) -> None:
    """Read a stream as the proxy does."""
    tap = Tap(Intake("text/event-stream", encoding))
    for chunk in chunks:
        tap.feed(chunk)
    reading = tap.finish()
    assert reading.usage is not None
    assert (tap.events, reading.usage.output) == (EVENTS + 2, 20_000)


def counted(chunks: list[bytes]) -> None:
    """Read next to nothing of a stream: the baseline."""
    assert sum(chunk.count(b"\n\n") for chunk in chunks) == EVENTS + 2


def best(run: Callable[[], None]) -> float:
    """Return the shortest of some rounds in µs per event."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) / EVENTS * 1e6


def main() -> None:
    """Print µs per event and the ratio to the baseline."""
    chunks = stream()
    baseline = best(lambda: counted(chunks))
    print(f"{'baseline':10} {baseline:6.2f} µs per event")
    for encoding, encode in ENCODERS.items():
        whole = encode(b"".join(chunks))
        parts = chunks if encoding == "identity" else split_like(chunks, whole)
        cost = best(lambda parts=parts, encoding=encoding: tapped(parts, encoding))  # type: ignore[misc]  # defaults bind
        print(f"{encoding:10} {cost:6.2f} µs per event, {cost / baseline:.0f} x the baseline")


if __name__ == "__main__":
    main()
