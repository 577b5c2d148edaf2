"""Text that a database takes: bounded, without NUL, in its encoding. Pure."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from ..rows import BILLED_NAMES, NAMES, Billed, Record, Row

LONGEST_NAME = 2_000  # bytes; an entry of an index takes 2,704
LONGEST_TEXT = 100_000  # bytes


def fitting(record: Record, *, ascii_only: bool) -> Record:
    """Return a record whose text the database takes."""
    row = Row._make(_cleaned(record.row, Row._fields, NAMES, ascii_only))
    billed = (
        Billed._make(_cleaned(one, Billed._fields, BILLED_NAMES, ascii_only))
        for one in record.billed
    )
    return Record(row, tuple(billed))


def _cleaned(
    values: Sequence[Any], fields: Sequence[str], names: Collection[str], ascii_only: bool
) -> Iterator[Any]:
    for value, field in zip(values, fields, strict=True):
        longest = LONGEST_NAME if field in names else LONGEST_TEXT
        yield clean(value, longest, ascii_only=ascii_only) if isinstance(value, str) else value


def clean(text: str, longest: int = LONGEST_NAME, *, ascii_only: bool) -> str:
    """Return text without NUL and lone surrogates, cut to ``longest`` bytes.

    With ``ascii_only`` other characters are escaped as in Python, so that names stay different.
    """
    if text.isascii() and "\0" not in text and len(text) <= longest:
        return text
    whole = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if ascii_only:
        return whole.encode("ascii", "backslashreplace")[:longest].decode("ascii")
    return whole.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore")
