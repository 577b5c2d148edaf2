"""Behaviour A4: the target stays on the configured origin, byte for byte."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest
from app.wire.target import target

LEGAL = st.binary().map(lambda tail: b"/" + re.sub(rb"[\x00-\x20\x7f#]", b"", tail))
ODD = st.sampled_from(
    [b"//evil.example/v1", b"/..", b"/@evil.example", b"/%2F%2f;a?", b"/\\e", b"/"]
)


@given(st.sampled_from([b"", b"/gateway"]), LEGAL | ODD)
def test_a_path_goes_on_byte_for_byte(prefix: bytes, requested: bytes) -> None:
    assert target(prefix, requested) == prefix + requested


@given(st.binary())
def test_nothing_but_a_path_goes_on(requested: bytes) -> None:
    if re.fullmatch(rb"/[^\x00-\x20\x7f#]*", requested):
        assert target(b"", requested) == requested
    else:
        with pytest.raises(BadRequest):
            target(b"", requested)


@pytest.mark.parametrize(
    "requested",
    [
        b"",
        b"*",
        b"v1/messages",
        b"https://evil.example/v1",
        b"evil.example:443",
        b"@evil.example",
        b"/v1#part",
        b"/v1 HTTP/1.1",
        b"/v1\r\nx: y",
        b"/\x00",
        b"/\x7f",
    ],
)
def test_what_is_no_path_is_refused(requested: bytes) -> None:
    with pytest.raises(BadRequest):
        target(b"/prefix", requested)
