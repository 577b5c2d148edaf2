"""The short ways of requests and responses give what h11 gives, whatever is asked."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.listener import framing
from app.listener.server_codec import ServerCodec
from tests.listener.test_request_head import state
from tests.thorough import scaled

EXAMPLES = scaled(250, 150)

Law = Callable[..., None]

FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            b"content-type,Set-Cookie,set-cookie,x-request-id,connection,content-length,"
            b"Content-Length,transfer-encoding,host,bad name,bad: name,bad\r\nname,".split(b",")
        ),
        st.sampled_from(
            b"a|||3|03|3, 3|close|keep-alive|chunked|x, y| a|a |a\tb|\xe9|a\r\nb: c|a\nb|\0|\x0b"
            b"".split(b"|")
        ),
    ),
    max_size=4,
)
ORDINARY = st.lists(
    st.sampled_from([(b"content-type", b"a/b"), (b"set-cookie", b"a=b"), (b"x-a", b"a \tb")]),
    max_size=3,
)


WAITED_FOR = b"content-length: 3\r\n"  # a body that has not come when the response is sent


def odd_fields(*fields: tuple[bytes, bytes]) -> Callable[[Law], Law]:
    """Return an example of a response with these fields."""
    return example(b"POST", b"1.1", b"", 200, list(fields), b"abc", False)


def answer(
    connection: h11.Connection, status: int, fields: list[tuple[bytes, bytes]], body: bytes
) -> Iterator[Any]:
    """Send a response the long way; yield each part, with the state that it leads to."""
    try:
        head = framing.worded(h11.Response(status_code=status, headers=fields))
        yield connection.send(head), state(connection)
        yield connection.send(h11.Data(data=body)), state(connection)
        yield connection.send(h11.EndOfMessage()), state(connection)
    except h11.LocalProtocolError as exc:
        yield str(exc), state(connection)


def answer_shortly(
    connection: h11.Connection,
    status: int,
    fields: list[tuple[bytes, bytes]],
    body: bytes,
    taken: Counter[str],
) -> Iterator[Any]:
    """Do the same the short way, as far as that goes."""
    short = framing.head(connection, status, fields)
    taken["head"] += short is not None
    try:
        if short is None:
            long = framing.worded(h11.Response(status_code=status, headers=fields))
            short = connection.send(long)
        yield short, state(connection)
        yield connection.send(h11.Data(data=body)), state(connection)
        short = framing.end(connection)
        taken["end"] += short is not None
        if short is None:
            short = connection.send(h11.EndOfMessage())
        yield short, state(connection)
    except h11.LocalProtocolError as exc:
        yield str(exc), state(connection)


def asked(kind: type[h11.Connection], request: bytes, *, ended: bool) -> h11.Connection:
    """Return a server's connection that has read a request as far as it is here."""
    connection = kind(h11.SERVER)
    connection.receive_data(request)
    _events(connection)  # an error is still answered
    if ended:
        connection.receive_data(b"")
        _events(connection)
    return connection


def test_ordinary_responses_take_the_short_way() -> None:
    taken: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @odd_fields((b"x-a", b"a\r\nb: c"))
    @odd_fields((b"x-a", b"a\nb"))
    @odd_fields((b"x-a", b" a"))
    @odd_fields((b"content-length", b"3, 3"))
    @odd_fields((b"content-length", b"3"), (b"content-length", b"3"))
    @odd_fields((b"content-length", b"3"), (b"content-length", b"4"))
    @odd_fields((b"transfer-encoding", b"chunked"))
    @example(b"POST", b"1.1", b"", 200, [(b"content-length", b"3")], b"", False)
    @example(b"POST", b"1.1", b"", 200, [], b"abc", True)
    @example(b"POST", b"1.1", WAITED_FOR, 200, [], b"abc", False)
    @example(b"POST", b"1.1", WAITED_FOR, 204, [], b"abc", False)  # the response fails
    @example(b"POST", b"1.1", WAITED_FOR, 1000, [], b"abc", False)
    @example(b"POST", b"1.1", b"upgrade: x\r\n" + WAITED_FOR, 200, [], b"abc", False)
    @given(
        st.sampled_from([*[b"POST"] * 5, b"GET", b"HEAD", b"CONNECT"]),
        st.sampled_from([*[b"1.1"] * 6, b"1.0", b"9.9"]),
        st.sampled_from(
            b"||||connection: close\r\n|connection: keep-alive\r\n|odd\r\n|upgrade: x\r\n"
            b"|expect: 100-continue\r\ncontent-length: 3\r\n|content-length: 3\r\n".split(b"|")
        ),
        st.sampled_from([*[200] * 8, 404, 204, 304, 999, 1000, 101]),
        FIELDS | ORDINARY | ORDINARY,
        st.sampled_from([b"abc", b"", b"abcd"]),
        st.sampled_from([False, False, False, True]),
    )
    def law(
        method: bytes,
        version: bytes,
        more: bytes,
        status: int,
        fields: list[tuple[bytes, bytes]],
        body: bytes,
        ended: bool,
    ) -> None:
        request = b"%b /x HTTP/%b\r\nhost: x\r\n%b\r\n" % (method, version, more)
        ours, theirs = (asked(kind, request, ended=ended) for kind in (ServerCodec, h11.Connection))
        assert state(ours) == state(theirs)
        short = list(answer_shortly(ours, status, fields, body, taken))
        assert short == list(answer(theirs, status, fields, body))
        if not ended:  # what is left of the request
            for connection in (ours, theirs):
                connection.receive_data(b"abc")
            assert _events(ours) == _events(theirs)
            assert state(ours) == state(theirs)

    law()
    assert taken["head"] >= EXAMPLES // 40
    assert taken["end"] >= EXAMPLES // 80


@pytest.mark.parametrize(("status", "words"), [(200, b"OK"), (404, b"Not Found"), (529, b"")])
def test_a_status_has_its_usual_words(status: int, words: bytes) -> None:
    line = b"HTTP/1.1 %d %b\r\n" % (status, words)
    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    short = framing.head(asked(h11.Connection, request, ended=False), status, [])
    assert short is not None
    assert short.startswith(line)
    long = framing.worded(h11.Response(status_code=status, headers=[]))
    assert asked(h11.Connection, request, ended=False).send(long) == short


def test_pieces_of_a_body_that_wait_are_taken_together() -> None:
    request = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n"
    ours, theirs = (asked(kind, request, ended=False) for kind in (ServerCodec, h11.Connection))
    for connection in (ours, theirs):
        for piece in (b"ab", b"cd", b"ef"):
            connection.receive_data(piece)
    assert _events(ours) == _events(theirs)
    assert state(ours) == state(theirs)


def test_a_response_to_nobody_takes_no_short_way() -> None:
    connection = ServerCodec(h11.SERVER)
    assert framing.head(connection, 200, []) is None
    assert framing.end(connection) is None


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
        assert ours.client_is_waiting_for_100_continue == theirs.they_are_waiting_for_100_continue
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


def test_an_exchange_that_is_not_over_is_not_followed_by_another() -> None:
    connection = ServerCodec(h11.SERVER)
    assert not connection.over
    with pytest.raises(h11.LocalProtocolError):
        connection.start_next_cycle()
