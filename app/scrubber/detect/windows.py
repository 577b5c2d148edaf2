"""Which part of a text has to be searched, given where its signs of secrets stand.

A gate matches a boundary and what follows it, and one of its anchors stands at the beginning of
what follows. So it is enough to search from the boundary's earliest start to the match's latest
end. Both may be far away: a terminal's control sequence, or the spaces behind ``Bearer``, have any
length. But they are made of few different octets, so a window that holds enough others is wide
enough.
"""

from collections.abc import Iterable, Iterator

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
    for start, end in _each(text, signs, rest, string):
        first, last = start - string.start, end - string.start
        while found and first <= found[-1].end:
            first, last = min(first, found[-1].start), max(last, found.pop().end)
        found.append(SPAN((first, last)))
    return found


def _each(text: bytes, signs: Iterable[int], rest: int, string: Span) -> Iterator[tuple[int, int]]:
    for sign in signs:
        if sign >= rest:
            break
        yield _start(text, sign, string.start), _end(text, sign, string.end)
    if rest < string.end:
        yield _start(text, rest, string.start), string.end


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
