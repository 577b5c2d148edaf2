"""A search of the binding's own finds what its Python does."""

from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.automaton import compiled, search

PATTERNS = ["a", "b+a", r"\bab", "(?i:B)c", "a(b)?c", "x", r"[^a]\z"]
AROUND = st.integers(0, 12)


@given(st.sampled_from(PATTERNS), st.text("abcB ", max_size=10), AROUND, AROUND)
def test_a_search_finds_the_first_match_in_a_stretch(
    pattern: str, text: str, start: int, end: int
) -> None:
    used = compiled(pattern)
    start = min(start, end, len(text))
    match = used.search(text.encode(), start, end)
    assert search(used)(text.encode(), start, end) == (-1 if match is None else match.start())
