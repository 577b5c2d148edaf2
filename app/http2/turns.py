"""Whose turn it is to write. Pure: writers join, the next one is taken.

Writers take turns, first come first served, in quanta. A small body goes first, so that it is
sent within one round trip even beside large uploads; but after a quantum of small bodies
a large one has its turn, so that no number of small ones can hold it up for good.
"""

from typing import Generic, TypeVar

QUANTUM = 16 * 1024  # bytes a turn while several wait: a frame; a body up to this size is small

W = TypeVar("W")


class Turns(Generic[W]):
    """Those who wait to write.

    State: ``waiting``, how many there are, ``_small`` and ``_large`` in the order they came (values
    unused), ``_ahead`` the bytes that small ones wrote since a large one had its turn.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._small: dict[W, None] = {}
        self._large: dict[W, None] = {}
        self._ahead = 0

    def join(self, writer: W, *, small: bool) -> None:
        """Wait at the end of the queue."""
        (self._small if small else self._large)[writer] = None
        self._count()

    def leave(self, writer: W) -> None:
        """Wait no more, if it does."""
        self._small.pop(writer, None)
        self._large.pop(writer, None)
        self._count()

    def take(self) -> W:
        """Return the next writer, of at least one; it must join again for another turn."""
        large = bool(self._large) and (self._ahead >= QUANTUM or not self._small)
        queue = self._large if large else self._small
        if large:
            self._ahead = 0
        writer = next(iter(queue))
        del queue[writer]
        self._count()
        return writer

    def wrote(self, size: int, *, small: bool) -> None:
        """Count what a turn was used for."""
        if small:
            self._ahead += size

    def _count(self) -> None:
        self.waiting = len(self._small) + len(self._large)
