"""Finding secrets in JSON-escaped text, in time linear in its length.

Two steps, so that text without secrets costs one pass of an automaton (some 600 MB/s, with the
interpreter's lock released) and a few searches for literals: `Scanner.candidates` says where which
detector may match; `Scanner.hits` matches the detectors' own patterns there.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..json.spans import Span
from . import dense
from .candidates import Candidates, Few, few
from .dense import Effort
from .detector import Detector
from .hits import HIT, Cluster, Hit, first_come, hit_at
from .prefilter import Scope
from .sources import Candidate, Sources


class Scanner:
    """Looks for what ``detectors``, in priority order, detect."""

    def __init__(self, detectors: Sequence[Detector], also: str = "") -> None:
        """``also``, in RE2 syntax, is something else that is a sign."""
        self._sources = Sources(detectors, also)
        self._ranks = {detector.name: rank for rank, detector in enumerate(detectors)}

    def windows(self, text: bytes) -> list[Span]:
        """Return what of a text has to be searched: all from its first sign on."""
        sign = self._sources.first_sign(text)
        return [Span(sign, len(text))] if sign < len(text) else []

    def candidates(
        self,
        text: bytes,
        effort: Effort | None = None,
        windows: Sequence[Span] | None = None,
    ) -> Candidates:
        """Return where in ``text`` a secret may start, in order.

        Outside of ``windows`` it holds no sign, except for common literals.
        """
        if windows is None:
            windows = (Span(0, len(text)),)
        few = self.few(text, Scope(windows))
        return self.those(text, effort or Effort.unlimited(), windows, few)

    def few(self, text: bytes, scope: Scope) -> Few | None:
        """Return the candidates of a short text, if they are few."""
        return few(text, self._sources, scope)

    def those(
        self, text: bytes, effort: Effort, windows: Sequence[Span], few: Few | None
    ) -> Candidates:
        """Return the candidates of a text, given its `few`."""
        return Candidates(text, self._sources, effort, windows, few)

    def hits(self, text: bytes, candidates: Candidates, string: Span) -> Iterable[Hit]:
        """Return the hits inside a string, in order, none overlapping; skipping those before."""
        head, (start, end) = candidates.head, string
        if candidates.hidden <= start and (head is None or head[0] >= end):
            return ()
        if candidates.hidden >= end > start and not self._is_harmless(text, string):
            return (HIT((start, end, dense.TEXT, b"", None)),)
        return self._hits(text, candidates, string)

    def hits_at(self, text: bytes, candidate: Candidate, end: int) -> tuple[Sequence[Hit], int]:
        """Return the hits at the only candidate in a string that ends at ``end``, and the steps.

        Nothing beside it can overlap them.
        """
        start, detectors = candidate
        hits, steps = [], dense.CHECK
        for detector in detectors:
            steps += detector.steps
            hit = hit_at(text, start, end, detector)
            if hit is not None:
                hits.append(hit)
        return first_come(hits, self._ranks), steps

    def _hits(self, text: bytes, candidates: Candidates, string: Span) -> Iterator[Hit]:
        cluster = Cluster(text, string, candidates.effort)
        if candidates.hidden > string.start and not self._is_harmless(text, string):
            yield from cluster.hide(string.start, candidates.hidden)
        for start, detectors in candidates.before(string.end):
            if start >= cluster.end and cluster.hits:
                yield from first_come(cluster.take(), self._ranks)
            if not detectors:
                yield from first_come(cluster.take(), self._ranks)
                candidates.hidden = candidates.ends.popleft()
                if not self._is_harmless(text, string):
                    yield from cluster.hide(start, candidates.hidden)
            elif start >= cluster.first:
                cluster.look(start, detectors)
            elif start >= string.start:
                yield from cluster.leaving(start, detectors)
        yield from first_come(cluster.hits, self._ranks)

    def is_plain(self, text: bytes, run: Span) -> bool:
        """Return True if names and words in a run of strings are harmless: no gate is in it."""
        return not self._sources.has_gate(text, run.start, run.end)

    def hidden(self, text: bytes, strings: Iterable[Span]) -> list[Hit]:
        """Return what hides strings as a whole, except for names and words."""
        return [
            HIT((*one, dense.TEXT, b"", None))
            for one in strings
            if not self._is_harmless(text, one)
        ]

    def _is_harmless(self, text: bytes, string: Span) -> bool:
        """Return True for a name or a word that the API may need: no detector finds anything."""
        if dense.WORD.fullmatch(text, *string) is None:
            return False
        return not self._sources.has_gate(text, max(0, string.start - 1), string.end + 1)
