"""Stretches of bytes, and how they are replaced."""

from collections.abc import Iterable
from typing import NamedTuple

_PIECES = 4096  # that are joined at a time: a call for millions would hold up everything else


class Span(NamedTuple):
    """A stretch of bytes."""

    start: int
    end: int


def spliced(text: bytes, pieces: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return ``text`` with each piece, in order, instead of its span; itself without any."""
    whole: list[bytes] = []
    parts: list[bytes] = []
    copied = 0
    for start, end, piece in pieces:
        parts += text[copied:start], piece
        copied = end
        if len(parts) >= _PIECES:
            whole.append(b"".join(parts))
            parts.clear()
    if not whole and not parts:
        return text
    return b"".join([*whole, *parts, text[copied:]])
