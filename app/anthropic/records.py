"""One record of an event stream, and what it says: read once, whoever asks.

`parse` reads the fields of a record (WHATWG HTML §9.2.6). Its data is a delta of a content block,
as in nearly all records, or another event, of which little is built.
"""

import json
import re
from typing import Any, NamedTuple

import msgspec

CONTENT = (b"event: content_block_delta\n", b"event: content_block_delta\r")  # nearly all begin so
_LINE_END = re.compile(rb"\r\n|\n|\r")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")  # msgspec refuses lone ones
_NAMED, _BEGINS, _CR = b"event: content_block_delta", b"data: ", ord("\r")
_PARTS = 4  # of a record by its line ends: its name, its data, and twice nothing
WORD_LIMIT = 200  # characters of a model, a type or a stop reason
NULL = msgspec.Raw(b"null")  # of a member that is absent
_NOTHING = msgspec.Raw(b"{}")


class Event(NamedTuple):
    """The fields of one record: the last ``event:`` and the joined ``data:`` lines."""

    name: bytes
    data: bytes


class Delta(msgspec.Struct):
    """A content delta: its type, and the members that are output."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""


class Content(msgspec.Struct):
    """A ``content_block_delta``. ``index`` names its block, and may be anything."""

    delta: Delta
    index: Any = None


class Document(msgspec.Struct):
    """The fields that are read of an event, a message or an error; null where absent."""

    type: msgspec.Raw = NULL
    index: msgspec.Raw = NULL  # of a content block
    name: msgspec.Raw = NULL  # of a content block of type tool_use
    model: msgspec.Raw = NULL
    stop_reason: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL
    message: msgspec.Raw = _NOTHING  # of message_start
    delta: msgspec.Raw = _NOTHING  # of message_delta
    content_block: msgspec.Raw = _NOTHING  # of content_block_start
    to: msgspec.Raw = _NOTHING  # of a content block of type fallback
    error: msgspec.Raw = _NOTHING
    details: msgspec.Raw = NULL  # of an error
    diagnostics: msgspec.Raw = NULL  # of a message
    cache_miss_reason: msgspec.Raw = NULL  # of its diagnostics


_MEMBERS = Delta.__struct_fields__
read_document = msgspec.json.Decoder(Document).decode
_content = msgspec.json.Decoder(Content).decode


class Record:
    """Bytes of the stream. ``whole`` is False for a part of a record that is too long to hold.

    State: what it says, in three forms, once they were asked for.
    """

    __slots__ = ("_content", "_document", "_event", "raw", "whole")

    def __init__(self, raw: bytes, *, whole: bool) -> None:
        self.raw = raw
        self.whole = whole
        self._event: Event | None = None
        self._content: Content | None = None
        self._document: Document | None = None

    @property
    def begins_as_delta(self) -> bool:
        """Whether it is the delta of a content block at first sight, as nearly all records are.

        False leaves it to ``event``, whose last name counts: there may be a second one.
        """
        return self.raw.startswith(CONTENT) and self.raw.find(b"event", 1) < 0

    @property
    def event(self) -> Event:
        """The record's fields."""
        if self._event is None:
            self._event = parse(self.raw)
        return self._event

    @property
    def content(self) -> Content | None:
        """The delta of a content block; None if it is not in the API's format."""
        if self._content is None:
            self._content = _read(self.raw)
        return self._content

    @property
    def document(self) -> Document:
        """The fields read of any other event; raises ValueError or RecursionError."""
        if self._document is None:
            data = self.event.data
            try:
                self._document = read_document(data)
            except ValueError:
                self._document = read_document(_SURROGATE.sub(rb"\\ufffd", data))
        return self._document


def word(value: object) -> str | None:
    """Return a word of the API's, bounded; None for what is none."""
    return value[:WORD_LIMIT] if isinstance(value, str) and value else None


def parse(raw: bytes) -> Event:
    """Read one record; comments, ``id`` and ``retry`` are passed over, the name may be empty."""
    name, data = b"", []
    for line in _LINE_END.split(raw):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return Event(name, b"\n".join(data))


def lone_delta(raw: bytes) -> Delta | None:
    """Return the delta of a content block, if ``raw`` is one record with nothing else but that.

    This is the short way of nearly all that is streamed: neither a record nor its event is made.
    None leaves ``raw`` to them. Where this finds a delta, they find the same.
    """
    data = _own_form(raw)
    if data is None:
        return None
    try:
        return _content(data).delta
    except (ValueError, RecursionError):
        return None


def _own_form(raw: bytes) -> bytes | None:
    """Return the data of a delta that is written as the API does, None for anything else."""
    lines = raw.split(b"\n", _PARTS)  # one more than there are: a chunk may hold many records
    if len(lines) != _PARTS or lines[0] != _NAMED or lines[2] or lines[3] or _CR in raw:
        return None
    return lines[1][len(_BEGINS) :] if lines[1].startswith(_BEGINS) else None


def _read(raw: bytes) -> Content | None:
    """Return the delta in a record: its data is read at once where it has the API's own form."""
    data = _own_form(raw)
    if data is None:
        data = parse(raw).data
    try:
        return _content(data)
    except (ValueError, RecursionError):
        return _patiently(data)


def _patiently(data: bytes) -> Content | None:
    """Return the same for what msgspec refuses: lone surrogates."""
    try:
        event = json.loads(data)
        delta = event["delta"]
        texts = {name: delta[name] for name in _MEMBERS if isinstance(delta.get(name), str)}
        return Content(Delta(**texts), event.get("index"))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None  # not what the API documents
