"""The short way of a header block is hpack's own: the same fields, tables and errors."""

from typing import Any

import pytest
from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hpack.exceptions import HPACKError, InvalidTableSizeError, OversizedHeaderListError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.wire import header_decoder
from app.wire.header_decoder import HeaderDecoder
from tests.thorough import scaled

NAMES = st.sampled_from([b":status", b"content-type", b"date", b"x-a", b"x-b", b"x" * 130])
VALUES = st.sampled_from([b"200", b"", b"text/html", b"1", b"y" * 125, b"y" * 126, b"z" * 300])
FIELD = st.builds(
    lambda kind, name, value: kind(name, value),
    st.sampled_from([HeaderTuple, HeaderTuple, NeverIndexedHeaderTuple]),
    NAMES,
    VALUES | st.binary(max_size=40),
)
BLOCK = st.tuples(st.lists(FIELD, max_size=8), st.booleans())
MANY = [HeaderTuple(b"x-%d" % one, b"1") for one in range(80)]  # beyond an index of 126
# What is done to a block before it is decoded: a byte set, bytes added, or its end cut off.
CHANGE = st.none() | st.tuples(st.integers(0, 60), st.integers(0, 255)) | st.binary(max_size=6)
STEPS = st.lists(
    st.tuples(
        BLOCK | st.tuples(st.just(MANY), st.booleans()),
        CHANGE,
        st.sampled_from([None, None, None, 0, 60, 4096]),
    ),
    max_size=6,
)
SHORT: list[int] = []


class Counting(HeaderDecoder):
    """Counts the fields that were left to hpack."""

    left = 0

    def _decode_literal(self, data: Any, should_index: bool) -> Any:
        self.left += 1
        return super()._decode_literal(data, should_index)

    def _decode_indexed(self, data: Any) -> Any:
        self.left += 1
        return super()._decode_indexed(data)


def _changed(block: bytes, change: Any) -> bytes:
    if change is None:
        return block
    if isinstance(change, bytes):
        return change + block if len(change) % 2 else block + change
    place, byte = change
    return block[:place] + bytes([byte]) + block[place + 1 :] if byte % 7 else block[:place]


def _outcome(decoder: Decoder, block: bytes) -> Any:
    """Return all that can be known of what a decoder has made of a block."""
    try:
        fields = list(decoder.decode(block, raw=True))
    except (HPACKError, IndexError) as exc:
        return type(exc)
    return fields, [(type(field), field.indexable) for field in fields]


@settings(max_examples=scaled(300, 150), deadline=None)
@given(STEPS, st.sampled_from([200, 5_000, 100_000]))
def _law(steps: list[tuple[Any, ...]], limit: int) -> None:
    encoder, fast, slow = Encoder(), Counting(), Decoder()
    fast.max_header_list_size = slow.max_header_list_size = limit
    for (fields, huffman), change, size in steps:
        if size is not None:
            encoder.header_table_size = size
        block = _changed(encoder.encode(fields, huffman=huffman), change)
        expected = _outcome(slow, block)
        assert _outcome(fast, block) == expected
        assert fast.header_table.dynamic_entries == slow.header_table.dynamic_entries
        assert fast.header_table_size == slow.header_table_size
        if not isinstance(expected, tuple):
            return  # a connection is not used after its error
        SHORT.append(len(expected[0]) - fast.left)
        fast.left = 0


def test_blocks_are_decoded_alike_whatever_came_before() -> None:
    SHORT.clear()
    _law()
    assert sum(SHORT) > scaled(300, 150)


@settings(max_examples=scaled(300, 150), deadline=None)
@given(st.binary(max_size=30))
@example(b"\x40")  # a field that ends before its name, and one before its value
@example(b"\x44")
def test_wild_bytes_are_decoded_alike(block: bytes) -> None:
    fast, slow = HeaderDecoder(), Decoder()
    assert _outcome(fast, block) == _outcome(slow, block)
    assert fast.header_table.dynamic_entries == slow.header_table.dynamic_entries


def test_compressed_names_are_remembered_and_values_are_not() -> None:
    header_decoder._name.cache_clear()
    block = Encoder().encode([NeverIndexedHeaderTuple(b"x-fake", b"fake-secret")], huffman=True)
    for _ in range(3):
        HeaderDecoder().decode(block)
    found = header_decoder._name.cache_info()
    assert (found.currsize, found.hits, found.misses) == (1, 2, 1)


@pytest.mark.parametrize("kind", [Decoder, HeaderDecoder])
def test_a_list_may_be_as_large_as_the_limit(kind: type[Decoder]) -> None:
    block = Encoder().encode([(b"x-a", b"1")])  # 3 and 1 bytes, and 32 of overhead
    kind(36).decode(block)
    with pytest.raises(OversizedHeaderListError):
        kind(35).decode(block)


@pytest.mark.parametrize("kind", [Decoder, HeaderDecoder])
def test_a_peer_that_does_not_shrink_its_table_is_refused(kind: type[Decoder]) -> None:
    decoder = kind()
    decoder.max_allowed_table_size = 100
    with pytest.raises(InvalidTableSizeError):
        decoder.decode(b"\x88")


@pytest.mark.parametrize(
    "block", [b"\x7f\x00\x01a", b"\x7f\x80\x00\x01a", b"\x0f\x80\x00\x01a", b"\xff\x00"]
)
def test_an_index_may_take_more_bytes_than_it_needs(block: bytes) -> None:
    fast, slow, encoder = HeaderDecoder(), Decoder(), Encoder()
    filled = encoder.encode(MANY)
    for decoder in (fast, slow):
        decoder.decode(filled)
    expected = _outcome(slow, block)
    assert isinstance(expected, tuple)
    assert _outcome(fast, block) == expected
