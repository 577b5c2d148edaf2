"""What the simulated upstream does with one request, and how a client spells it.

A `Step` is a value: the default one behaves like the API. Tests queue steps
(`Simulator.script`), clients name one per request in the ``x-simulate`` header: JSON (an object
or a list of them), or the short form ``529*2,reset``: statuses and faults with repeat counts.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import msgspec

from .usage import Usage

Fault = Literal[
    "silent",  # never answers
    "reset_before_headers",  # HTTP/2: RST_STREAM, HTTP/1.1: TCP reset
    "close_before_headers",  # the connection is closed
    "stall",  # from here on: sends nothing more, and does not end
    "reset",
    "close",
    "cut",  # closes in the middle of a frame, or of a chunk
    "goaway",  # GOAWAY, then the answer goes on to its end; HTTP/1.1: closes after it
    "truncate",  # ends in good order, but without the rest of its content
    "garbage",  # bytes that are neither the coding nor an event, then a good end
    "error_event",  # `event: error`, as the API sends it after a 200, then a good end
]
Encoding = Literal["gzip", "deflate", "br", "zstd"]

WORDS = 10**5  # of a made-up text
TIMES = 10**6  # requests that one step may serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One answer. Content fields that are left out are made up from the request.

    A fault that is not one of "before headers" happens once ``after`` events were sent, or at
    the end of a shorter answer. Durations are seconds, sizes bytes.
    """

    status: int = 200  # from 400 on: the API's error of that status
    headers: tuple[tuple[str, str], ...] = ()  # replace the answer's own, or are added
    body: bytes | None = None  # sent as it is, instead of a generated answer
    text: str | None = None  # streamed word by word
    words: int | None = None  # of a made-up text, streamed a few words at a time
    deltas: tuple[str, ...] = ()  # the text, in exactly these deltas
    thinking: str | None = None
    tool_use: tuple[str, dict[str, Any]] | None = None  # name and input
    pings: int = 1
    message_deltas: int = 1  # `message_delta` events, their usage growing
    usage: Usage | None = None  # announced instead of an estimate
    encoding: Encoding | None = None  # `content-encoding`, flushed after every event
    chunk_size: int | None = None  # events are sent in pieces of at most this many bytes
    delay: float = 0.0  # before the response headers
    gap: float = 0.0  # between events
    fault: Fault | None = None
    after: int = 3
    error_code: int = 2  # of RST_STREAM; 2 is INTERNAL_ERROR (RFC 9113 §7)
    early: bool = False  # answers without waiting for the request's body
    read_body: bool = True  # False: the request's body is given no flow-control credit
    times: int = 1  # how many requests take this step
    match: str | None = None  # queued: for requests only whose body contains this

    def __post_init__(self) -> None:
        if not 1 <= self.times <= TIMES:
            raise ValueError(f"times must be from 1 to {TIMES}")
        if self.words is not None and not 1 <= self.words <= WORDS:
            raise ValueError(f"words must be from 1 to {WORDS}")
        if self.chunk_size is not None and self.chunk_size < 1:
            raise ValueError("chunk_size must be at least 1")

    @classmethod
    def parse(cls, value: bytes) -> tuple["Step", ...]:
        """Return the steps a header or a control request names; raises `ValueError`."""
        if value[:1] in (b"{", b"["):
            return _from_json(value)
        return tuple(map(_short, value.decode("latin-1").split(",")))


_NAMES = frozenset(field.name for field in fields(Step))


def _from_json(value: bytes) -> tuple[Step, ...]:
    try:
        document = msgspec.json.decode(value)
        return tuple(map(_convert, document if isinstance(document, list) else [document]))
    except msgspec.MsgspecError as exc:
        raise ValueError(str(exc)) from exc


def _convert(document: Any) -> Step:
    unknown = sorted(set(document) - _NAMES) if isinstance(document, dict) else []
    if unknown:
        raise ValueError(f"a step has no {', '.join(unknown)}")
    return msgspec.convert(document, Step)


def _short(item: str) -> Step:
    word, _, times = item.strip().partition("*")
    repeat = int(times or 1)
    if word in get_args(Fault):
        return msgspec.convert({"fault": word, "times": repeat}, Step)
    return Step(status=int(word), times=repeat)
