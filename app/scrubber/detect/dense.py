"""Text so dense with what may be secrets that each cannot be looked at: it is hidden by stretches.

To look at one candidate takes some microseconds, and an attacker can write one in four bytes. A
time limit alone would let whoever can put text into a request turn the scrubber off. So a request
has a number of steps, which grows with its length. Behind the last one, dense text is replaced
unseen: signs of secrets are counted in a piece of it, and if that is dense, it is hidden with what
follows as a whole. This is safe, since more is hidden, and bounded. Ordinary text, and lists of
addresses too, stay below.

Steps are counted, not timed: the hidden parts depend on the text alone.
"""

import re
import sys
from collections.abc import Callable
from typing import Final

from ..json.spans import Span
from .detector import Detector

BURST = 60_000  # steps that a request may take whatever its length
BYTES_PER_STEP = 32  # of text, for one step more
FEW = 256  # candidates that are collected at once, and steps to find them
MOST_STEPS = 64  # that a candidate takes
CHECK = 3  # steps of a look at one candidate; to find what gives it away is one more
FAR_LOOK = 8  # steps of a look at many kilobytes around a place
SAMPLE = 2 * 1024  # bytes of text in which signs are counted…
STRETCH = 48 * 1024  # …before so many more are hidden, if they were dense
LONGEST_STRETCH = 60 * 1024  # bytes, up to the end of a word
TAIL = 512  # bytes at a stretch's end in which a secret may start that goes on behind it
LAST = 512  # literals of a stretch behind which a list of secrets may go on beyond it
NAME: Final = "dense_text"

Tick = Callable[[], None]  # raises when a body has had its time

TEXT = Detector(name=NAME, pattern=re.compile(rb"(?s).+"), examples=())
WORD = re.compile(rb"[A-Za-z0-9_/.+-]{0,64}")  # names, types: what the API itself may read
_WORDS = re.compile(rb'"(' + WORD.pattern + rb')"')  # none is found between two strings of a run
_STRING = re.compile(rb'"(?>(?:[^"\\]++|\\.)*)"', re.DOTALL)
_REST_OF_WORD = re.compile(rb"[^ \"\\]*+")


class Effort:
    """The steps of one unit. State: those ``taken``, of the unit's ``allowance``.

    ``tick`` is called at each, and may raise.
    """

    def __init__(self, spent: int, size: int, tick: Tick = lambda: None) -> None:
        self.taken = 0
        self._earned = size // BYTES_PER_STEP
        self._allowance = BURST - spent + self._earned
        self.tick = tick

    @classmethod
    def unlimited(cls) -> "Effort":
        """Return the steps of text that somebody trusts."""
        return cls(0, sys.maxsize)

    def step(self, count: int = 1) -> None:
        """Take steps."""
        self.taken += count
        self.tick()

    @property
    def is_scarce(self) -> bool:
        """Whether the request has no steps left except those that the unit's own length gives."""
        return self._allowance <= self._earned

    @property
    def is_ample(self) -> bool:
        """Whether enough are left for `FEW` candidates, whatever is found at them."""
        return self._allowance - self.taken >= FEW * MOST_STEPS

    @property
    def exhausted(self) -> bool:
        """Whether none are left."""
        return self.taken > self._allowance

    @property
    def excess(self) -> int:
        """Steps taken that the unit's own length does not give: later units have fewer."""
        return max(0, min(self.taken, self._allowance) - self._earned)


def is_dense(steps: int, size: int) -> bool:
    """Return True if text of ``size`` bytes took more steps than its length gives."""
    return steps * BYTES_PER_STEP > size


def word_end(text: bytes, start: int) -> int:
    """Return where a stretch from ``start`` may end: at the end of a word."""
    end = min(len(text), start + STRETCH)
    word = _REST_OF_WORD.match(text, end, start + LONGEST_STRETCH)
    return end if word is None else max(end, word.end())


def words(text: bytes, run: Span) -> list[Span]:
    """Return which strings of a run are names and words."""
    return [Span(*one.span(1)) for one in _WORDS.finditer(text, *run)]


def hidden(run: bytes, shown: bytes) -> tuple[bytes, int]:
    """Return a run of strings with ``shown`` for each but names and words, and how often."""
    string, times, at = b'"%b"' % shown, 0, 0
    pieces: list[bytes] = []
    for word in (*_WORDS.finditer(run), None):
        made, count = _STRING.subn(string, run[at : word.start() if word else len(run)])
        pieces += made, word[0] if word else b""
        times += count
        at = word.end() if word else at
    return b"".join(pieces), times
