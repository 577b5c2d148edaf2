"""Reads a copy of a response as it passes: usage, model, stop reason, error.

The tap never disturbs the relay: it does not raise and holds a bounded number of bytes. A response
that it cannot read becomes a reason in its `Reading` (behaviour B5).
"""

from collections.abc import Iterable

import msgspec

from .answer import Body, EventStream, Notes
from .intake import EVENT_STREAM, Intake
from .records import Record, lone_delta
from .usage import Attempt, Missing, Usage


class Reading(msgspec.Struct, frozen=True):
    """The facts of a response.

    ``usage`` is the last usage that it stated, None if none. ``usage_missing`` says why usage is
    missing or incomplete: ``encoding`` (cannot be decoded), ``truncated`` (a JSON body that is cut,
    or too long to hold), ``no_event`` (a stream that stated none), ``parse`` (not in the API's
    format), ``not_final`` (a stream that ended early: its output is an estimate),
    ``unknown_iteration`` (an attempt of an unknown type). It matters for successful responses on
    the messages route. ``error`` is the type of an error body or of an ``event: error``. ``model``
    is the one that responded.
    """

    usage: Usage | None = None
    usage_missing: Missing | None = None
    model: str | None = None
    stop_reason: str | None = None
    error: str | None = None
    cache_miss_reason: str | None = None
    # As a stream states it at its start, before any server tool.
    prompt: Usage | None = None


_LOST = ("encoding", "truncated")  # nothing that follows can be read
_READERS: dict[str, type[EventStream | Body]] = {
    EVENT_STREAM: EventStream,
    "application/json": Body,
}


class Tap:
    """Reads one response, as its ``intake`` decodes and splits it.

    The intake is fed here, or by whoever restores the response, who passes on what comes out.
    State: the ``_notes``, how many ``events`` of a stream have passed, ``first_token``, once
    content has begun (a ``content_block_delta``), and ``_between``, while no record is begun.
    """

    def __init__(self, intake: Intake) -> None:
        reader = _READERS.get(intake.media_type)
        self._intake = intake
        self._notes = Notes()
        self._reader = reader(self._notes) if reader is not None else None
        self.events = 0
        self.first_token = False
        self._between = intake.begins_record

    def feed(self, chunk: bytes) -> None:
        """Read the next bytes as received, still encoded."""
        delta = lone_delta(chunk) if self._between else None
        if delta is not None and type(self._reader) is EventStream:
            self._reader.hear(delta)
            self.events, self.first_token = self._reader.events, True
        elif self._reader is not None and self._notes.missing not in _LOST:
            self.take(self._intake.feed(chunk))
            self._between = self._intake.begins_record

    def take(self, parts: Iterable[list[Record]]) -> None:
        """Read what the intake makes of the next bytes."""
        reader = self._reader
        if reader is None or self._notes.missing in _LOST:
            return
        try:
            for records in parts:
                reader.feed(records)
        except Exception:  # noqa: BLE001 - a defect of the tap must not end the response
            self._notes.missing = "parse"
        self.events, self.first_token = reader.events, reader.first_token
        if self._intake.damaged:
            self._notes.missing = "encoding"

    @property
    def characters(self) -> int:
        """Characters of content so far."""
        return self._notes.spoken.characters

    @property
    def billed(self) -> tuple[Attempt, ...]:
        """The billed attempts so far, each under its model."""
        return self._notes.billed

    def finish(self) -> Reading:
        """Return the facts, at the end of the response or where it was cut."""
        if self._reader is not None:
            self._reader.finish()
        notes = self._notes
        return Reading(
            usage=notes.accumulator.usage,
            usage_missing=notes.missing,
            model=notes.answering_model,
            stop_reason=notes.stop_reason,
            error=notes.error,
            cache_miss_reason=notes.cache_miss_reason,
            prompt=notes.prompt if notes.prompt is not None and notes.prompt.prompt else None,
        )
