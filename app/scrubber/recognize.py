"""Whether a value would be found again where it is restored.

What a detector knows by its context alone (the token after ``Bearer``, a URL's password) would
leave in clear with the next request that holds it without that context: a subagent's prompt, a
summary, another session. So a value is restored only where the detectors find it again, in the
very string it is put into. That is a function of the answer alone: it needs no memory of values,
so it is the same after a restart and in every replica.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from .escapes import value
from .rules import Rules
from .scan import Scanner, Span

WINDOW = 768  # bytes of context before a value: more than any detector looks back
_QUOTE = re.compile(rb'\\.?|"', re.DOTALL)


class Recognizer:
    """The detectors in force, asked about text that is about to go to the client."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._scanner = Scanner(rules.detectors)

    def found(
        self, text: bytes, strings: Sequence[Span], values: Sequence[Span], *, complete: bool
    ) -> list[bool]:
        """Return of each of ``values`` whether a hit covers it.

        ``text`` is JSON-escaped, ``strings`` are the insides of its strings. A hit at the end of
        a text that is not ``complete`` may still grow into something harmless: it does not count.
        """
        end = len(text) + 1 if complete else len(text)
        candidates = self._scanner.candidates(text)
        hits = [
            hit
            for string in strings
            for hit in self._scanner.hits(text, candidates, string)
            if hit.end < end and not self._rules.allows(value(hit.detector.canonical(hit.escaped)))
        ]
        starts = [hit.start for hit in hits]
        return [
            (index := bisect_right(starts, span.start)) > 0 and hits[index - 1].end >= span.end
            for span in values
        ]


class Window:
    """The string that an answer is writing, as far as the client has it, JSON-escaped.

    State: ``text`` is its end (of at most `WINDOW` bytes), nothing between strings.
    """

    def __init__(self, *, inside: bool) -> None:
        self.text = b'"' if inside else b""
        self._inside = inside
        self._escape = False  # a backslash came last, and what it escapes is still to come

    def strings(self, more: bytes) -> list[Span]:
        """Return the strings in ``text + more``."""
        spans, start, _ = self._read(more)
        return spans if start is None else [*spans, Span(start, len(self.text) + len(more))]

    def advance(self, more: bytes) -> None:
        """Go on by what the client is sent."""
        _, start, self._escape = self._read(more)
        whole = self.text + more
        self._inside = start is not None
        # With its quote, unless it is longer: where it is cut, nothing is known of what was before.
        self.text = b"" if start is None else whole[max(0, start - 1, len(whole) - WINDOW) :]

    def _read(self, more: bytes) -> tuple[list[Span], int | None, bool]:
        """Return the strings that end, where one that goes on starts, and a pending escape."""
        size, escape = len(self.text), False
        spans: list[Span] = []
        start = int(self.text.startswith(b'"')) if self._inside else None
        for mark in _QUOTE.finditer(more, 1 if self._escape and more else 0):
            if mark[0] == b'"':
                at = size + mark.start()
                if start is None:
                    start = at + 1
                else:
                    spans.append(Span(start, at))
                    start = None
            escape = mark[0] == b"\\"
        return spans, start, escape or (self._escape and not more)


def encoded(text: str) -> bytes:
    """Return the bytes of JSON text, whatever was decoded to get it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate of the answer's own
        return text.encode("utf-8", "surrogatepass")
