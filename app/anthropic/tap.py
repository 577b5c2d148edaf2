"""Reads a copy of an answer as it passes: usage, model, stop reason, error.

The tap never raises, never holds more than `BODY_LIMIT` bytes and looks into few records: the
content of a stream is recognised by its first bytes and passed over.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from app.anthropic.accumulator import Accumulator
from app.anthropic.encoding import Decoder, EncodingError
from app.anthropic.sse import Record, Splitter, parse
from app.anthropic.usage import Usage

BODY_LIMIT = 8 * 2**20  # bytes of a JSON answer that are held
RECORD_LIMIT = 2**20  # bytes of an event; those that are read have some hundred
FIELD_LIMIT = 64 * 1024  # bytes of a field that is read
NAME_LIMIT = 200  # characters of a model, stop reason or error type

UNKNOWN_ERROR = "unknown"  # an error that does not say its type

_TOKEN = (b"event: content_block_delta\n", b"event: content_block_delta\r")
_READ = frozenset({b"message_start", b"message_delta", b"error"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer said of itself.

    ``usage`` is what it announced so far, None when nothing. ``usage_missing`` says why usage is
    lacking or not final: ``encoding`` (cannot be decoded), ``truncated`` (a JSON body that is
    cut, or too long to hold), ``no_event`` (a stream without usage), ``parse`` (not as the API
    writes it). ``error`` is the type of an error answer or of an ``event: error``.
    """

    usage: Usage | None = None
    usage_missing: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    error: str | None = None


class _Document(msgspec.Struct):
    """The fields that are read, of an event or an answer; the rest is passed over."""

    type: msgspec.Raw = msgspec.Raw(b"null")
    message: msgspec.Raw = msgspec.Raw(b"null")
    delta: msgspec.Raw = msgspec.Raw(b"null")
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")
    model: msgspec.Raw = msgspec.Raw(b"null")
    stop_reason: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(_Document)


class _Notes:
    """What has been learnt; State: all of it."""

    def __init__(self) -> None:
        self.accumulator = Accumulator()
        self.missing: str | None = None
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.error: str | None = None

    def message(self, document: _Document) -> None:
        self.model = _word(document.model) or self.model
        self.stop_reason = _word(document.stop_reason) or self.stop_reason
        self.accumulator.announce(_value(document.usage))

    def failed(self, document: _Document) -> None:
        error = _decoder.decode(document.error)
        self.error = _word(error.type) or UNKNOWN_ERROR

    def reading(self) -> Reading:
        return Reading(
            self.accumulator.usage, self.missing, self.model, self.stop_reason, self.error
        )


class _Events:
    """Reads an event stream."""

    def __init__(self, notes: _Notes) -> None:
        self.first_token = False
        self.events = 0
        self._notes = notes
        self._splitter = Splitter(RECORD_LIMIT)

    def feed(self, data: bytes) -> None:
        for record in self._splitter.feed(data):
            if record.whole and record.raw.startswith(_TOKEN):
                self.events += 1
                self.first_token = True
            elif record.whole and not record.raw.isspace():
                self.events += 1
                self._read(record)

    def _read(self, record: Record) -> None:
        name, data = parse(record.raw)
        if name == b"content_block_delta":
            self.first_token = True
        if name not in _READ:
            return
        try:
            self._take(name, _decoder.decode(data))
        except (ValueError, RecursionError):
            self._notes.missing = "parse"
            if name == b"error":
                self._notes.error = UNKNOWN_ERROR

    def _take(self, name: bytes, event: _Document) -> None:
        if name == b"error":
            self._notes.failed(event)
        elif name == b"message_start":
            self._notes.message(_decoder.decode(event.message))
        else:
            self._notes.stop_reason = (
                _word(_decoder.decode(event.delta).stop_reason) or self._notes.stop_reason
            )
            self._notes.accumulator.announce(_value(event.usage))

    def finish(self) -> None:
        notes = self._notes
        if notes.accumulator.usage is None and notes.error is None:
            notes.missing = notes.missing or "no_event"


class _Body:
    """Reads a JSON answer, whole."""

    first_token = False
    events = 0

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes
        self._held = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> None:
        self._overlong = self._overlong or len(self._held) + len(data) > BODY_LIMIT
        if self._overlong:
            self._held.clear()
        else:
            self._held += data

    def finish(self) -> None:
        notes = self._notes
        if self._overlong:
            notes.missing = "truncated"
        if not self._held or notes.missing:
            return
        try:
            document = _decoder.decode(self._held)
            kind = _word(document.type)
            if kind == "error":
                notes.failed(document)
            elif kind == "message":
                notes.message(document)
                notes.missing = "parse" if notes.accumulator.usage is None else None
        except (ValueError, RecursionError) as exc:
            cut = "truncated" in str(exc) or not self._held.rstrip().endswith(b"}")
            notes.missing = "truncated" if cut else "parse"


_READERS = {"text/event-stream": _Events, "application/json": _Body}


class Tap:
    """Reads one answer, given its ``Content-Type`` and ``Content-Encoding``."""

    def __init__(self, content_type: str | None, content_encoding: str | None) -> None:
        kind = (content_type or "").partition(";")[0].strip().lower()
        self._notes = _Notes()
        self._reader = _READERS[kind](self._notes) if kind in _READERS else None
        self._encoding = content_encoding
        self._decoder: Decoder | None = None

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes as they came, still encoded."""
        if self._reader is None or self._notes.missing == "encoding" or not chunk:
            return
        try:
            if self._decoder is None:
                self._decoder = Decoder(self._encoding)
            for piece in self._decoder.feed(chunk):
                self._reader.feed(piece)
        except EncodingError:
            self._notes.missing = "encoding"

    @property
    def first_token(self) -> bool:
        """Whether content has begun (a ``content_block_delta`` was seen)."""
        return self._reader is not None and self._reader.first_token

    @property
    def events(self) -> int:
        """How many events have passed so far."""
        return self._reader.events if self._reader is not None else 0

    def finish(self) -> Reading:
        """Return what was read, at the end of the answer or where it was cut."""
        if self._reader is not None:
            self._reader.finish()
        return self._notes.reading()


def _value(raw: msgspec.Raw) -> Any:
    text = memoryview(raw)
    if text.nbytes > FIELD_LIMIT:
        raise ValueError("a field is too long")
    return msgspec.json.decode(text)


def _word(raw: msgspec.Raw) -> str | None:
    value = _value(raw)
    return value[:NAME_LIMIT] if isinstance(value, str) and value else None
