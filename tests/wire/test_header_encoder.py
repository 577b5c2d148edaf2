"""What the encoder remembers changes nothing of what a peer decodes; secrets are left out."""

from typing import Any

import pytest
from hpack import Decoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.wire.header_encoder import LONGEST, NAMES, TABLE, HeaderEncoder
from tests.thorough import scaled

NAME = st.sampled_from([b":method", b":path", b":status", b"accept", b"content-length", b"x-id"])
VALUE = st.sampled_from([b"", b"POST", b"200", b"/", b"1", b"2", b"3", b"x" * 40, b"y" * 2000])
FIELD = st.builds(HeaderTuple, NAME | st.binary(min_size=1, max_size=3), VALUE)
SECRET = st.builds(NeverIndexedHeaderTuple, NAME | st.just(b"x-api-key"), VALUE)
LIST = st.lists(FIELD | FIELD | SECRET, max_size=6)
# A table of another size, or a list, mostly one of a few that repeat.
BLOCKS = st.tuples(
    st.lists(st.lists(FIELD | FIELD | SECRET, min_size=2, max_size=6), min_size=1, max_size=3),
    st.lists(st.sampled_from([0, 0, 0, 0, 0, 1, 2, "resize"]) | LIST, min_size=8, max_size=16),
    st.lists(st.sampled_from([0, 50, 200, 4096]), min_size=1, max_size=4),
)
# One list again and again, of which much is remembered, whatever else is drawn.
REPEATED = ([[HeaderTuple(b"x-%d" % one, b"1") for one in range(10)]], [0] * 16, [50])
REMEMBERED = 0


class Counting(HeaderEncoder):
    """Counts the fields that were remembered."""

    def encode(self, headers: Any) -> bytes:  # type: ignore[override]
        self.count = len(headers)
        return super().encode(headers)

    def _encode_field(self, field: Any) -> bytes:
        self.count -= 1
        return super()._encode_field(field)


@settings(max_examples=scaled(150, 40))
@given(BLOCKS)
@example(REPEATED)
def _law(blocks: tuple[list[Any], list[Any], list[int]]) -> None:
    global REMEMBERED  # noqa: PLW0603 - counts over all examples
    usual, played, sizes = blocks
    encoder, decoder = Counting(), Decoder()
    for turn, step in enumerate(played):
        if step == "resize":
            encoder.header_table_size = sizes[turn % len(sizes)]
            continue
        fields = usual[step % len(usual)] if isinstance(step, int) else step
        decoded = decoder.decode(encoder.encode(fields), raw=True)
        assert decoded == [tuple(field) for field in fields]
        assert [field.indexable for field in decoded] == [field.indexable for field in fields]
        assert encoder.header_table.dynamic_entries == decoder.header_table.dynamic_entries
        REMEMBERED += encoder.count


def test_a_peer_decodes_what_was_encoded_and_keeps_the_same_table() -> None:
    _law()
    assert REMEMBERED > 100


@pytest.mark.parametrize("sizes", [(9000, 100), (0, 9000, 50), (100, 4096), (9000, 4096)])
def test_changes_of_the_table_size_are_announced_within_the_peers_last_limit(
    sizes: tuple[int, ...],
) -> None:
    encoder, decoder = HeaderEncoder(), Decoder()
    for size in sizes:
        encoder.header_table_size = decoder.max_allowed_table_size = size
    for _ in range(3):
        assert decoder.decode(encoder.encode(fields(id=b"1")), raw=True) == fields(id=b"1")
    assert encoder.header_table.maxsize == decoder.header_table.maxsize


@pytest.mark.parametrize("offered", [65_536, 2**32 - 1])
def test_a_larger_table_that_a_peer_offers_is_not_filled(offered: int) -> None:
    encoder, decoder = HeaderEncoder(), Decoder()
    encoder.header_table_size = decoder.max_allowed_table_size = offered
    for turn in range(1000):
        date = fields(date=b"%0100d" % (turn // 2))
        assert decoder.decode(encoder.encode(date), raw=True) == date
    assert sum(map(_entry_size, decoder.header_table.dynamic_entries)) <= TABLE


def _entry_size(entry: tuple[bytes, bytes]) -> int:
    return 32 + sum(map(len, entry))


def fields(**values: bytes) -> list[HeaderTuple]:
    return [HeaderTuple(name.encode(), value) for name, value in values.items()]


def test_what_repeats_is_a_reference_from_its_third_time_on() -> None:
    encoder = HeaderEncoder()
    sizes = [len(encoder.encode(fields(agent=b"a" * 100, id=b"%d" % turn))) for turn in range(4)]
    assert sizes == [114, 114, 7, 7]


def test_what_differs_each_time_enters_no_table() -> None:
    encoder = HeaderEncoder()
    for turn in range(50):
        encoder.encode(fields(id=b"%d" % turn, other=b"%d" % (turn // 2 % 2)))
    assert {name for name, _ in encoder.header_table.dynamic_entries} == {b"other"}


def test_a_secret_is_written_out_each_time_and_held_nowhere() -> None:
    encoder = HeaderEncoder()
    secret = NeverIndexedHeaderTuple(b"x-api-key", b"fake-key")
    blocks = {encoder.encode([secret]) for _ in range(4)}
    assert blocks == {b"\x10\x09x-api-key\x08fake-key"}
    assert "fake-key" not in repr(vars(encoder)) + repr(encoder.header_table)


def test_a_secret_that_was_sent_as_an_ordinary_field_before_is_still_never_indexed() -> None:
    encoder = HeaderEncoder()
    for _ in range(3):
        encoder.encode([HeaderTuple(b"cookie", b"a=1")])
    assert encoder.encode([NeverIndexedHeaderTuple(b"cookie", b"a=1")])[0] & 0xF0 == 0x10


def test_no_more_is_remembered_than_its_bounds_allow() -> None:
    encoder = HeaderEncoder()
    for turn in range(3 * NAMES):
        encoder.encode([HeaderTuple(b"name-%d" % turn, b"v")] * 2)
        encoder.encode([HeaderTuple(b"long", b"v" * (LONGEST + 1))] * 3)
    assert len(encoder._last) <= NAMES
    assert len(encoder._references) <= NAMES
    assert all(len(value) <= LONGEST for value in encoder._last.values())
