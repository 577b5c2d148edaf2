"""Text that a database takes: bounded, without NUL, in its encoding. Pure."""

from collections.abc import Sequence
from typing import Any

from ..batch import Batch
from ..rows import NAMES, Billed

LONGEST_NAME = 2_000  # bytes; an entry of an index takes 2,704
LONGEST_TEXT = 100_000  # bytes


def fitting(batch: Batch, *, ascii_only: bool) -> Batch:
    """Return a batch whose text the database takes."""
    columns = {
        name: _cleaned(values, LONGEST_NAME if name in NAMES else LONGEST_TEXT, ascii_only)
        for name, values in batch.columns.items()
    }
    attempts = [
        one._replace(billed=Billed._make(_cleaned(one.billed, LONGEST_NAME, ascii_only)))
        for one in batch.attempts
    ]
    return Batch(columns, attempts)


def _cleaned(values: Sequence[Any], longest: int, ascii_only: bool) -> Sequence[Any]:
    return [
        clean(value, longest, ascii_only=ascii_only) if isinstance(value, str) else value
        for value in values
    ]


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
