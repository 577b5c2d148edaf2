"""The strings of a unit in batches, with the hits in them.

What a unit holds is worked off piece by piece, so that nothing ever is held for all of a large one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from ..detect.candidates import Candidates
from ..detect.hits import Hit
from ..detect.scan import Scanner
from ..json.spans import Span
from ..json.strings import Run, Text
from ..json.visitor import Path

_BLOCK = attrgetter("block")
_START = itemgetter(0)
_BATCH = 2048  # hits, or strings, that are worked off together at most


class Batch:
    """Strings of one block, or pieces of a long one, and the hits in them, in order."""

    __slots__ = ("_starts", "hits", "texts")

    def __init__(self, texts: list[Text], hits: list[Hit]) -> None:
        self.texts = texts
        self.hits = hits
        self._starts: list[int] = []

    @property
    def span(self) -> Span:
        """From where on and up to where they stand."""
        return Span(self.texts[0].span.start, self.texts[-1].span.end)

    @property
    def spans(self) -> list[Span]:
        """Where the strings stand."""
        return [one.span for one in self.texts]

    def path(self, offset: int) -> Path:
        """Return the path of the string that an offset lies in."""
        if not self._starts:  # the batch is complete by now
            self._starts = [one.span.start for one in self.texts]
        return self.texts[bisect_right(self._starts, offset) - 1].path


def by_block(strings: Iterable[Text], hits: Sequence[Hit]) -> list[Batch]:
    """Return the batches of a few strings with few hits: those of `Batches`."""
    batches = [Batch(list(texts), []) for _, texts in groupby(strings, _BLOCK)]
    at = 0
    for batch in batches:
        behind = bisect_left(hits, batch.span.end, at, key=_START)
        batch.hits += hits[at:behind]
        at = behind
    return batches


class Batches:
    """Divides strings. State: the ``batch`` that is being filled."""

    def __init__(self, text: bytes, scanner: Scanner, candidates: Candidates) -> None:
        self._text = text
        self._scanner = scanner
        self._candidates = candidates
        self._batch = Batch([], [])

    def of(self, strings: Iterable[Text | Run]) -> Iterator[Batch | Run]:
        """Yield the batches, and runs of strings that are too dense to be looked at."""
        for one in strings:
            if isinstance(one, Run):
                yield from self._run(one)
            elif not self._added(one):
                yield from self._string(one)
        yield from self._taken()

    def _added(self, one: Text) -> bool:
        """Add a string in which nothing starts; return False if it is not as simple as that."""
        candidates, texts = self._candidates, self._batch.texts
        head = candidates.head
        if (head is not None and head[0] < one.span.end) or candidates.hidden > one.span.start:
            return False
        if texts and (one.block != texts[-1].block or len(texts) >= _BATCH):
            return False
        texts.append(one)
        return True

    def _run(self, run: Run) -> Iterator[Batch | Run]:
        text = self._text
        hidden = run.until(text, min(run.span.end, self._candidates.hidden))
        if hidden.span.end > hidden.span.start:
            yield from self._taken()
            yield hidden
            if hidden.span.end == run.span.end:
                return
            run = run.behind(text, hidden.span.end, sum(1 for _ in hidden.texts(text)))
        for count, one in enumerate(run.texts(text), 1):
            yield from self._string(one)
            if self._candidates.hidden > one.span.end + 1:
                yield from self._run(run.behind(text, one.span.end + 1, count))
                return

    def _string(self, one: Text) -> Iterator[Batch]:
        texts = self._batch.texts
        if texts and (one.block != texts[-1].block or len(texts) >= _BATCH):
            yield from self._taken()
        span = one.span
        for hit in self._scanner.hits(self._text, self._candidates, span):
            self._batch.hits.append(hit)
            if len(self._batch.hits) >= _BATCH:
                self._batch.texts.append(one._replace(span=Span(span.start, hit.end)))
                yield from self._taken()
                span = Span(hit.end, span.end)
        self._batch.texts.append(one if span is one.span else one._replace(span=span))

    def _taken(self) -> Iterator[Batch]:
        if self._batch.texts:
            batch, self._batch = self._batch, Batch([], [])
            yield batch
