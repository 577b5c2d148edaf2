"""Values that lie beside each other in a body, as one text: to search that takes fewer calls."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter, sub
from typing import Protocol

import msgspec

from ..json.spans import SPAN, Span, cut

_SIZE = 128 * 1024  # bytes in which all values of a group begin
_LONGEST = 64 * 1024  # bytes of a value; a longer one is in no group
_APART = 64  # bytes between two values of a group, at the most


class Placed(Protocol):
    """Something with a place in a body."""

    @property
    def start(self) -> int:
        """Where it starts."""

    @property
    def end(self) -> int:
        """Where it ends."""


_START, _END = attrgetter("start"), attrgetter("end")


class Group(msgspec.Struct, frozen=True):
    """A ``text``, and where in the body each of its values starts and ends.

    The text begins with the first of them.
    """

    text: bytes
    starts: list[int]
    ends: list[int]

    def index(self, at: int) -> int:
        """Return which value an offset in the text lies in; -1 if it lies between two."""
        at += self.starts[0]
        index = bisect_right(self.starts, at) - 1
        return index if at < self.ends[index] else -1

    def span(self, index: int) -> Span:
        """Return where a value stands in the text."""
        first = self.starts[0]
        return SPAN((self.starts[index] - first, self.ends[index] - first))

    def following(self, at: int) -> int:
        """Return where the next value starts behind an offset; the text's end if there is none."""
        index = bisect_right(self.starts, at + self.starts[0])
        return self.span(index).start if index < len(self.starts) else len(self.text)

    def divided(self, places: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield values in which ``places`` lie, which are in order, and those of each."""
        at = 0
        while at < len(places):
            index = self.index(places[at])
            behind = bisect_left(places, self.span(index).end, at) if index >= 0 else at + 1
            if index >= 0:
                yield index, places[at:behind]
            at = behind


def groups(body: bytes, values: Sequence[Placed]) -> Iterator[Group]:
    """Yield the values in groups, without those that are long."""
    if max(map(sub, map(_END, values), map(_START, values)), default=0) > _LONGEST:
        values = [one for one in values if one.end - one.start <= _LONGEST]
    starts, ends = list(map(_START, values)), list(map(_END, values))
    near = map(range(_APART + 1).__contains__, map(sub, starts[1:], ends))
    breaks = [at for at, is_near in enumerate(near, 1) if not is_near]
    for first, last in pairwise((0, *breaks, len(starts))):
        while first < last:
            behind = bisect_left(starts, starts[first] + _SIZE, first, last)
            text = cut(body, starts[first], ends[behind - 1])
            yield Group(text, starts[first:behind], ends[first:behind])
            first = behind  # noqa: PLW2901
