"""HPACK's encoder (RFC 7541), which remembers how fields were encoded.

A client's requests differ in few fields: a lookup replaces the search of both tables, which takes
hpack 5 µs for each field. Only references to entries of the tables (§6.1) are remembered, so they
hold until the dynamic table changes. A value enters that table only when it comes for the second
time in a row under its name, so that lengths and ids do not push out what repeats. Secrets enter
neither the table nor the memory (§7.1.3).
"""

from collections.abc import Iterable
from typing import Any

from hpack import Encoder, HeaderTuple

_NOT_INDEXED, _NEVER_INDEXED, _INDEXED = b"\x00", b"\x10", b"\x40"  # §6.2.2, §6.2.3, §6.2.1
TABLE = 4096  # bytes of the dynamic table, whatever a peer offers: searches take its length (§4.2)
NAMES = 100  # whose last value is remembered
LONGEST = 1024  # bytes of a value that is remembered
_ORDINARY = (tuple, HeaderTuple)  # types of fields that are no secrets
_table_size = vars(Encoder)["header_table_size"]

Field = tuple[bytes, bytes]


class HeaderEncoder(Encoder):
    """Encodes header lists; strings go as they are: hpack's Huffman coding is quadratic.

    A field of 64 KB would hold up every stream for a second (§5.2 leaves the choice).

    State beside hpack's: ``_references``, the fields of both tables that were met, encoded;
    ``_last``, the last value of each name.
    """

    def __init__(self) -> None:
        super().__init__()
        self._references: dict[Field, bytes] = {}
        self._last: dict[bytes, bytes] = {}

    @_table_size.setter  # type: ignore[untyped-decorator] # of a property
    def header_table_size(self, offered: int) -> None:
        """Use as much of the dynamic table as a peer offers, at most `TABLE`."""
        _table_size.fset(self, min(offered, TABLE))

    def encode(self, headers: Iterable[Any]) -> bytes:  # type: ignore[override] # no other call
        """Return a header block; a field is a pair, and a secret says so itself."""
        block: list[bytes] = []
        if changes := self.table_size_changes:  # `resized` forgets one that was set twice (§4.2)
            # The smallest and the last: hpack names all, though one above the last is an error.
            self.table_size_changes = sorted({min(changes), changes[-1]})
            block.append(self._encode_table_size_change())
            self.header_table.resized = False
            self._references.clear()
        references = self._references
        block += [
            (references.get(field) if type(field) in _ORDINARY else None)
            or self._encode_field(field)
            for field in headers
        ]
        return b"".join(block)

    def _encode_field(self, field: Any) -> bytes:
        """Encode a field that is not remembered."""
        name, value = field
        found = self.header_table.search(name, value)
        index = 0 if found is None else found[0]
        if not getattr(field, "indexable", True):
            return self._literal(_NEVER_INDEXED, index, name, value)
        if found is not None and found[2] is not None:
            encoded = self._references[name, value] = self._encode_indexed(index)
            return encoded
        if not self._repeats(name, value):
            return self._literal(_NOT_INDEXED, index, name, value)
        encoded = self._literal(_INDEXED, index, name, value)
        self.header_table.add(name, value)
        self._references.clear()  # every reference to the dynamic table has become another
        return encoded

    def _repeats(self, name: bytes, value: bytes) -> bool:
        """Return whether a name has the value that it had the last time; note the value."""
        if self._last.get(name) == value:
            return True
        if len(value) <= LONGEST and (name in self._last or len(self._last) < NAMES):
            self._last[name] = value
        else:
            self._last.pop(name, None)
        return False

    def _literal(self, form: bytes, index: int, name: bytes, value: bytes) -> bytes:
        if index:
            return self._encode_indexed_literal(index, value, form)
        return self._encode_literal(name, value, form)
