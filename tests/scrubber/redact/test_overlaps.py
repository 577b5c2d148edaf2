"""Hits and known values by what overlaps, and the gaps between them."""

import re
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from app.scrubber.detect.detector import Detector
from app.scrubber.detect.hits import Hit
from app.scrubber.json.spans import Span
from app.scrubber.placeholders import Hidden
from app.scrubber.redact.ledger import SHORTEST_KNOWN
from app.scrubber.redact.overlaps import Group, Known, gaps, groups
from tests.cases import every_case

WORD = Detector(name="word", pattern=re.compile(rb".+"), examples=())
HIDDEN = Hidden("word", "value")


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """Stretches in order, none overlapping."""
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=10)))
    return [Span(*one) for one in zip(edges[::2], edges[1::2], strict=False)]


def hits(found: list[Span]) -> list[Hit]:
    return [Hit(*one, WORD, b"", None) for one in found]


def known(found: list[Span]) -> list[Known]:
    return [(one, HIDDEN, "<WORD_1>") for one in found]


@given(spans(), spans())
@example([], [])
def test_each_stretch_is_in_one_group_and_no_two_groups_overlap(
    first: list[Span], second: list[Span]
) -> None:
    found = list(groups(hits(first), known(second)))
    assert [hit for group in found for hit in group.hits] == hits(first)
    assert [one for group in found for one in group.known] == known(second)
    either = [
        [*(Span(*hit[:2]) for hit in hits), *(one[0] for one in values)] for hits, values in found
    ]
    assert all(
        max(one.end for one in before) <= min(one.start for one in after)
        for before, after in pairwise(either)
    )
    for group in either:
        group.sort()
        reached = group[0].end
        for one in group[1:]:
            assert one.start < reached, "it overlaps nothing before it"
            reached = max(reached, one.end)


@given(spans(), spans())
def test_gaps_are_the_rest_of_spans_where_a_known_value_has_room(
    within: list[Span], taken: list[Span]
) -> None:
    taken = [one for one in taken if any(span[0] <= one[0] <= one[1] <= span[1] for span in within)]
    rest = [
        "".join(" " if any(at in range(*one) for one in taken) else "x" for at in range(*span))
        for span in within
    ]
    wanted = [
        Span(span.start + run.start(), span.start + run.end())
        for span, marked in zip(within, rest, strict=True)
        for run in re.finditer(f"x{{{SHORTEST_KNOWN},}}", marked)
    ]
    assert gaps(within, hits(taken)) == wanted


@every_case(
    "found, values, rest",
    [
        ([(0, 9)], [(3, 5)], [b"abc", b"fghi"]),
        ([(2, 6)], [(0, 9)], [b"", b""]),
        ([(2, 6)], [(1, 3)], [b"", b"def"]),
        ([(2, 6)], [(4, 9)], [b"cd", b""]),
        ([(0, 3), (5, 9)], [(2, 6)], [b"ab", b"ghi"]),
        ([(0, 9)], [(1, 3), (3, 4), (6, 7)], [b"a", b"", b"ef", b"hi"]),
    ],
)
def test_the_rest_of_a_group_is_what_no_known_value_covers(
    found: list[tuple[int, int]], values: list[tuple[int, int]], rest: list[bytes]
) -> None:
    group = Group(hits([Span(*one) for one in found]), known([Span(*one) for one in values]))
    assert group.rest(b"abcdefghi") == rest
