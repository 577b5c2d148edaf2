"""Stretches of text beside each other: hits, known values, and what is left between them."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..detect.hits import Hit
from ..json.spans import Span
from ..placeholders import Hidden
from .ledger import SHORTEST_KNOWN

Known = tuple[Span, Hidden, str]  # where a known value stands, and its placeholder


class Group(NamedTuple):
    """Hits and known values that overlap, each in order."""

    hits: list[Hit]
    known: list[Known]

    def rest(self, text: bytes) -> list[bytes]:
        """Return what is left of the hits before, between and behind the known values."""
        first = min(self.hits[0].start, self.known[0][0].start)
        last = max(self.hits[-1].end, self.known[-1][0].end)
        edges = [first, *(edge for span, _, _ in self.known for edge in span), last]
        return [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


def groups(hits: list[Hit], known: list[Known]) -> Iterator[Group]:
    """Yield hits and known values, both in order, by what overlaps."""
    group, end = Group([], []), 0
    either: list[tuple[int, int, Hit | Known]] = [(hit.start, hit.end, hit) for hit in hits]
    either += [(*one[0], one) for one in known]
    either.sort(key=lambda one: one[0])
    for first, last, one in either:
        if first >= end and (group.hits or group.known):
            yield group
            group = Group([], [])
        if isinstance(one, Hit):
            group.hits.append(one)
        else:
            group.known.append(one)
        end = max(end, last)
    if group.hits or group.known:
        yield group


def gaps(spans: list[Span], taken: Sequence[tuple[int, int, *tuple[Any, ...]]]) -> list[Span]:
    """Return what is left of spans, in order, without what is taken of them.

    A gap that is too short for a known value is none.
    """
    left: list[Span] = []
    at = 0
    for start, end in spans:
        while at < len(taken) and (one := taken[at])[0] < end:
            if one[0] - start >= SHORTEST_KNOWN:
                left.append(Span(start, one[0]))
            start = one[1]  # noqa: PLW2901
            at += 1
        if end - start >= SHORTEST_KNOWN:
            left.append(Span(start, end))
    return left
