"""The messages that a body repeats of an earlier one, from the first on.

A client sends its conversation again with every turn: nearly always the same bytes, with messages
appended. To compare bytes takes a hundredth of the time that it takes to read them as JSON.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import count, repeat
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ...anthropic.elements import MOST_ELEMENTS
from .document import Unit, quick_units
from .spans import cut

_START, _PATH = attrgetter("start"), attrgetter("path")
_HEAD = 4096  # bytes by which the first messages of most conversations differ
_COMPARED = 256 * 1024  # bytes at a time: one call holds the interpreter's lock


class Messages(msgspec.Struct, frozen=True):
    """The messages of a body that was read, where each starts, and the first one's ``head``."""

    body: bytes
    starts: Sequence[int]
    head: bytes


class Repeated(NamedTuple):
    """The first ``number`` messages of an earlier body, as another one repeats them.

    They stand from ``start`` on, ``shift`` bytes further on than there; the next starts at ``end``.
    """

    earlier: Messages
    number: int
    start: int
    end: int

    @property
    def shift(self) -> int:
        """How many bytes further on they stand."""
        return self.start - self.earlier.starts[0]

    @property
    def is_most(self) -> bool:
        """Whether they are most of the earlier body."""
        return 2 * (self.end - self.start) > len(self.earlier.body)

    @property
    def starts(self) -> list[int]:
        """Where each starts."""
        return [start + self.shift for start in self.earlier.starts[: self.number]]


def messages_of(
    body: bytes, units: Sequence[Unit], same: Repeated | None = None
) -> Messages | None:
    """Return the messages of a body: those repeated, and those among the units read.

    None if they are no array of several that stands there once.
    """
    starts = [] if same is None else same.starts
    read = [one for one in units if one.path[0] == "messages"]
    if [*map(_PATH, read)] != [*zip(repeat("messages", len(read)), count(len(starts)))]:
        return None
    starts += map(_START, read)
    if len(starts) < 2:  # noqa: PLR2004 - one has to follow those repeated
        return None
    return Messages(body, starts, body[starts[0] : min(starts[1], starts[0] + _HEAD)])


def repeated(body: bytes, start: int, earlier: Messages) -> Repeated | None:
    """Return which messages of an earlier body stand at ``start``, if any.

    The last of the earlier body is none of them, as something has to follow.
    """
    first = earlier.starts[0]
    size = _same(body, start, earlier.body, first, earlier.starts[-1] - first)
    number = bisect_right(earlier.starts, first + size) - 1
    if number == 0:
        return None
    return Repeated(earlier, number, start, start + earlier.starts[number] - first)


def units_beside(body: bytes, messages: Repeated) -> list[Unit] | None:
    """Return the units of a body without the messages repeated; None if it has to be read whole.

    Without them and their commas it is JSON as before, if a message follows them.
    """
    rest = cut(body, 0, messages.start), cut(body, messages.end, len(body))
    found = quick_units(b"".join(rest))
    if found is None or len(found) + messages.number > MOST_ELEMENTS:
        return None
    size = messages.end - messages.start
    moved = [
        unit if unit.start < messages.start else _moved(unit, size, messages.number)
        for unit in found
    ]
    following = next((unit for unit in moved if unit.path[0] == "messages"), None)
    if following is None or following != (
        messages.end,
        following.end,
        ("messages", messages.number),
    ):
        return None
    return moved


def shifted(unit: Unit, size: int) -> Unit:
    """Return a unit so many bytes further on."""
    return Unit(unit.start + size, unit.end + size, unit.path) if size else unit


def _moved(unit: Unit, size: int, count: int) -> Unit:
    """Return a unit behind the messages that were left out."""
    path = unit.path
    if path[0] == "messages" and isinstance(path[-1], int):
        path = ("messages", path[-1] + count)
    return Unit(unit.start + size, unit.end + size, path)


def _same(body: bytes, start: int, other: bytes, first: int, size: int) -> int:
    """Return how many bytes of two bodies are the same, of ``size`` at most."""
    same, step, view = 0, _COMPARED, memoryview(other)
    while same < size and step:
        count = min(step, size - same)
        if body.startswith(view[first + same : first + same + count], start + same):
            same += count
        else:
            step //= 2
    return same
