"""HPACK's decoder (RFC 7541), with a short way for the forms that nearly all fields have.

hpack takes ten calls for a field, this takes three. A string of more than 126 bytes, a far index
and whatever is wrong is left to hpack, one field at a time. A property test holds both ways to the
same fields, tables and errors.
"""

from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hpack import (
    Decoder,
    HeaderTuple,
    HPACKDecodingError,
    NeverIndexedHeaderTuple,
    OversizedHeaderListError,
)
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from .limits import FIELD_OVERHEAD

NAMES = 256  # names that are remembered as they come; values are not, since they may be secrets
_STATIC = tuple(HeaderTuple(*entry) for entry in HeaderTable.STATIC_TABLE)
_INDEXED, _ADDED, _RESIZED, _NEVER = 0x80, 0x40, 0x20, 0x10  # the bits that tell the forms (§6)
_FIRST_ENTRY = _INDEXED + len(_STATIC) + 1  # the index of the dynamic table's first entry
_LONG = 0x7F  # of an index or a length that goes on in further bytes (§5.1)
_FAR = _INDEXED | _LONG  # such an index
_GOES_ON = 0x80  # the bit of such a byte that another follows
_HUFFMAN = 0x80  # the bit of a string that is compressed (§5.2)

_name = lru_cache(NAMES)(decode_huffman)


class HeaderDecoder(Decoder):
    """Decodes header blocks.

    State beside hpack's: ``ahead``, what came of a block that was decoded before it is asked for.
    """

    ahead: list[HeaderTuple] | Exception | None = None

    def decode_ahead(self, data: bytes) -> list[HeaderTuple] | None:
        """Return the fields of a block; None if that fails, as `decode` will then.

        A block can be decoded once only, since it changes the tables: `decode` returns or raises
        what came of this one, unless ``ahead`` is dropped.
        """
        try:
            self.ahead = fields = self._decode(data)
        except Exception as exc:  # noqa: BLE001 - raised where it is expected
            self.ahead = exc
            return None
        return fields

    def decode(self, data: bytes, **_raw: Any) -> list[HeaderTuple]:  # type: ignore[override]
        """Return the fields of a header block as pairs of bytes; raises what hpack raises."""
        ahead, self.ahead = self.ahead, None
        if isinstance(ahead, Exception):
            raise ahead
        return self._decode(data) if ahead is None else ahead

    def _decode(self, data: bytes) -> list[HeaderTuple]:
        fields: list[HeaderTuple] = []
        entries: deque[Any] = self.header_table.dynamic_entries
        limit = self.max_header_list_size
        size = position = 0
        end = len(data)
        while position < end:
            form = data[position]
            if form > _INDEXED and (place := form - _FIRST_ENTRY) < len(entries) and form != _FAR:
                field = _STATIC[place] if place < 0 else entries[place]  # its end meets the other
                if type(field) is not HeaderTuple:
                    field = entries[place] = tuple.__new__(HeaderTuple, field)
                position += 1
            elif form & _INDEXED:
                field, used = self._decode_indexed(data[position:])
                position += used
            elif form & _ADDED or not form & _RESIZED:
                field, position = self._literal(data, position)
            elif fields:
                raise HPACKDecodingError("Table size update not at the start of the block")
            else:
                position += self._update_encoding_context(data[position:])
                continue
            fields.append(field)
            size += len(field[0]) + len(field[1]) + FIELD_OVERHEAD
            if size > limit:
                raise OversizedHeaderListError(f"A header list larger than {limit} bytes")
        self._assert_valid_table_size()
        return fields

    def _literal(self, data: bytes, position: int) -> tuple[HeaderTuple, int]:
        """Return a field that is spelled out, and where it ends."""
        form = data[position]
        added = bool(form & _ADDED)
        index, start = _index(data, position, 0x3F if added else 0x0F)
        if not index:
            start = _end(data, position + 1)  # of the name
        end = _end(data, start) if start else 0
        if not end:
            field, used = self._decode_literal(data[position:], added)
            return field, position + used
        if index:
            name = self.header_table.get_by_index(index)[0]
        else:
            name = _text(data, position + 1, start, _name)
        value = _text(data, start, end, decode_huffman)
        if added:
            self.header_table.add(name, value)
        never = form & _NEVER and not added
        return (NeverIndexedHeaderTuple if never else HeaderTuple)(name, value), end


def _index(data: bytes, position: int, most: int) -> tuple[int, int]:
    """Return the index of a literal's name, and where its value begins: 0 if not within two bytes.

    ``most`` is what the first byte holds of it; that much says that it goes on.
    """
    index, start = data[position] & most, position + 1
    if index < most:
        return index, start
    further = data[start] if start < len(data) else _GOES_ON
    return index + further, 0 if further & _GOES_ON else start + 1


def _end(data: bytes, start: int) -> int:
    """Return where a string ends whose length is one byte; 0 for another, or if it is cut."""
    if start >= len(data):
        return 0
    length = data[start] & _LONG
    end = start + 1 + length
    return end if length != _LONG and end <= len(data) else 0


def _text(data: bytes, start: int, end: int, decompress: Callable[[bytes], bytes]) -> bytes:
    text = data[start + 1 : end]
    return decompress(text) if data[start] & _HUFFMAN else text
