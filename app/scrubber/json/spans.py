"""Stretches of bytes: how they are found, copied and replaced, in steps that are short.

One call of a method of `bytes` keeps the interpreter's lock, however long it takes. So what may be
long is worked off piece by piece: between two of them another thread gets its turn.
"""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

_PIECES = 4096  # that are joined at a time: a call for millions would hold up everything else
_PIECE = 256 * 1024  # bytes that are searched or copied at a time
_AT_ONCE = 8 * 2**20  # bytes of a text that is joined without copies of its stretches


class Span(NamedTuple):
    """A stretch of bytes."""

    start: int
    end: int


# There may be millions: the quickest way to make one.
SPAN = partial(tuple.__new__, Span)


def find(text: bytes, literal: bytes, start: int, end: int) -> int:
    """Return where a literal comes next, -1 if it does not."""
    while start < end:
        at = text.find(literal, start, min(end, start + _PIECE))
        if at >= 0:
            return at
        start += _PIECE - len(literal) + 1
    return -1


def holds(text: bytes, literal: bytes) -> bool:
    """Return True if a literal stands in ``text``."""
    return find(text, literal, 0, len(text)) >= 0


def cut(text: bytes, start: int, end: int) -> bytes:
    """Return a stretch of ``text``; to join the pieces of a long one keeps no lock."""
    if end - start <= _PIECE or end - start >= len(text):
        return text[start:end]
    end = min(end, len(text))
    return b"".join([text[at : min(at + _PIECE, end)] for at in range(start, end, _PIECE)])


def spliced(text: bytes, pieces: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return ``text`` with each piece, in order, instead of its span; itself without any.

    To join views keeps the interpreter's lock, unlike bytes: a few milliseconds at most.
    """
    whole: list[bytes] = []
    parts: list[bytes | memoryview] = []
    copied = 0
    view = memoryview(text) if len(text) <= _AT_ONCE else None
    for start, end, piece in pieces:
        parts += cut(text, copied, start) if view is None else view[copied:start], piece
        copied = end
        if len(parts) >= _PIECES:
            whole.append(b"".join(parts))
            parts.clear()
    if not whole and not parts:
        return text
    return b"".join([*whole, *parts, cut(text, copied, len(text))])
