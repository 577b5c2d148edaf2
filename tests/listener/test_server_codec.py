"""The head of a response is what h11 makes of it, whatever the request."""

from contextlib import suppress
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.listener.server_codec import ServerCodec

FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            b"content-type,Set-Cookie,set-cookie,X-Request-Id,connection,content-length,"
            b"Content-Length,transfer-encoding,bad name".split(b",")
        ),
        st.sampled_from([b"a", b"", b"3", b"close", b"keep-alive", b"chunked", b"x, y", b" a"]),
    ),
    max_size=5,
)


def _head(
    kind: type[h11.Connection], request: bytes, status: int, fields: list[tuple[bytes, bytes]]
) -> Any:
    connection = kind(h11.SERVER)
    connection.receive_data(request)
    with suppress(h11.RemoteProtocolError):  # it is still answered
        connection.next_event()
    try:
        made = connection.send(h11.Response(status_code=status, headers=fields, reason=b"Fine"))
    except h11.LocalProtocolError as exc:
        made = str(exc).encode()
    return made, connection.states, type(connection._writer)


@example(b"GET", b"1.1", b"", 200, [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")])
@given(
    st.sampled_from([b"GET", b"HEAD", b"POST", b"CONNECT"]),
    st.sampled_from([b"1.1", b"1.1", b"1.0", b"9.9"]),
    st.sampled_from([b"", b"connection: close\r\n", b"connection: keep-alive\r\n", b"odd\r\n"]),
    st.sampled_from([200, 200, 204, 304, 404, 999]),
    FIELDS,
)
def test_the_head_of_a_response_is_framed_alike(
    method: bytes, version: bytes, more: bytes, status: int, fields: list[tuple[bytes, bytes]]
) -> None:
    request = b"%b x HTTP/%b\r\nhost: x\r\n%b\r\n" % (method, version, more)
    ours, theirs = (_head(kind, request, status, fields) for kind in (ServerCodec, h11.Connection))
    assert ours == theirs


def test_the_fields_of_a_stream_are_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    validated: list[Any] = []
    stock = h11._headers.normalize_and_validate

    def counted(headers: Any, **options: Any) -> Any:
        validated.append(headers)
        return stock(headers, **options)

    for module in (h11._headers, h11._events):
        monkeypatch.setattr(module, "normalize_and_validate", counted)
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    head, *_ = _head(ServerCodec, request, 200, [(b"content-type", b"text/event-stream")])
    assert head.endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert len(validated) == 1


def _events(connection: h11.Connection) -> list[Any]:
    """Return the events that have come, the pieces of a body as one."""
    found: list[Any] = []
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as exc:
            return [*found, str(exc)]
        if isinstance(event, h11.Data) and found and isinstance(found[-1], bytes):
            found[-1] += bytes(event.data)
        elif isinstance(event, h11.Data):
            found.append(bytes(event.data))
        else:
            found.append(event)
        if event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
            return found


@example(b"content-length: 9", b"123456789", [1, 60, 3, 3], 0, False)
@example(b"content-length: 9", b"123456789", [40, 8, 1, 1, 1], 1, False)
@given(
    st.sampled_from(
        [
            b"content-length: 9",
            b"content-length: 9\r\nexpect: 100-continue",
            b"content-length: 0",
            b"transfer-encoding: chunked",
            b"x: y",
        ]
    ),
    st.sampled_from([b"123456789", b"3\r\nabc\r\n0\r\n\r\n", b"", b"12345"]),
    st.lists(st.integers(1, 80), max_size=8),
    st.integers(0, 3),
    st.booleans(),
)
def test_a_request_is_read_alike_however_its_body_comes(
    framing: bytes, body: bytes, cuts: list[int], unread: int, ended: bool
) -> None:
    sent = b"POST /x HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n%b" % (framing, body)
    sent += b"GET /y HTTP/1.1\r\nhost: x\r\n\r\n" if len(body) == 9 else b""
    ours, theirs = ServerCodec(h11.SERVER), h11.Connection(h11.SERVER)
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(sent[start : start + cut])
        start += cut
    pieces = [piece for piece in (*pieces, sent[start:]) if piece] + [b""] * ended
    for number, piece in enumerate(pieces):
        ours.receive_data(piece)
        theirs.receive_data(piece)
        if number % 4 >= unread:  # else more comes before it is read
            assert _events(ours) == _events(theirs)
        assert ours.states == theirs.states
        assert ours.they_are_waiting_for_100_continue == theirs.they_are_waiting_for_100_continue
    assert _events(ours) == _events(theirs)
    assert ours.trailing_data == theirs.trailing_data


def test_a_piece_of_a_body_is_not_copied() -> None:
    connection, piece = ServerCodec(h11.SERVER), b"x" * 99
    connection.receive_data(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n")
    connection.next_event()
    connection.receive_data(piece)
    event = connection.next_event()
    assert isinstance(event, h11.Data)
    assert event.data is piece
