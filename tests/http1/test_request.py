"""Requests as bytes: any server reads what was meant."""

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http1.request import Body, head_of

NAMES = st.from_regex(rb"x-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}", fullmatch=True)
VALUES = st.from_regex(
    rb"[\x21-\x7e\x80-\xff]([\t \x21-\x7e\x80-\xff]{0,20}[\x21-\x7e])?", fullmatch=True
)
TARGETS = st.from_regex(rb"/[\x21-\x7e]{0,40}", fullmatch=True)


def made(target: bytes, fields: list[tuple[bytes, bytes]], method: str = "POST") -> httpx.Request:
    request = httpx.Request(
        method,
        "http://up.example:8",
        headers=[(b"Host", b"up.example:8"), *fields],
        stream=httpx.ByteStream(b""),
        extensions={"target": target},
    )
    request.method = method
    return request


@given(TARGETS, st.lists(st.tuples(NAMES, VALUES)), st.lists(st.binary(max_size=99)), st.booleans())
def test_a_server_reads_what_was_sent(
    target: bytes, fields: list[tuple[bytes, bytes]], parts: list[bytes], announced: bool
) -> None:
    if announced:
        fields = [*fields, (b"Content-Length", b"%d" % sum(map(len, parts)))]
    head = head_of(made(target, fields), empty=False, through=None)
    body = Body(head.length)
    server = h11.Connection(h11.SERVER)
    server.receive_data(
        head.data + b"".join(bytes(body.frame(part)) for part in parts) + body.end()
    )
    request = server.next_event()
    assert isinstance(request, h11.Request)
    assert (request.method, request.target) == (b"POST", target)
    sent = [pair for pair in request.headers.raw_items() if pair[0].startswith(b"x-")]
    assert sent == [pair for pair in fields if pair[0].startswith(b"x-")]
    received = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        received += event.data
    assert (received, server.trailing_data) == (b"".join(parts), (b"", False))


@pytest.mark.parametrize(
    ("target", "fields", "method"),
    [
        (b"/a b", [], "GET"),
        (b"/a\r\nx: y", [], "GET"),
        (b"/", [(b"x", b"a\r\ny: b")], "GET"),
        (b"/", [(b"x", b"a\0")], "GET"),
        (b"/", [(b"x y", b"a")], "GET"),
        (b"/", [(b"", b"a")], "GET"),
        (b"/", [], "GET /x"),
        (b"/", [(b"content-length", b"1"), (b"content-length", b"2")], "POST"),
    ],
)
def test_what_could_be_read_as_something_else_is_not_sent(
    target: bytes, fields: list[tuple[bytes, bytes]], method: str
) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        head_of(made(target, fields, method), empty=True, through=None)


def test_what_speaks_of_one_connection_stays_behind() -> None:
    dropped = [b"Connection", b"Keep-Alive", b"TE", b"Transfer-Encoding", b"Upgrade", b"Expect"]
    head = head_of(made(b"/", [(name, b"x") for name in dropped]), empty=True, through=None)
    assert head.data == b"POST / HTTP/1.1\r\nHost: up.example:8\r\n\r\n"


def test_a_proxy_that_forwards_is_sent_the_whole_url() -> None:
    head = head_of(made(b"//a%2F?", []), empty=True, through=[(b"Proxy-Authorization", b"Basic x")])
    assert head.data.startswith(b"POST http://up.example:8//a%2F? HTTP/1.1\r\n")
    assert b"\r\nProxy-Authorization: Basic x\r\n" in head.data


def test_bytes_beyond_ascii_stay_as_they_are_in_the_target() -> None:
    assert head_of(made(b"/\xc3\xa9", []), empty=True, through=None).data.startswith(
        b"POST /\xc3\xa9 "
    )
