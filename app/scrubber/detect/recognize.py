"""Whether a value would be found again where it is restored.

What a detector knows by its context alone (the token after ``Bearer``, a URL's password) would
leave in clear with the next request that holds it without that context: a subagent's prompt, a
summary, another session. So a value is restored only where the detectors find it again, in the
very string it is put into. That is a function of the answer alone: it needs no memory of values,
so it is the same after a restart and in every replica.
"""

from bisect import bisect_right
from collections.abc import Sequence

from ..json.escapes import value
from ..json.spans import Span
from .hits import Hit
from .rules import Rules
from .scan import Scanner

CONTEXT = 768  # bytes before a value that are kept: more than any detector looks back


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
        hits = [hit for string in strings for hit in self._scanner.hits(text, candidates, string)]
        starts = [hit.start for hit in hits]
        return [
            (index := bisect_right(starts, span.start)) > 0
            and span.end <= hits[index - 1].end < end
            and not self._allows(hits[index - 1])
            for span in values
        ]

    def _allows(self, hit: Hit) -> bool:
        return self._rules.allows(value(hit.detector.canonical(hit.escaped)))
