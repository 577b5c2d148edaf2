"""Server-sent events, split into records without losing a byte (WHATWG HTML §9.2.6).

`Splitter` cuts a stream at its blank lines; the records it returns, joined, are the stream.
`parse` reads one record. Splitting and reading are apart so that a relay can pass records on
byte for byte.
"""

import re
from typing import NamedTuple

RECORD_LIMIT = 4 * 2**20  # bytes of a record that are held; a longer one goes on in parts

# A line ends with CRLF, LF or CR; two ends in a row are a blank line.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST_END = 4


class Record(NamedTuple):
    """Bytes of the stream. ``whole`` is False for a part of a record that is too long to hold."""

    raw: bytes
    whole: bool


class Event(NamedTuple):
    """The fields of one record: the last ``event:`` and the joined ``data:`` lines."""

    name: bytes
    data: bytes


class Splitter:
    """Cuts a stream into records. State: ``_held`` is the begun one, ``_parted`` if too long."""

    def __init__(self, limit: int = RECORD_LIMIT) -> None:
        self._limit = limit
        self._held = b""
        self._parted = False

    def feed(self, data: bytes) -> list[Record]:
        """Return the records that ``data`` completes."""
        seen = max(0, len(self._held) - _LONGEST_END)
        held = self._held + data if self._held else data
        records, start = [], 0
        while (end := _END.search(held, max(start, seen))) is not None:
            records.append(Record(held[start : end.end()], whole=not self._parted))
            self._parted = False
            start = end.end()
        self._held = held[start:]
        if len(self._held) > self._limit:
            cut = len(self._held) - _LONGEST_END
            records.append(Record(self._held[:cut], whole=False))
            self._held = self._held[cut:]
            self._parted = True
        return records

    def close(self) -> bytes:
        """Return the bytes of a record that never ended."""
        rest, self._held = self._held, b""
        return rest


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
