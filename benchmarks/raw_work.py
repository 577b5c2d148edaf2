"""What the raw upstream answers, whatever the protocol.

The path says it: ``/post`` answers a body with 2 KB, ``/sink`` and ``/quick`` with a few bytes,
``/first`` with a stream of one event, ``/paced?COUNT,MILLISECONDS`` with a stream of events so far
apart, ``/unpaced?COUNT`` as fast as the client takes them, ``/open`` with header fields and nothing
more. A field ``x-work`` replaces the path, so that a proxy takes the request for a message. Answers
to bodies name their size and checksum; the events of paced streams name the time of their sending.
"""

import asyncio
import itertools
import json
import time
from typing import Protocol

STAMP = 20  # digits of an event's time, in nanoseconds of the monotonic clock
GOLDEN = 0.618034  # spreads the streams' phases evenly, however many there are
BATCH = 10  # unpaced events that are written together
JSON, EVENTS = b"application/json", b"text/event-stream"
# What the API and what stands in front of it send with each answer to a subscription.
UNIFIED = b"anthropic-ratelimit-unified-"
FIELDS = (
    (b"date", b"Fri, 27 Nov 2026 12:00:00 GMT"),
    (b"anthropic-organization-id", b"00000000-0000-4000-8000-000000000000"),
    (UNIFIED + b"status", b"allowed"),
    (UNIFIED + b"reset", b"1790003600"),
    (UNIFIED + b"representative-claim", b"five_hour"),
    (UNIFIED + b"fallback-percentage", b"0.5"),
    (UNIFIED + b"5h-status", b"allowed"),
    (UNIFIED + b"5h-utilization", b"0.42"),
    (UNIFIED + b"5h-reset", b"1790003600"),
    (UNIFIED + b"7d-status", b"allowed"),
    (UNIFIED + b"7d-utilization", b"0.17"),
    (UNIFIED + b"7d-reset", b"1790400000"),
    (UNIFIED + b"overage-status", b"rejected"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains; preload"),
    (b"x-envoy-upstream-service-time", b"1042"),
    (b"x-robots-tag", b"none"),
    (b"via", b"1.1 google"),
    (b"server", b"cloudflare"),
    (b"cf-cache-status", b"DYNAMIC"),
    (b"cf-ray", b"0000000000000000-FAK"),
)
MESSAGE: dict[str, object] = {
    "id": "msg_fake",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [],
    "stop_reason": None,
    "usage": {"input_tokens": 12000, "output_tokens": 1, "cache_read_input_tokens": 9000},
}


def _event(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def _delta(text: str) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


START = _event("message_start", message=MESSAGE)
EVENT = _delta("0" * STAMP)
BEFORE, AFTER = EVENT.split(b"0" * STAMP)
END = _event(
    "message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 100}
) + _event("message_stop")


class Exchange(Protocol):
    """One request and its answer."""

    def begin(self, kind: bytes, size: int | None, /) -> None:
        """Send the header fields: the type and size of the body, None if it is a stream."""

    def send(self, pieces: list[bytes], *, end: bool = False) -> None:
        """Send pieces of the body, each framed by itself."""

    async def room(self, size: int) -> None:
        """Wait until the client takes so much."""


def message(size: int, checksum: int, length: int) -> bytes:
    """Return a message of ``length`` bytes that tells the size and checksum of the request."""
    told = f"{size} {checksum:08x} "
    bare = json.dumps(MESSAGE | {"content": [{"type": "text", "text": told}]})
    return json.dumps(
        MESSAGE | {"content": [{"type": "text", "text": told + "x" * (length - len(bare))}]}
    ).encode()


def streamed(count: int) -> bytes:
    """Return what a stream of ``count`` events amounts to, their times being zero."""
    return START + EVENT * count + END


def answer(exchange: Exchange, path: bytes, size: int, checksum: int) -> asyncio.Task[None] | None:
    """Answer a request whose body had this size and checksum; a stream goes on in the task."""
    name, _, count = path.partition(b"?")
    if name in (b"/post", b"/sink", b"/quick"):
        body = message(size, checksum, 2_048) if name == b"/post" else b"{}"
        exchange.begin(JSON, len(body))
        exchange.send([body], end=True)
    elif name == b"/open":
        exchange.begin(EVENTS, None)
    elif name == b"/first":
        exchange.begin(EVENTS, None)
        exchange.send([START, EVENT, END], end=True)
    elif name == b"/paced":
        number, gap = count.split(b",")
        return asyncio.ensure_future(_paced(exchange, int(number), int(gap) / 1000))
    else:
        return asyncio.ensure_future(_unpaced(exchange, int(count)))
    return None


_numbers = itertools.count()


def request_id() -> bytes:
    """Return the next answer's ``request-id``: the one field here that always changes."""
    return b"req_%024d" % next(_numbers)


_phases = (number * GOLDEN % 1 for number in itertools.count())


async def _paced(exchange: Exchange, count: int, gap: float) -> None:
    loop = asyncio.get_running_loop()
    exchange.begin(EVENTS, None)
    await exchange.room(len(START))
    exchange.send([START])
    due = loop.time() + gap * (1 + next(_phases))
    for _ in range(count):
        await asyncio.sleep(due - loop.time())
        await exchange.room(len(EVENT))
        exchange.send([b"%b%020d%b" % (BEFORE, time.monotonic_ns(), AFTER)])
        due += gap
    await exchange.room(len(END))
    exchange.send([END], end=True)


async def _unpaced(exchange: Exchange, count: int) -> None:
    exchange.begin(EVENTS, None)
    await exchange.room(len(START))
    exchange.send([START])
    while count:
        batch = min(BATCH, count)
        await exchange.room(batch * len(EVENT))
        exchange.send([EVENT] * batch)
        count -= batch
        await asyncio.sleep(0)
    await exchange.room(len(END))
    exchange.send([END], end=True)
