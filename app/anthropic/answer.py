"""Reads an answer in either of its forms, an event stream or a JSON body, into `Notes`.

Of the content of a stream only the length is read, and what is read is read without building
the rest.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from .accumulator import Accumulator
from .records import NULL, Delta, Document, Record, read_document, word
from .spoken import Spoken
from .usage import Attempt, Missing, Usage

BODY_LIMIT = 8 * 2**20  # bytes of a JSON body that are held; a long answer has some hundred KB
FIELD_LIMIT = 64 * 1024  # bytes of a field that is read; `usage` has some hundred

# A 400 for a thinking block whose prefix differs from what it was made with. If the proxy ever
# caused it, that would be its worst defect, so it has a type of its own. The API has no code
# for it: its message is the only sign.
PREFIX_MISMATCH = "prefix_mismatch"
PREFIX_WORDING = "bound to a different conversation"
UNKNOWN_ERROR = "unknown"  # the type of an error that names none
# A 429 that no waiting ends: the spend cap of an organisation (``error.details.error_code``).
SPEND_LIMIT = "enforced_spend_limit_reached"

REFUSAL = "refusal"  # the stop reason of an answer that was declined
UNKNOWN_ITERATION: Final = "unknown_iteration"  # an iteration of a type that is not known
NOT_FINAL: Final = "not_final"  # the stream ended before the last word on its usage

# A string with its end, which may be missing. It matches from any quote on, so it never goes back.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("|\\?\Z)', re.DOTALL)


class Notes:
    """The facts of a response so far. ``missing`` is why its usage is not known.

    ``final`` says that nothing is to come: a JSON answer always is, a stream once it has told
    its stop reason and its output tokens. ``prompt`` is the usage that a stream starts with.
    """

    def __init__(self) -> None:
        self.accumulator = Accumulator()
        self.spoken = Spoken()
        self.missing: Missing | None = None
        self.model: str | None = None
        self.stop_reason: str | None = None
        self.error: str | None = None
        self.cache_miss_reason: str | None = None
        self.prompt: Usage | None = None
        self.final = True

    def message(self, message: Document) -> None:
        """Take in a message, whole or as it starts."""
        self.model = _word(message.model)
        self.stop_reason = _word(message.stop_reason)
        self.cache_miss_reason = _verdict(message.diagnostics)
        self.accumulator.announce(_value(message.usage))

    def started(self, message: Document) -> None:
        """Take in the start of a stream, whose output tokens are a placeholder."""
        self.final = False
        self.message(message)
        self.prompt = self.accumulator.usage

    def block(self, event: Document) -> None:
        """Take in the start of a content block: one kind of them changes the model."""
        block = read_document(event.content_block)
        if _word(block.type) == "fallback":
            self.spoken.fell_back(_word(read_document(block.to).model))

    def delta(self, event: Document) -> None:
        """Take in how a message went on."""
        usage = _value(event.usage)
        self.accumulator.announce(usage)
        delta = read_document(event.delta)
        self.stop_reason = _word(delta.stop_reason) or self.stop_reason
        verdict = _verdict(event.diagnostics) or _verdict(delta.diagnostics)
        self.cache_miss_reason = verdict or self.cache_miss_reason
        told = isinstance(usage, dict) and usage.get("output_tokens") is not None
        self.final = self.final or (told and self.stop_reason is not None)

    def failed(self, document: Document) -> None:
        """Take in an error."""
        error = read_document(document.error)
        self.error = _word(error.type) or UNKNOWN_ERROR
        if PREFIX_WORDING in (_word(error.message) or ""):
            self.error = PREFIX_MISMATCH
        elif _spend_limit(error.details):
            self.error = SPEND_LIMIT

    @property
    def answering_model(self) -> str | None:
        """The model that answered: a stream starts with the name of the requested one."""
        return self.accumulator.answering_model or self.spoken.model or self.model

    @property
    def billed(self) -> tuple[Attempt, ...]:
        """What Anthropic bills for the answer, as far as it is known."""
        answering = self.answering_model if self.final else self.model
        refused = self.stop_reason == REFUSAL
        attempts = self.accumulator.billed(self.model, answering, refused=refused)
        return tuple(attempts if self.final else self.spoken.estimated(attempts))


class EventStream:
    """Reads an event stream. ``events`` counts its records, comments too."""

    def __init__(self, notes: Notes) -> None:
        self.events = 0
        self.first_token = False
        self._notes = notes

    def feed(self, records: Iterable[Record]) -> None:
        """Take in the next records."""
        for record in records:
            if record.whole and record.begins_as_delta:
                self._hear(record)
            elif record.whole and not record.raw.isspace():
                self._read(record)

    def finish(self) -> None:
        """Take in the end. A record without its blank line is none (WHATWG HTML §9.2.6)."""
        notes = self._notes
        if not notes.accumulator.stated:
            if notes.error is None:
                notes.missing = notes.missing or "no_event"
        elif not notes.final:
            notes.missing = notes.missing or NOT_FINAL
        elif notes.accumulator.unknown_iterations:
            notes.missing = notes.missing or UNKNOWN_ITERATION

    def hear(self, delta: Delta | None) -> None:
        """Take in a record that is a delta, and count what it says: a malformed one nothing."""
        self.events += 1
        self.first_token = True
        if delta is not None:
            self._notes.spoken.hear(delta)

    def _hear(self, record: Record) -> None:
        content = record.content
        self.hear(None if content is None else content.delta)

    def _read(self, record: Record) -> None:
        name = record.event.name
        if name == b"content_block_delta":
            self._hear(record)
            return
        self.events += 1
        try:
            if name == b"message_start":
                self._notes.started(read_document(record.document.message))
            elif name == b"content_block_start":
                self._notes.block(record.document)
            elif name == b"message_delta":
                self._notes.delta(record.document)
            elif name == b"error":
                self._notes.error = UNKNOWN_ERROR
                self._notes.failed(record.document)
        except (ValueError, RecursionError):
            if self._notes.error is None:
                self._notes.missing = "parse"


class Body:
    """Reads a JSON body, at its end."""

    events = 0
    first_token = False

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._held = bytearray()

    def feed(self, pieces: Iterable[Record]) -> None:
        """Take in the next bytes, as far as they can be held."""
        for piece in pieces:
            if len(self._held) + len(piece.raw) > BODY_LIMIT:
                self._notes.missing = "truncated"
            if self._notes.missing is not None:
                self._held.clear()
            else:
                self._held += piece.raw

    def finish(self) -> None:
        """Read what is held; an empty body is the answer to HEAD and lacks nothing."""
        if not self._held or self._notes.missing is not None:
            return
        try:
            self._read(read_document(self._held))
        except (ValueError, RecursionError):
            self._notes.missing = "truncated" if is_cut(self._held) else "parse"

    def _read(self, document: Document) -> None:
        kind = _word(document.type)
        if kind == "error":
            self._notes.failed(document)
        elif kind == "message":
            self._notes.message(document)
            if not self._notes.accumulator.stated:
                self._notes.missing = "parse"
            elif self._notes.accumulator.unknown_iterations:
                self._notes.missing = UNKNOWN_ITERATION


def is_cut(document: bytes | bytearray) -> bool:
    """Return True if a JSON object that cannot be parsed is open at its end."""
    if not document.rstrip().endswith(b"}"):
        return True
    strings = _STRING.findall(document)
    outside = _STRING.sub(b"", document)
    opened = outside.count(b"{") + outside.count(b"[")
    closed = outside.count(b"}") + outside.count(b"]")
    return opened > closed or any(end != b'"' for end in strings)


def _value(raw: msgspec.Raw) -> Any:
    if raw is NULL:
        return None
    if memoryview(raw).nbytes > FIELD_LIMIT:
        raise ValueError("a field is too long to be read")
    return msgspec.json.decode(raw)


def _word(raw: msgspec.Raw) -> str | None:
    return word(_value(raw))


def _verdict(diagnostics: msgspec.Raw) -> str | None:
    """Return the type of ``cache_miss_reason``, which is a word or an object with one."""
    if diagnostics is NULL or diagnostics == NULL:
        return None
    reason = _value(read_document(diagnostics).cache_miss_reason)
    return word(reason.get("type") if isinstance(reason, dict) else reason)


def _spend_limit(details: msgspec.Raw) -> bool:
    code = _value(details)
    return isinstance(code, dict) and code.get("error_code") == SPEND_LIMIT
