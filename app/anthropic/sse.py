"""Server-sent events, split into records without losing a byte (WHATWG HTML §9.2.6).

The records, joined, are the stream: a relay can pass them on byte for byte.
"""

import re

from .records import Record

RECORD_LIMIT = 4 * 2**20  # bytes of a record that are held; a longer one goes on in parts

# A line ends with CRLF, LF or CR; two ends in a row are a blank line.
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LONGEST_END = 4


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
        if not held and _is_one_record(data):
            return [Record(data, whole=True)]
        records, start, seen = [], 0, max(0, len(held) - _LONGEST_END)
        text: bytes | bytearray = data
        if held:
            held += data
            text = held
        while (end := _END.search(text, seen)) is not None:
            seen = end.end()
            records.append(Record(bytes(text[start:seen]), whole=not self._parted))
            self._parted = False
            start = seen
        if text is held:
            del held[:start]
        elif start < len(data):
            held += data[start:]
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


def _is_one_record(data: bytes) -> bool:
    """Return True for a record as the API writes it: LF alone, and one blank line, at the end."""
    # `in` would first try to read a number, and get over an exception.
    return 0 <= data.find(b"\n\n") == len(data) - 2 and data.find(b"\r") < 0
