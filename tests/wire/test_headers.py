"""Behaviour A3: which fields pass, in which order, and what is added: nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.wire.headers import (
    HOP_BY_HOP,
    LABELS_HEADER,
    NOT_FORWARDED,
    TOKEN_HEADER,
    Headers,
    Sound,
    first,
    for_client,
    for_upstream,
    text,
    well_formed,
    with_length,
    without,
)

HOST = (b"host", b"api.anthropic.com")
NAMES = st.sampled_from(
    [
        b"anthropic-beta",
        b"anthropic-version",
        b"authorization",
        b"connection",
        b"content-length",
        b"cookie",
        b"host",
        b"te",
        b"transfer-encoding",
        b"x-api-key",
        b"x-hop",
        TOKEN_HEADER,
    ]
)
VALUES = st.sampled_from([b"", b"1", b"a, b", b"caf\xe9", b"x-hop", b"close, X-Hop , te"])
LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


def _named(headers: Headers) -> set[bytes]:
    values = [value for name, value in headers if name == b"connection"]
    return {token.strip().lower() for value in values for token in value.split(b",")}


@given(LISTS)
def test_end_to_end_fields_go_upstream_in_order_and_repeated(headers: Headers) -> None:
    dropped = NOT_FORWARDED | _named(headers) | {b"cookie"}
    passed = [pair for pair in for_upstream(headers, host=HOST[1]) if pair[0] != b"cookie"]
    assert passed == [HOST, *(pair for pair in headers if pair[0] not in dropped)]


@given(LISTS)
def test_end_to_end_fields_go_to_the_client_in_order_and_repeated(headers: Headers) -> None:
    dropped = HOP_BY_HOP | _named(headers)
    assert for_client(headers, status=200) == [pair for pair in headers if pair[0] not in dropped]


@given(LISTS)
def test_what_has_passed_once_passes_again_unchanged(headers: Headers) -> None:
    upstream = for_upstream(headers, host=HOST[1])
    assert for_upstream(upstream, host=HOST[1]) == upstream
    client = for_client(headers, status=200)
    assert for_client(client, status=200) == client


@given(LISTS, st.sampled_from([200, 204]))
def test_fields_known_to_be_sound_pass_as_others_do_and_stay_so(
    headers: Headers, status: int
) -> None:
    upstream = for_upstream(Sound(headers), host=HOST[1])
    client = for_client(Sound(headers), status=status)
    assert upstream == for_upstream(headers, host=HOST[1])
    assert client == for_client(headers, status=status)
    assert type(upstream) is type(client) is Sound


@given(LISTS)
def test_cookie_crumbs_arrive_as_one_field_with_every_crumb(headers: Headers) -> None:
    crumbs = [value for name, value in headers if name == b"cookie"]
    joined = [b"; ".join(crumbs)] if crumbs else []
    passed = for_upstream(headers, host=HOST[1])
    assert [value for name, value in passed if name == b"cookie"] == joined


def test_a_cookie_of_the_connection_is_not_forwarded() -> None:
    headers = [(b"connection", b"cookie"), (b"cookie", b"a=b")]
    assert for_upstream(headers, host=HOST[1]) == [HOST]


def test_cookie_crumbs_are_joined_where_the_first_stood() -> None:
    headers = [(b"a", b"1"), (b"cookie", b"x=1"), (b"b", b"2"), (b"cookie", b"y=2"), (b"c", b"3")]
    assert for_upstream(headers, host=HOST[1]) == [
        HOST,
        (b"a", b"1"),
        (b"cookie", b"x=1; y=2"),
        (b"b", b"2"),
        (b"c", b"3"),
    ]


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_hop_by_hop_fields_pass_neither_way(name: bytes) -> None:
    assert for_upstream([(name, b"x")], host=HOST[1]) == [HOST]
    assert for_client([(name.title(), b"x")], status=200) == []


@pytest.mark.parametrize("name", [b"host", b"expect", TOKEN_HEADER, LABELS_HEADER])
def test_what_is_meant_for_this_proxy_does_not_reach_upstream(name: bytes) -> None:
    assert for_upstream([(name, b"evil.example")], host=HOST[1]) == [HOST]


def test_a_connection_field_cannot_take_the_length_of_a_body_away() -> None:
    length = (b"content-length", b"5")
    assert for_upstream([(b"connection", b"Content-Length"), length], host=HOST[1]) == [
        HOST,
        length,
    ]


@pytest.mark.parametrize("status", [200, 204, 205, 304])
def test_only_204_loses_its_length(status: int) -> None:
    headers = [(b"Content-Length", b"67"), (b"etag", b'"a"')]
    passed = for_client(headers, status=status)
    assert passed == [(b"content-length", b"67"), (b"etag", b'"a"')][status == 204 :]


def test_names_of_an_answer_become_lower_case_and_values_stay() -> None:
    assert for_client([(b"Set-Cookie", b"A=1"), (b"X-ODD", b"B\xe9")], status=200) == [
        (b"set-cookie", b"A=1"),
        (b"x-odd", b"B\xe9"),
    ]


@given(LISTS, st.one_of(st.none(), st.integers(0, 2**40)))
@example([(b"a", b"1")], 3)
@example([(b"a", b"1"), (b"content-length", b"2")], 3)
def test_the_length_is_set_in_place_or_taken_out(headers: Headers, length: int | None) -> None:
    changed = with_length(headers, length)
    others = {b"content-length"}
    assert without(changed, others) == without(headers, others)
    expected = None if length is None else b"%d" % length
    assert first(changed, b"content-length") == expected
    if length is not None and first(headers, b"content-length") is not None:
        assert [name for name, _ in changed] == [name for name, _ in headers]


def test_the_first_of_repeated_fields_is_found() -> None:
    headers = [(b"a", b"caf\xe9"), (b"a", b"2")]
    assert (first(headers, b"a"), first(headers, b"b")) == (b"caf\xe9", None)
    assert (text(headers, b"a"), text(headers, b"b")) == ("café", None)


@pytest.mark.parametrize(
    ("pair", "fine"),
    [
        ((b"x", b"caf\xe9\t 1"), True),
        ((b"x", b"1\r\ny: 2"), False),
        ((b"x", b"1\n"), False),
        ((b"x", b"\x00"), False),
        ((b"x\r", b"1"), False),
    ],
)
def test_a_value_that_could_end_its_line_is_not_well_formed(
    pair: tuple[bytes, bytes], *, fine: bool
) -> None:
    assert well_formed([(b"a", b"1"), pair]) is fine
