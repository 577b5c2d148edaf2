"""Heads that must not be used: what is refused, and with which status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.headers import CONNECTION_FIELDS, Headers, Sound
from app.wire.heads import (
    Malformed,
    are_trailers,
    fault_of,
    framing_fault,
    refuse_http1,
    refuse_http2,
    response,
)
from app.wire.limits import REQUEST_FIELDS

HOST = (b"host", b"localhost")
REQUEST: Headers = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"localhost"),
    (b":path", b"/"),
]
NAMES = st.from_regex(rb"[a-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True)
FIELDS = st.lists(
    st.tuples(NAMES, st.binary().filter(lambda text: not set(text) & set(b"\0\r\n\v\f")))
)


@pytest.mark.parametrize(
    ("version", "fields", "status"),
    [
        (b"1.1", [HOST], None),
        (b"1.0", [], None),
        (b"0.9", [HOST], 505),
        (b"2.0", [HOST], 505),
        (b"1.1", [(b"host", b"a b")], 400),
        (b"1.1", [(b"host", b"")], 400),
        (b"1.1", [HOST, (b"transfer-encoding", b"chunked")], None),
        (b"1.0", [HOST, (b"transfer-encoding", b"chunked")], 400),
        (b"1.1", [HOST, (b"transfer-encoding", b"chunked"), (b"content-length", b"1")], 400),
        (b"1.1", [HOST, (b"content-length", b"1")], None),
    ],
)
def test_a_request_of_http1_is_refused_where_parties_could_read_it_differently(
    version: bytes, fields: Headers, status: int | None
) -> None:
    assert refuse_http1(version, iter(fields)) == status


@pytest.mark.parametrize("name", sorted(CONNECTION_FIELDS))
def test_fields_of_the_connection_are_refused_in_a_request(name: bytes) -> None:
    assert refuse_http2([*REQUEST, (name, b"x")], ended=True) == 400


@pytest.mark.parametrize("place", range(len(REQUEST)))
@pytest.mark.parametrize("value", [b"a\n", b"a\rb", b"\0", b" a", b"a\t"])
def test_pseudo_fields_are_held_to_the_rules_for_values(place: int, value: bytes) -> None:
    fields = [*REQUEST]
    fields[place] = (fields[place][0], value)
    assert refuse_http2(fields, ended=True) == 400


@pytest.mark.parametrize(
    ("length", "ended", "status"),
    [(b"5", True, 400), (b"0", True, None), (b"00", True, None), (b"5", False, None)],
)
def test_a_length_needs_a_body(length: bytes, status: int | None, *, ended: bool) -> None:
    assert refuse_http2([*REQUEST, (b"content-length", length)], ended=ended) == status


def test_a_list_that_is_as_large_as_was_announced_is_accepted() -> None:
    used = sum(len(name) + len(value) + 32 for name, value in REQUEST)
    field = (b"x", b"v" * (REQUEST_FIELDS - used - 33))
    assert refuse_http2([*REQUEST, field], ended=True) is None
    assert refuse_http2([*REQUEST, (b"xx", field[1])], ended=True) == 431


@pytest.mark.parametrize(
    ("field", "fine"),
    [
        ((b"x-a", b"1"), True),
        ((b":path", b"/"), False),
        ((b"X-A", b"1"), False),
        ((b"", b"1"), False),
        ((b"x-a", b"1\n"), False),
        ((b"x-a", b" 1"), False),
    ],
)
def test_trailers_are_ordinary_fields(field: tuple[bytes, bytes], *, fine: bool) -> None:
    assert are_trailers([(b"x-b", b""), field]) is fine


@given(FIELDS.filter(lambda fields: b"transfer-encoding" not in dict(fields)))
def test_the_fields_of_a_response_are_returned_unchanged(fields: Headers) -> None:
    assert response([(b":status", b"200"), *fields]) == (200, fields)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b"x", b"1")],
        [(b":status", b"20")],
        [(b":status", b"200"), (b":status", b"200")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"200"), (b"transfer-encoding", b"chunked")],
        [(b":status", b"200"), (b"x", b"a secret\n")],
        [(b":status", b"200"), (b"X", b"a secret")],
    ],
)
def test_a_malformed_response_is_refused_and_not_quoted(fields: Headers) -> None:
    with pytest.raises(Malformed) as raised:
        response(fields)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ([], None),
        ([(b"Content-Length", b"1")], None),
        ([(b"content-length", b"1"), (b"Content-Length", b"1")], None),
        ([(b"Transfer-Encoding", b"chunked")], None),
        ([(b"content-length", b"1"), (b"Content-Length", b"2")], "several"),
        ([(b"Content-Length", b"1"), (b"transfer-encoding", b"chunked")], "both"),
        ([(b"x", b"1\r\ny: 2")], "line break"),
        ([(b"x\n", b"1")], "line break"),
        ([(b"x", b"1\v2")], "line break"),
        ([(b"x", b"1\f2")], "line break"),
        ([(b"content-length", b"9" * 30)], "too large"),
        ([(b"content-length", b"+1")], "not a number"),
        ([(b"x", b"\0")], "NUL"),
    ],
)
def test_a_response_whose_length_two_parties_read_differently_is_ambiguous(
    fields: Headers, fault: str | None
) -> None:
    found = framing_fault(iter(fields))
    assert found is None if fault is None else fault in (found or "")


FRAMING = st.sampled_from([b"content-length", b"transfer-encoding", b"x"])


@given(st.lists(st.tuples(FRAMING, st.sampled_from([b"1", b"2", b"+1", b"chunked"])), max_size=3))
def test_the_framing_of_fields_known_to_be_sound_is_judged_as_that_of_others(
    fields: Headers,
) -> None:
    assert framing_fault(Sound(fields)) == framing_fault(fields)


@given(st.lists(st.tuples(NAMES | st.binary(max_size=3), st.binary(max_size=4)), max_size=4))
def test_the_fields_of_a_response_that_is_not_malformed_are_sound(fields: Headers) -> None:
    try:
        _, found = response([(b":status", b"200"), *fields])
    except Malformed:
        return
    assert type(found) is Sound
    assert fault_of([*found]) is None
