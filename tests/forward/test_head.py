"""The head of a CONNECT request, and its credentials."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import errors
from app.forward.head import LIMIT, check_begun, end_of, parse, presents
from app.forward.target import Target

API = b"api.anthropic.com:443"


def head(line: bytes = b"CONNECT " + API + b" HTTP/1.1", *fields: bytes) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize(
    ("authority", "target"),
    [
        (API, Target("api.anthropic.com", 443)),
        (b"API.Anthropic.COM.:443", Target("api.anthropic.com", 443)),
        (b"[2001:DB8::1]:8443", Target("2001:db8::1", 8443)),
        (b"192.0.2.1:1", Target("192.0.2.1", 1)),
        (b"_x-1.example:65535", Target("_x-1.example", 65535)),
    ],
)
def test_a_connect_request_names_its_target(
    version: bytes, authority: bytes, target: Target
) -> None:
    request = head(b"CONNECT %b HTTP/%b" % (authority, version), b"Host: other.example")
    assert parse(request) == (target, None)


@pytest.mark.parametrize(
    "authority",
    [
        b"api.anthropic.com",
        b"api.anthropic.com:",
        b"api.anthropic.com:0",
        b"api.anthropic.com:65536",
        b"api.anthropic.com:+443",
        b"api.anthropic.com:443/",
        b"api.anthropic.com%2e:443",
        b"api..anthropic.com:443",
        b"user@api.anthropic.com:443",
        b"api.anthropic.com\xe3\x80\x82:443",
        b"2001:db8::1:443",
        b"[2001:db8::1%25lo]:443",
        b"[::1.2.3]:443",
        b"[api.anthropic.com]:443",
        b":443",
        b"/v1/messages:443",
        b"a" * 254 + b":443",
        b"a" * 64 + b".example:443",
        b"127.1:443",
        b"127.0.0.01:443",
        b"2130706433:443",
        b"0x7f.1:443",
        b"127.0.0.0X1:443",
        b"example.1:443",
    ],
)
def test_an_odd_target_is_refused(authority: bytes) -> None:
    with pytest.raises(errors.BadRequest):
        parse(head(b"CONNECT " + authority + b" HTTP/1.1"))


@pytest.mark.parametrize(
    ("request_head", "failure"),
    [
        (head(b"GET http://example.com/ HTTP/1.1", b"Host: example.com"), errors.ConnectOnly),
        (head(b"GET https://api.anthropic.com/v1/models HTTP/1.1"), errors.ConnectOnly),
        (head(b"OPTIONS * HTTP/1.1"), errors.ConnectOnly),
        (head(b"PRI * HTTP/2.0"), errors.ConnectOnly),
        (head(b"POST /v1/messages HTTP/1.1"), errors.Misdirected),
        (head(b"CONNECT " + API + b" HTTP/2.0"), errors.VersionUnsupported),
        (head(b"CONNECT " + API), errors.BadRequest),
        (head(b"CONNECT  " + API + b" HTTP/1.1"), errors.BadRequest),
        (head(b"C()NNECT " + API + b" HTTP/1.1"), errors.BadRequest),
        (b"CONNECT " + API + b" HTTP/1.1\nHost: x\r\n\r\n", errors.BadRequest),
        (b"CONNECT " + API + b" HTTP/1.1\n\n", errors.BadRequest),
        *(
            (head(b"CONNECT " + API + b" HTTP/1.1", *fields), errors.BadRequest)
            for fields in (
                (b" folded: 1",),
                (b"no colon",),
                (b"blank : 1",),
                (b"nul: \x00",),
                (b"Content-Length: 5",),
                (b"Transfer-Encoding: chunked",),
                (b"Host: a", b"Host: b"),
                (b"Proxy-Authorization: Basic a", b"Proxy-Authorization: Basic b"),
            )
        ),
    ],
)
def test_every_other_head_is_refused_with_its_reason(
    request_head: bytes, failure: type[errors.ProxyFailure]
) -> None:
    assert end_of(request_head) == len(request_head)
    with pytest.raises(failure) as caught:
        parse(request_head)
    assert type(caught.value) is failure


def test_what_no_head_can_begin_with_is_refused_at_once() -> None:
    for begun in (b"\x16\x03\x01", b"\x05\x01\x00", b"\0"):
        with pytest.raises(errors.BadRequest, match="http://"):
            check_begun(begun)
    for begun in (b"", b"C", b"\r\nCONNECT"):
        check_begun(begun)
    with pytest.raises(errors.HeadTooLarge):
        check_begun(b"C" * (LIMIT + 1))


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_head_ends_at_the_same_place_in_whatever_pieces_it_comes(rest: bytes, cut: int) -> None:
    whole = head(b"CONNECT " + API + b" HTTP/1.1", b"Host: x") + rest
    seen = end_of(whole[:cut])
    assert (seen if seen is not None else end_of(whole, start=cut)) == whole.index(b"\r\n\r\n") + 4


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_a_refusal(data: bytes) -> None:
    for request_head in (data + b"\r\n\r\n", b"CONNECT " + data + b" HTTP/1.1\r\n\r\n"):
        try:
            target, _ = parse(request_head)
        except errors.ClientFailure:
            continue
        assert target.port in range(1, 2**16)


def basic(user_and_password: str) -> bytes:
    return b"Basic " + base64.b64encode(user_and_password.encode())


@pytest.mark.parametrize(
    ("credentials", "right"),
    [
        (basic("anybody:fake-tokén"), True),
        (basic(":fake-tokén"), True),
        (b"bearer " + "fake-tokén".encode(), True),
        (basic("fake-tokén:"), False),
        (basic("a:fake-tokén:"), False),
        (basic("a:fake-token"), False),
        (b"Basic fake-token", False),
        ("fake-tokén".encode(), False),
        (b"Digest " + "fake-tokén".encode(), False),
        (b"Basic", False),
        (b"", False),
        (None, False),
    ],
)
def test_the_token_is_the_password_or_a_bearer_token(
    credentials: bytes | None, right: bool
) -> None:
    assert presents(credentials, "fake-tokén") is right
