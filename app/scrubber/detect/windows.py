"""Which part of a text has to be searched, given where its signs of secrets stand.

A gate matches a boundary and what follows it, and one of its anchors stands at the beginning of
what follows. So it is enough to search from the boundary's earliest start to the match's latest
end. Both may be far away: a terminal's control sequence, or the spaces behind ``Bearer``, have any
length. But they are made of few different octets, so a window that holds enough others is wide
enough.
"""

from collections.abc import Iterable

from ..json.spans import SPAN, Span

_BEFORE, _BEHIND = 48, 160  # bytes of a window beside a sign, at the least
_FARTHEST = 4096  # bytes: a window that is not wide enough then has no end
_IN_EDGES = bytes(range(0x20, 0x40)) + b"\\"  # what may be repeated in an edge
_IN_SPACES = b" %20\\t"  # what may be repeated in a gate behind its boundary
_OTHERS_IN_EDGE = 24  # more octets than an edge has beside those
_OTHERS_IN_GATE = 96  # more octets than a gate has beside those, and than a placeholder


def windows(text: bytes, signs: Iterable[int], rest: int, string: Span) -> list[Span]:
    """Return which stretches of a value in ``text`` to search, in order, none overlapping.

    ``signs`` are offsets in order; from ``rest`` on everything is searched. The stretches' offsets
    are those in the value.
    """
    found: list[Span] = []
    begin, end = string
    for sign in signs:
        if sign >= rest:
            break
        _join(found, _start(text, sign, begin) - begin, _end(text, sign, end) - begin)
    if rest < end:
        _join(found, _start(text, rest, begin) - begin, end - begin)
    return found


def _join(found: list[Span], first: int, last: int) -> None:
    """Add a stretch to those before it: those that it touches become one with it."""
    while found and first <= found[-1].end:
        first, last = min(first, found[-1].start), max(last, found.pop().end)
    found.append(SPAN((first, last)))


def _start(text: bytes, sign: int, first: int) -> int:
    """Return from where on no boundary before a sign begins earlier."""
    reach = _BEFORE
    while (start := sign - reach) > first and reach <= _FARTHEST:
        if len(text[start:sign].translate(None, _IN_EDGES)) > _OTHERS_IN_EDGE:
            return start
        reach *= 2
    return first


def _end(text: bytes, sign: int, last: int) -> int:
    """Return by where a gate that holds a sign has ended."""
    reach = _BEHIND
    while (end := sign + reach) < last and reach <= _FARTHEST:
        if len(text[sign:end].translate(None, _IN_SPACES)) > _OTHERS_IN_GATE:
            return end
        reach *= 2
    return last
