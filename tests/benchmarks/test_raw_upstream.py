"""The raw upstream of the benchmarks."""

from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.raw_upstream import RepeatDecoder
from tests.thorough import scaled

FIELDS = st.tuples(
    st.sampled_from([b":path", b"x-work", b"user-agent"]),
    st.sampled_from([b"/one", b"/two", b"3" * 60]),
    st.booleans(),  # whether it is sensitive, and so never indexed
)
BLOCKS = st.tuples(st.lists(FIELDS, max_size=4), st.sampled_from([None, 0, 100, 4096]))


@settings(max_examples=scaled(200, 50), deadline=None)
@given(st.lists(BLOCKS, max_size=12))
def test_a_remembered_block_has_the_fields_that_decoding_finds(
    blocks: list[tuple[list[tuple[bytes, bytes, bool]], int | None]],
) -> None:
    """Also where fields are added to a table, and lost from a small one."""
    encoder, plain, repeating = Encoder(), Decoder(), RepeatDecoder()
    for fields, size in blocks:
        if size is not None:
            encoder.header_table_size = size
        block = encoder.encode(fields, huffman=False)
        assert repeating.decode(block, raw=True) == plain.decode(block, raw=True)


def test_a_block_that_changes_nothing_is_decoded_once() -> None:
    """Its fields are the very same."""
    encoder, repeating = Encoder(), RepeatDecoder()
    fields = [(b"x-work", b"/one")]
    repeating.decode(encoder.encode(fields), raw=True)
    again = encoder.encode(fields)
    assert repeating.decode(again, raw=True) is repeating.decode(again, raw=True)
