"""The messages of a channel, as bytes: MessagePack in frames of a length and a body. Pure."""

from collections.abc import Sequence
from typing import Any, Union

import msgspec

LENGTH = 4  # bytes in front of a frame
LARGEST = 64 * 2**20  # bytes of a frame: a report has some 200 KB

Exemplar = tuple[dict[str, str], float, float | None]
Value = tuple[str, dict[str, str], float, Exemplar | None]


class Family(msgspec.Struct, frozen=True, array_like=True):
    """A metric: ``values`` are the name, labels, value and exemplar of each sample."""

    name: str
    text: str
    type: str
    unit: str
    values: Sequence[Value]


class Hello(msgspec.Struct, frozen=True, tag=True):
    """A worker is up and asks what to serve."""


class Assignment(msgspec.Struct, frozen=True, tag=True):
    """The settings to serve with, and which worker it is."""

    worker: int
    settings: dict[str, Any]


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A worker serves; how its scrubber is set up, and how old its prices are."""

    version: str
    scrub_mode: str
    scrub_detectors: tuple[str, ...]
    scrub_restore: bool
    prices_as_of: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A worker cannot start; ``kind`` is the name of the exception."""

    kind: str
    reason: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """A message has arrived."""


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Report the metrics: all, or those with these ``names``.

    Nothing is reported if nothing has changed after ``known`` changes.
    """

    names: tuple[str, ...] | None = None
    known: int | None = None


class Report(msgspec.Struct, frozen=True, tag=True):
    """What a worker has done after so many ``changes``; ``families`` is None if nothing is new.

    ``limits_at`` is the time of upstream's newest statement about its limits.
    """

    changes: int
    active: int = 0
    families: list[Family] | None = None
    recent: list[dict[str, Any]] = []
    prices_age: int | None = None
    limits_at: float = 0.0


class Look(msgspec.Struct, frozen=True, tag=True):
    """Show what the pages show; nothing if it is still the one with this number."""

    known: int


class Scene(msgspec.Struct, frozen=True, tag=True):
    """What the pages show: the metrics of all workers, and the JSON document."""

    number: int
    families: list[Family] | None = None
    document: bytes = b""


Body = Union[  # noqa: UP007 - msgspec wants to see it at run time
    Hello, Assignment, Ready, Failed, Done, Collect, Report, Look, Scene
]


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A question, or the answer to the one with the same number."""

    number: int
    answers: bool
    body: Body


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def encode(envelope: Envelope) -> bytes:
    """Return the frame of a message."""
    body = _encoder.encode(envelope)
    return len(body).to_bytes(LENGTH, "big") + body


def decode(body: bytes) -> Envelope:
    """Return the message of a frame's body; raises `msgspec.DecodeError`."""
    return _decoder.decode(body)
