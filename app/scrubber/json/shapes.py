"""The strings of a value whose shape was met before: most messages have one of a few.

A shape is a value without what its strings say, except for names and types: which of its strings
are scanned depends on nothing else. So the tokens are read once for each shape, and of another
value of that shape only the quotes are.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from .spans import Span
from .strings import Run, Text, each_string
from .tokenizer import NotJson, string_end
from .visitor import Path, Rule, State

MOST_STRINGS = 32  # of a shape
_LARGEST = 1024  # bytes of a shape
_SHAPES = 256  # that are remembered
_AFTER_NAME = b":"
_AFTER_VALUE = b",}]"
_TYPE = b'"type"'
_HOLE = b'""'


class _Shape(NamedTuple):
    """A value in ``pieces``, with a hole between two of them where a string's text is left out.

    ``spans`` are those of its strings.
    """

    pieces: tuple[bytes, ...]
    spans: list[Span]


def texts(text: bytes, rule: Rule, state: State) -> Iterable[Text | Run]:
    """Return what `each_string` does."""
    shape = _shape(text)
    plan = None if shape is None else _plan(shape.pieces, rule, state)
    if shape is None or plan is None:
        return each_string(text, rule, state)
    spans = shape.spans
    return [Text(spans[which], block, path) for which, block, path in plan]


def _shape(text: bytes) -> _Shape | None:
    """Return the shape of a JSON value; None for an unusual one."""
    pieces: list[bytes] = []
    spans: list[Span] = []
    copied = end = size = 0
    is_type = False
    while (start := text.find(b'"', end)) >= 0:
        end = string_end(text, start)
        if len(spans) == MOST_STRINGS or not start < end < len(text):
            return None
        after = text[end : end + 1]
        spans.append(Span(start + 1, end - 1))
        if after == _AFTER_NAME:
            name = text[start:end]
            if b"\\" in name:
                return None
            is_type = name == _TYPE
        elif after not in _AFTER_VALUE:
            return None  # a space, before which a name may stand
        elif not is_type:
            pieces.append(text[copied:start])
            size += start - copied
            copied = end
        else:
            is_type = False
    pieces.append(text[copied:])
    return _Shape(tuple(pieces), spans) if size + len(pieces[-1]) <= _LARGEST else None


@lru_cache(_SHAPES)
def _plan(
    pieces: tuple[bytes, ...], rule: Rule, state: State
) -> tuple[tuple[int, int, Path], ...] | None:
    """Return which strings of a shape are scanned, their blocks and paths; None for a run."""
    text = _HOLE.join(pieces)
    shape = _shape(text)
    places = {span.start: which for which, span in enumerate(shape.spans if shape else ())}
    try:
        found = list(each_string(text, rule, state))
    except NotJson:
        return None
    strings = [one for one in found if isinstance(one, Text)]
    if len(strings) != len(found):
        return None
    return tuple((places[one.span.start], one.block, one.path) for one in strings)
