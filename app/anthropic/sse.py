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
    """Cuts a stream into records, in time linear in its length however it is chunked.

    A record goes out as soon as its blank line is there; the LF of a CRLF that comes later opens
    the next record, which means nothing there. A record of more than ``limit`` bytes goes out in
    parts that are not ``whole``, as they come.

    State: ``_held`` is the begun record, or the end of it once it is ``_parted``.
    """

    def __init__(self, limit: int = RECORD_LIMIT) -> None:
        self._limit = limit
        self._held = bytearray()
        self._parted = False

    @property
    def held(self) -> int:
        """Bytes of the begun record."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Record]:
        """Return the records that ``data`` completes."""
        held = self._held
        records, start, seen = [], 0, max(0, len(held) - _LONGEST_END)
        held += data
        while (end := _END.search(held, seen)) is not None:
            records.append(Record(bytes(held[start : end.end()]), whole=not self._parted))
            self._parted = False
            start = seen = end.end()
        del held[:start]
        if len(held) > _LONGEST_END + (0 if self._parted else self._limit):
            records.append(Record(bytes(held[:-_LONGEST_END]), whole=False))
            del held[:-_LONGEST_END]
            self._parted = True
        return records

    def close(self) -> bytes:
        """Return the bytes of a record that never ended."""
        rest = bytes(self._held)
        self._held.clear()
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
