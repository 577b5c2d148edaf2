"""The short way of a request's head gives what h11 gives, for any head in any pieces."""

from collections import Counter
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.listener import request_head
from app.listener.h1 import _StrictBuffer
from app.listener.server_codec import ServerCodec
from app.wire.headers import Sound
from app.wire.heads import fault_of
from tests.thorough import scaled

EXAMPLES = scaled(300, 150)


def codec(kind: type[h11.Connection]) -> h11.Connection:
    """Return a server's connection with the strict buffer, as the listener has it."""
    made = kind(h11.SERVER, max_incomplete_event_size=4096)
    made._receive_buffer = _StrictBuffer(made)
    return made


def events(connection: h11.Connection, data: bytes) -> list[Any]:
    """Return all that ``data`` brings, the requests answered at once, up to the first error."""
    connection.receive_data(data)
    return _left(connection)


def begun(connection: ServerCodec, data: bytes) -> list[Any]:
    """Return the same by way of `ServerCodec.begin`, for what that takes."""
    head = connection.begin(data)
    if head is None:
        return events(connection, data)
    body = data[head.end :]
    kinds = {type(part) for field in (*head.raw, *head.fields) for part in field}
    found: list[Any] = [(head.method, head.target, b"1.1", head.raw, head.fields, kinds)]
    if body:
        found.append(h11.Data(data=body))
    if connection.their_state is h11.DONE:
        found.append(h11.EndOfMessage())
    return found + _left(connection)


def _left(connection: h11.Connection) -> list[Any]:
    found: list[Any] = []
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as exc:
            return [*found, (str(exc), exc.error_status_hint)]
        found.append(_seen(event))
        if event is h11.PAUSED and _answer(connection):
            connection.start_next_cycle()
        elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
            return found


def _answer(connection: Any) -> bool:
    """Answer a request; return whether another may follow."""
    if connection.our_state is h11.SEND_RESPONSE and connection.their_state is h11.DONE:
        connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        connection.send(h11.EndOfMessage())
    return bool(connection.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE})


def state(connection: h11.Connection) -> tuple[Any, ...]:
    """Return all that h11 remembers of an exchange, except for the lengths of bodies."""
    return (
        connection.states,
        type(connection._reader),
        type(connection._writer),
        connection._request_method,
        connection.their_http_version,
        connection.client_is_waiting_for_100_continue,
        connection._cstate.keep_alive,
        connection._cstate.pending_switch_proposals,
    )


def _seen(event: Any) -> Any:
    if not isinstance(event, h11.Request):
        return event
    raw = event.headers.raw_items()
    kinds = {type(part) for field in raw for part in field}
    return event.method, event.target, event.http_version, raw, list(event.headers), kinds


METHODS = st.sampled_from([b"POST", b"GET", b"GET", b"PUT", b"get", b"P0ST", b"CONNECT", b""])
TARGETS = st.sampled_from(
    [b"/", b"/v1/messages", b"/a?b=%20#c", b"*", b"x:443", b"https://x/", b"/\xff", b"/a b", b""]
)
VERSIONS = st.sampled_from([*[b"HTTP/1.1"] * 6, b"HTTP/1.0", b"HTTP/9.9", b"http/1.1"])
NAMES = st.sampled_from(
    b"host,Host,accept,X-Api-Key,cookie,connection,upgrade,expect,content-length,Content-Length,"
    b"transfer-encoding,a b,,x\xff, x".split(b",")
)
VALUES = st.one_of(
    st.sampled_from([b"9" * 19, b"9" * 20, b"9" * 21, b"3, 3", b"a\rb", b"a\nb"]),
    st.sampled_from(
        b"localhost|0|3|03|-1|chunked|close|keep-alive|h2c|100-continue||a b\tc|a | a|\xe9|"
        b"a:b: c|\0|\x01|\x7f".split(b"|")
    ),
    st.binary(max_size=8),
    st.text("abc :;=/\t", max_size=12).map(str.encode),
)
SEPARATORS = st.sampled_from([*[b": "] * 8, b":", b":  ", b":\t", b" : "])
ENDS = st.sampled_from([*[b"\r\n"] * 12, b"\n", b"\r", b" \r\n", b"\r\n "])
FIELD = st.tuples(NAMES, SEPARATORS, VALUES, ENDS).map(b"".join)
PLAIN = st.sampled_from(
    [b"accept: */*\r\n", b"X-Api-Key: fake\r\n", b"content-length: 3\r\n", b"connection: close\r\n"]
)
LINE = st.tuples(METHODS, st.just(b" "), TARGETS, st.just(b" "), VERSIONS, ENDS).map(b"".join)
USUAL_LINE = st.just(b"POST /v1/messages HTTP/1.1\r\n")
ORDINARY = st.tuples(
    USUAL_LINE,
    st.just(b"host: localhost\r\n"),
    st.lists(PLAIN, max_size=2, unique=True).map(b"".join),
    st.sampled_from([b"\r\n", b"content-length: 3\r\n\r\nabc"]),
).map(b"".join)
WILD = st.tuples(
    st.sampled_from([*[b""] * 6, b"\r\n", b"\n"]),
    st.one_of(USUAL_LINE, USUAL_LINE, LINE),
    st.just(b"host: localhost\r\n") | st.just(b""),
    st.one_of(st.lists(PLAIN, max_size=4), st.lists(FIELD | PLAIN, max_size=4)).map(b"".join),
    st.just(b"\r\n"),
    st.sampled_from([b"", b"abc", b"abcdef"]),
).map(b"".join)
PIECES = st.lists(ORDINARY | WILD, min_size=1, max_size=3).map(b"".join)


def test_heads_are_read_alike_in_whatever_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: Counter[bool] = Counter()
    at_once: Counter[bool] = Counter()
    short = request_head.read

    def counted(buffer: Any) -> tuple[h11.Request, int] | None:
        found = short(buffer)
        taken[found is not None] += 1
        return found

    monkeypatch.setattr(request_head, "read", counted)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        PIECES,
        st.lists(st.integers(1, 60) | st.just(10**6) | st.just(10**6), min_size=1, max_size=4),
    )
    def law(data: bytes, cuts: list[int]) -> None:
        fast, fastest, slow = codec(ServerCodec), codec(ServerCodec), codec(h11.Connection)
        assert isinstance(fastest, ServerCodec)
        turn = 0
        while data:
            size = cuts[turn % len(cuts)]
            piece, data, turn = data[:size], data[size:], turn + 1
            found = events(fast, piece)
            waited = fastest.their_state is h11.IDLE
            assert found == events(slow, piece) == begun(fastest, piece)
            at_once[waited and fastest.their_state is not h11.IDLE] += 1
            assert state(fast) == state(slow) == state(fastest)
            assert fast.trailing_data == slow.trailing_data == fastest.trailing_data
            if found and isinstance(found[-1], tuple) and isinstance(found[-1][0], str):
                break  # a connection is not used after its error

    law()
    assert taken[True] >= EXAMPLES // 4
    assert taken[False] > 0
    assert at_once[True] >= EXAMPLES // 8


HOST = b"host: localhost\r\n"
# A head, and whether it takes the short way.
HEADS: dict[str, tuple[bytes, bool]] = {
    "ordinary": (b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"content-length: 3\r\n\r\n", True),
    "not whole": (b"POST /v1/messages HTTP/1.1\r\n" + HOST, False),
    "no host": (b"GET / HTTP/1.1\r\naccept: */*\r\n\r\n", False),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n", False),
    "two lengths": (b"GET / HTTP/1.1\r\n" + HOST + b"content-length: 3\r\n" * 2 + b"\r\n", False),
    "a long length": (
        b"GET / HTTP/1.1\r\n" + HOST + b"content-length: " + b"9" * 20 + b"\r\n\r\n",
        False,
    ),
    "a length that is a list": (
        b"GET / HTTP/1.1\r\n" + HOST + b"content-length: 3, 3\r\n\r\n",
        False,
    ),
    "a chunked body": (
        b"GET / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n",
        False,
    ),
    "a blank behind a value": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b \r\n\r\n", False),
    "no value": (b"GET / HTTP/1.1\r\n" + HOST + b"a: \r\n\r\n", False),
    "a value that is not ASCII": (b"GET / HTTP/1.1\r\n" + HOST + b"a: \xe9\r\n\r\n", False),
    "a folded line": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n c\r\n\r\n", False),
    "a bare line feed": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\n\r\n", False),
    "an expectation": (b"GET / HTTP/1.1\r\n" + HOST + b"expect: 100-continue\r\n\r\n", False),
    "a connection that is kept": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Keep-Alive\r\n\r\n",
        True,
    ),
    "a connection that ends": (b"GET / HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n", False),
    "a field twice": (b"GET / HTTP/1.1\r\n" + HOST + b"a: 1\r\na: 2\r\n\r\n", True),
    "an upgrade": (b"GET / HTTP/1.1\r\n" + HOST + b"upgrade: h2c\r\n\r\n", False),
    "a tunnel": (b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n", False),
    "another version": (b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", False),
    "another form of target": (b"GET http://x/ HTTP/1.1\r\n" + HOST + b"\r\n", False),
}


@pytest.mark.parametrize("head", HEADS)
def test_only_an_ordinary_head_takes_the_short_way(head: str) -> None:
    data, short = HEADS[head]
    connection = codec(ServerCodec)
    connection.receive_data(data)
    assert (request_head.read(connection._receive_buffer) is not None) is short
    assert (connection.trailing_data[0] == b"") is short


def test_a_head_in_pieces_is_not_matched_with_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    matched: list[int] = []
    parse = request_head.parse

    def counted(data: bytes) -> request_head.Head | None:
        matched.append(len(data))
        return parse(data)

    monkeypatch.setattr(request_head, "parse", counted)
    connection = codec(ServerCodec)
    first, rest = b"GET / HTTP/1.1\r\n" + HOST, b"accept: */*\r\n\r\n"
    found = events(connection, first)
    for byte in rest:
        found += events(connection, bytes([byte]))
    assert [event[1] for event in found if isinstance(event, tuple)] == [b"/"]
    assert matched == [len(first), len(first + rest)]


def test_few_names_are_remembered_and_no_long_one() -> None:
    lowered = request_head._Lowered()
    names = [b"X-%d" % number for number in range(request_head.NAMES + 9)]
    long = b"X" * (request_head.LONGEST_NAME + 1)
    for name in (long, *names):
        assert lowered[name] == name.lower()
    assert set(lowered) == set(names[: request_head.NAMES])


@given(PIECES)
def test_the_fields_of_an_ordinary_head_are_sound(data: bytes) -> None:
    head = request_head.parse(data)
    if head is not None:
        assert type(head.fields) is Sound
        assert fault_of([*head.fields]) is None
