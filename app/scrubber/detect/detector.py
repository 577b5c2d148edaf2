"""What a detector is: one kind of secret, as data.

Each works on JSON-escaped bytes, in two steps. What gives a secret away is found first: by
``gate``, RE2 syntax without groups that begins with a boundary (all gates run as one automaton,
in linear time whatever the text), or by ``finders``, literals from which the start is read off.
``pattern`` is then matched at the start, and ``accepts`` has the last word. The first finding is
wider than the pattern.

``group`` is the pattern's group that is replaced (0: all of it), ``passwords`` are groups whose
value is a secret by itself; other groups are for the validator.
"""

import re
from collections.abc import Callable, Iterable
from itertools import product
from typing import Literal, NamedTuple, Protocol

import msgspec

from .validators import Validator

LONGEST_MATCH = 64 * 1024  # bytes: `re` holds the interpreter's lock for one match

Tier = Literal["secret", "identifier"]


def cased(literal: str) -> tuple[bytes, ...]:
    """Return a literal in upper case, lower case and everything between."""
    letters = ({letter.lower(), letter.upper()} for letter in literal)
    return tuple("".join(one).encode() for one in product(*letters))


class Pattern(Protocol):
    """What ``re`` and ``re2`` share: a match at one place, as if the text ended at ``end``.

    A match of the whole pattern may leave out what it begins with.
    """

    def match(self, text: bytes, start: int, end: int, /) -> re.Match[bytes] | None:
        """Match at ``start``."""


class Finder(NamedTuple):
    """A literal, and where a secret starts of which it was found at an offset (-1: nowhere).

    A start lies at most `candidates.REACH` bytes before the literal. ``starts``, if given, yields
    those of several secrets, none before the literal; -1 for a look that found none. To find none
    ``is_far`` if it takes a look at thousands of bytes. There is none unless one of the octets
    ``before``, if given, stands before the literal.
    """

    literal: bytes
    start: Callable[[bytes, int], int] = lambda _, offset: offset
    starts: Callable[[bytes, int], Iterable[int]] | None = None
    is_far: bool = False
    before: frozenset[int] | None = None


class Detector(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One kind of secret. ``examples`` must be found, ``negatives`` must not, in every form."""

    name: str
    tier: Tier = "secret"
    gate: str = ""
    anchors: tuple[bytes, ...] = ()  # literals of which one stands in all that the gate matches
    anchor: str = ""  # RE2 instead of those, quick to look for: it begins with a literal
    heads: str = ""  # the characters that a match behind the gate's boundary starts with
    finders: tuple[Finder, ...] = ()
    pattern: Pattern
    # What it begins with, if that alone decides whether there is a match: none starts inside then.
    run: re.Pattern[bytes] | None = None
    accepts: Validator | None = None
    group: int | str = 0
    passwords: tuple[str, ...] = ()
    canonical: Callable[[bytes], bytes] = bytes  # the value, of the text replaced
    parts: Callable[[bytes], list[bytes]] | None = None  # of the text: values by themselves
    longest: int = LONGEST_MATCH  # bytes that a match may have
    steps: int = 0  # what a look at a candidate costs beyond the usual (`dense`)
    shared: bool = True  # its gate begins with a boundary, and runs with the others
    examples: tuple[str, ...]
    negatives: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name as it stands in placeholders."""
        return self.name.upper()
