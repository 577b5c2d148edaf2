"""The strings of a value whose shape was met before: most messages have one of a few.

A shape is a value without what its strings say, except for names and types: which of its strings
are scanned depends on nothing else. So the tokens are read once for each shape. Another value of
that shape is recognised by what stands between its strings: of those only the ends are looked for.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

import msgspec

from .document import QUICK
from .spans import SPAN
from .strings import TEXT, Run, Text, each_string
from .tokenizer import NotJson, string_end
from .visitor import Path, Rule, State

MOST_STRINGS = 32  # of a shape
_LARGEST = 1024  # bytes of a shape
_SHAPES = 256  # that are remembered…
_LATELY = 8  # …and that are tried before a value's own shape is read
_AFTER_NAME = b":"
_AFTER_VALUE = b",}]"
_TYPE = b'"type"'

_ANY = msgspec.json.Decoder(msgspec.Raw)

# A value in pieces, quotes included: between two of them a string's text is left out.
Pieces = tuple[bytes, ...]
# Where a string stands: the pieces that it begins and ends in, each with an offset from that
# piece's start; then its block and path.
_Place = tuple[int, int, int, int, int, Path]
# The places of strings by the piece that they begin in, the last first: it is the longest.
_Plan = tuple[tuple[_Place, ...], ...]

# Shapes met lately, the latest first. A shape that one thread overwrites for another is read again.
_lately: list[Pieces] = []


class _Shape(NamedTuple):
    """A value's ``pieces``, and where each starts in it."""

    pieces: Pieces
    starts: list[int]


class Strings:
    """The strings of a value whose shape is known: each is made when it is asked for."""

    __slots__ = ("_plan", "_starts")

    def __init__(self, plan: _Plan, starts: list[int]) -> None:
        self._plan = plan
        self._starts = starts

    def __iter__(self) -> Iterator[Text]:
        """Yield all of them."""
        starts = self._starts
        for places in self._plan:
            for piece, start, last, end, block, path in reversed(places):
                yield TEXT((SPAN((starts[piece] + start, starts[last] + end)), block, path))

    def around(self, offset: int) -> Text | None:
        """Return the one that an offset lies in."""
        starts = self._starts
        for piece, start, last, end, block, path in self._plan[bisect_right(starts, offset) - 1]:
            first, behind = starts[piece] + start, starts[last] + end
            if first <= offset < behind:
                return TEXT((SPAN((first, behind)), block, path))
        return None


def texts(text: bytes, rule: Rule, state: State) -> Iterable[Text | Run]:
    """Return what `each_string` does."""
    shape = (met := _met(text)) or _shape(text)
    plan = None if shape is None else _plan(shape.pieces, rule, state)
    if shape is None or plan is None:
        return each_string(text, rule, state)
    if met is None:
        _lately.insert(0, shape.pieces)
        del _lately[_LATELY:]
    return Strings(plan, shape.starts)


def _met(text: bytes) -> _Shape | None:
    """Return the shape of a value if it was met lately."""
    for pieces in _lately:
        starts = _starts(text, pieces)
        if starts is not None:
            return _Shape(pieces, starts)
    return None


def _starts(text: bytes, pieces: Pieces) -> list[int] | None:
    """Return where each piece of a shape starts in a value, None if it has another shape."""
    starts: list[int] = []
    at = 0
    end = len(text) - len(pieces[-1])
    if not text.endswith(pieces[-1]):
        return None
    for piece in pieces[:-1]:
        if starts:
            at = string_end(text, at - 1) - 1
        if at < 0 or not text.startswith(piece, at):
            return None
        starts.append(at)
        at += len(piece)
    if not (_is_string(text, at - 1, end + 1) if starts else end == 0):
        return None
    starts.append(end)
    return starts


def _is_string(text: bytes, start: int, end: int) -> bool:
    """Return True if a stretch from a quote to a quote is one string; the last is often long."""
    if end - start <= QUICK:
        try:
            _ANY.decode(memoryview(text)[start:end])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass  # it may be of a kind that only others refuse
        else:
            return True
    return string_end(text, start) == end


def _shape(text: bytes) -> _Shape | None:
    """Return the shape of a JSON value; None for an unusual one."""
    pieces: list[bytes] = []
    starts = [0]
    end = size = count = 0
    is_type = False
    while (start := text.find(b'"', end)) >= 0:
        end = string_end(text, start)
        if count == MOST_STRINGS or not start < end < len(text):
            return None
        count += 1
        after = text[end : end + 1]
        if after == _AFTER_NAME:
            name = text[start:end]
            if b"\\" in name:
                return None
            is_type = name == _TYPE
        elif after not in _AFTER_VALUE:
            return None  # a space, before which a name may stand
        elif not is_type:
            pieces.append(text[starts[-1] : start + 1])
            size += len(pieces[-1])
            starts.append(end - 1)
        else:
            is_type = False
    pieces.append(text[starts[-1] :])
    return _Shape(tuple(pieces), starts) if size + len(pieces[-1]) <= _LARGEST else None


@lru_cache(_SHAPES)
def _plan(pieces: Pieces, rule: Rule, state: State) -> _Plan | None:
    """Return which strings of a shape are scanned, their blocks and paths; None for a run."""
    text = b"".join(pieces)
    starts = list(accumulate(map(len, pieces), initial=0))
    try:
        found = list(each_string(text, rule, state))
    except NotJson:
        return None
    strings = [one for one in found if isinstance(one, Text)]
    if len(strings) != len(found):
        return None
    places = [_place(starts, one) for one in reversed(strings)]
    return tuple(tuple(one for one in places if one[0] == piece) for piece in range(len(pieces)))


def _place(starts: Sequence[int], one: Text) -> _Place:
    """Return where a string stands in pieces that start there, one behind the other."""
    first, last = one.span
    begun, ended = bisect_left(starts, first) - 1, bisect_right(starts, last) - 1
    return begun, first - starts[begun], ended, last - starts[ended], one.block, one.path
