"""How far a replaced stretch reaches, so that nothing is left of known values that overlap it.

Two values may share what ends the one and begins the other, and a value may hold a token that is
found by itself. To replace only one of them would leave the rest of the other in the text.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from ..json.spans import Span

STEM = 6  # bytes that a value begins with: no known value is shorter
_LOOKS, _BYTES_PER_LOOK = 1024, 8  # that a text is worth: one of hostile values could take millions

Stands = Callable[[str, int, int], bool]  # whether a value of a text is known at a place


class Reach:
    """Known values by what they begin with. State: the ``octets`` in them, and ``pairs`` of those.

    Pairs are noted when octets alone do not tell: there may be many.
    """

    def __init__(self) -> None:
        self._values: defaultdict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        self._octets: set[int] = set()
        self._pairs: set[tuple[int, int]] = set()
        self._unpaired: list[bytes] = []
        self._longest = 0
        self._added: list[tuple[str, Iterable[bytes]]] = []

    def add(self, value: str, spellings: Iterable[bytes]) -> None:
        """Look for a value from now on, however it is spelled."""
        self._added.append((value, spellings))

    def _note(self) -> None:
        """Note the values added: a turn that is repeated never asks for them."""
        for value, spellings in self._added:
            for spelled in spellings:
                self._values[spelled[:STEM]].append((spelled, value))
                self._unpaired.append(spelled)
                self._octets.update(spelled)
                self._longest = max(self._longest, len(spelled))
        self._added.clear()

    def may_cross(self, text: bytes, start: int, end: int) -> bool:
        """Return False if no value in ``text`` holds the first or last byte and one beside it."""
        if self._added:
            self._note()
        octets = self._octets
        return (
            text[start - 1] in octets and text[start] in octets and self._holds(text, start)
        ) or (text[end - 1] in octets and text[end] in octets and self._holds(text, end))

    def _holds(self, text: bytes, edge: int) -> bool:
        """Return True if a value holds the two bytes at an edge."""
        while self._unpaired:
            self._pairs.update(pairwise(self._unpaired.pop()))
        return (text[edge - 1], text[edge]) in self._pairs

    def of(self, text: bytes, span: Span, looks: "Looks", stands: Stands) -> Span:
        """Return a stretch with all known values that it overlaps, and those that these do."""
        start, end = span
        while self.may_cross(text, start, end):
            edges = {start, end} - looks.inner
            found = [one for edge in edges for one in self._crossing(text, edge, looks)]
            found = [one for one in found if stands(one[2], one[0], one[1])]
            first = min([start, *(one[0] for one in found)])
            last = max([end, *(one[1] for one in found)])
            if (first, last) == (start, end):
                break
            start, end = first, last
        return Span(start, end)

    def _crossing(self, text: bytes, edge: int, looks: "Looks") -> Iterator[tuple[int, int, str]]:
        """Yield which values stand on both sides of an edge, and where."""
        for at in range(edge - 1, max(edge - self._longest, -1), -1):
            if not looks.left:
                return
            looks.left -= 1
            for spelled, value in self._values.get(text[at : at + STEM], ()):
                looks.left -= 1 if looks.left else 0
                if at + len(spelled) > edge and text.startswith(spelled, at):
                    yield at, at + len(spelled), value


class Looks:
    """How often a text is looked at. State: what is ``left``.

    ``inner`` edges divide two stretches that are replaced: a value that overlaps no other is gone.
    """

    __slots__ = ("inner", "left")

    def __init__(self, size: int) -> None:
        self.left = _LOOKS + size // _BYTES_PER_LOOK
        self.inner: set[int] = set()
