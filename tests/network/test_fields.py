"""Header fields that are made past httpx's ways with text are the same to everybody."""

import httpx
from hypothesis import given
from hypothesis import strategies as st

from app.network.fields import Fields, lowered
from app.wire.headers import Sound

FIELDS = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=6)


@given(FIELDS)
def test_fields_are_those_that_httpx_makes(fields: list[tuple[bytes, bytes]]) -> None:
    stock = httpx.Headers(fields)
    assert Fields(fields) == stock
    assert Fields(fields).raw == stock.raw == fields
    assert Fields(fields).multi_items() == stock.multi_items()
    assert httpx.Headers(Fields(fields)).raw == fields


@given(FIELDS)
def test_names_are_read_in_lower_case(fields: list[tuple[bytes, bytes]]) -> None:
    expected = [(name.lower(), value) for name, value in fields]
    assert lowered(Fields(fields)) == lowered(httpx.Headers(fields)) == expected


def test_fields_known_to_be_sound_are_handed_on_until_they_may_have_been_changed() -> None:
    sound = Sound([(b"a", b"1")])
    fields = Fields(sound)
    assert lowered(fields) is sound
    fields["b"] = "2"
    assert lowered(fields) == [(b"a", b"1"), (b"b", b"2")]
    assert sound == [(b"a", b"1")]
