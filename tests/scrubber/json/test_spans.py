"""Stretches of bytes: work in pieces finds and copies the same as one step would."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.scrubber.json import spans
from app.scrubber.json.spans import cut, find, holds, spliced

PIECE = 4
TEXTS = st.lists(st.sampled_from(b"ab"), max_size=24).map(bytes)


@pytest.fixture(autouse=True, scope="module")
def _small_pieces() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "_PIECE", PIECE)
        yield


class Watched(bytes):
    """Bytes that note how much of them each step looks at."""

    longest = 0

    def find(self, literal: Any, start: Any = 0, end: Any = None) -> int:
        """Find in a stretch."""
        end = len(self) if end is None else end
        self.longest = max(self.longest, end - start)
        return super().find(literal, start, end)

    def __getitem__(self, key: Any) -> Any:
        """Copy a stretch."""
        self.longest = max(self.longest, len(range(*key.indices(len(self)))))
        return super().__getitem__(key)


@given(TEXTS, st.lists(st.sampled_from(b"ab"), min_size=1, max_size=PIECE).map(bytes))
@example(b"aaaaaaabbb", b"bb")
def test_a_literal_is_found_where_one_search_would_find_it(text: bytes, literal: bytes) -> None:
    assert holds(text, literal) == (literal in text)
    for start in range(len(text)):
        for end in range(start, len(text) + 1):
            assert find(text, literal, start, end) == text.find(literal, start, end)


@given(TEXTS)
def test_a_copy_is_what_one_slice_would_be(text: bytes) -> None:
    for start in range(len(text) + 1):
        for end in range(len(text) + 3):
            assert cut(text, start, end) == text[start:end]


def test_no_step_looks_at_more_than_a_piece() -> None:
    text = Watched(b"a" * 50)
    assert not holds(text, b"bb")
    assert cut(text, 3, 50) == b"a" * 47
    assert 0 < text.longest <= PIECE


def test_a_copy_of_all_is_the_text_itself() -> None:
    text = b"a" * 50
    assert cut(text, 0, 50) is text


@pytest.mark.parametrize("at_once", [0, 10**6])
@given(
    text=TEXTS,
    bounds=st.lists(st.integers(0, 24), max_size=12),
    piece=st.sampled_from([b"", b"x", b"a" * 9]),
)
def test_pieces_stand_instead_of_their_spans(
    at_once: int, text: bytes, bounds: list[int], piece: bytes
) -> None:
    ends = sorted(min(one, len(text)) for one in bounds)
    pieces = [(start, end, piece) for start, end in zip(ends[::2], ends[1::2], strict=False)]
    wanted, copied = b"", 0
    for start, end, _ in pieces:
        wanted, copied = wanted + text[copied:start] + piece, end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "_PIECES", PIECE)
        patch.setattr(spans, "_AT_ONCE", at_once)
        assert spliced(text, pieces) == wanted + text[copied:]


def test_a_text_without_pieces_is_itself() -> None:
    text = bytes(bytearray(b"abc"))
    assert spliced(text, []) is text


def test_what_is_joined_by_views_is_short_and_of_few_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copied: list[int] = []

    def noted(text: bytes, start: int, end: int) -> bytes:
        copied.append(end - start)
        return text[start:end]

    monkeypatch.setattr(spans, "cut", noted)
    monkeypatch.setattr(spans, "_AT_ONCE", 8)
    assert spliced(b"a" * 8, [(2, 3, b"x")]) == b"aaxaaaaa"
    assert copied == [5]  # the end only
    assert spliced(b"a" * 9, [(2, 3, b"x")]) == b"aaxaaaaaa"
    assert copied == [5, 2, 6]
