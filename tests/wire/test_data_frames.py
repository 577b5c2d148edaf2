"""The short way for DATA and WINDOW_UPDATE is python-h2's own, whatever comes in whatever pieces.

Two connections take the same bytes and the same local actions, one with the short way and one
without. After each segment all that can be seen of them is equal: events, errors, states, windows,
content lengths and bytes sent. The fast frames are counted, or equality would prove little.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from h2.stream import H2Stream
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.wire.codec import Codec
from app.wire.data_frames import DataFrames
from app.wire.frame_reader import FrameReader
from app.wire.limits import PREFACE
from app.wire.roles import Role
from tests.cases import every_case
from tests.thorough import scaled
from tests.wire.conformance import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    RESET,
    RST,
    SETTINGS,
    encoded,
    frame,
    increment,
    setting,
)
from tests.wire.conformance import (
    WINDOW as WINDOW_UPDATE,
)

EXAMPLES = scaled(90, 30)
FAST_FLOOR = 4 * EXAMPLES  # frames that took the short way in that many examples
WINDOW = 300  # bytes of each stream, small so that it is met
REQUEST = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]
RESPONSE = [(b":status", b"200")]
STREAMS = (1, 3)


class Fast(DataFrames):
    """Counts, by whether a frame took the short way: DATA by that alone, others by name too."""

    counted: Counter[Any]

    def _take_data(self, stream_id: int, data: bytes, flags: int) -> tuple[Event, ...]:
        events = super()._take_data(stream_id, data, flags)
        self.counted[bool(events)] += 1
        return events

    def _widened(self, stream_id: int, increment: int) -> bool:
        widened = super()._widened(stream_id, increment)
        self.counted["widened", widened] += 1
        return widened

    def _sender(self, stream_id: int, length: int) -> H2Stream | None:
        stream = super()._sender(stream_id, length)
        self.counted["sent", stream is not None] += 1
        return stream


class FastCodec(Fast, Codec):
    """The codec, counting."""


class SlowReader(FrameReader):
    """The reader without its short way for HEADERS."""

    def _whole_headers(self) -> None:
        """Leave every frame to hyperframe."""


class SlowCodec(Codec):
    """The codec without the short ways."""

    def __init__(self, role: Role) -> None:
        super().__init__(role)
        self.incoming_buffer = SlowReader(server=not role.client_side)

    def send_headers(self, *args: Any, **kwargs: Any) -> None:
        H2Connection.send_headers(self, *args, **kwargs)

    def _open_streams(self, remainder: int) -> int:
        return H2Connection._open_streams(self, remainder)

    def receive_data(self, data: Any) -> list[Any]:
        return H2Connection.receive_data(self, data)

    def send_data(self, *args: Any, **kwargs: Any) -> None:
        H2Connection.send_data(self, *args, **kwargs)


@dataclass
class Pair:
    """Two connections that are to be alike, and what the fast one counted."""

    client: bool
    fast: H2Connection
    slow: H2Connection
    counted: Counter[Any]

    def opening(self) -> bytes:
        return frame(SETTINGS) if self.client else PREFACE + frame(SETTINGS)

    def head(self, stream: int, *fields: tuple[bytes, bytes], end: bool = False) -> bytes:
        flags = END_HEADERS | (END_STREAM if end else 0)
        first = RESPONSE if self.client else REQUEST
        return frame(HEADERS, flags, stream, encoded(*first, *fields))

    def both(self, act: Callable[[H2Connection], Any]) -> bool:
        """Do the same to both; return whether it worked, the same way."""
        fast, slow = _outcome(act, self.fast), _outcome(act, self.slow)
        assert fast == slow
        assert _seen(self.fast) == _seen(self.slow)
        return not fast.startswith("!")

    def receive(self, data: bytes) -> bool:
        return self.both(lambda connection: connection.receive_data(data))


def _outcome(act: Callable[[H2Connection], Any], connection: H2Connection) -> str:
    try:
        got = act(connection)
    except KeyError as exc:  # python-h2's answer to an action on a stream that is gone
        return f"!{exc!r}"
    except ProtocolError as exc:
        return f"!{exc!r} {exc.error_code}"
    return repr([(type(event), vars(event)) for event in got or ()])


def _seen(connection: H2Connection) -> list[Any]:
    window = vars(connection._inbound_flow_control_window_manager)
    streams = [
        (
            key,
            stream.state_machine.state,
            stream.closed_by,
            vars(stream._inbound_window_manager),
            stream.outbound_flow_control_window,
            stream._expected_content_length,
            stream._actual_content_length,
            stream._authority,
            stream.request_method,
        )
        for key, stream in sorted(connection.streams.items())
    ]
    sent = connection.data_to_send()
    outbound = connection.outbound_flow_control_window
    closed = dict(connection._closed_streams)
    return [connection.state_machine.state, dict(window), outbound, streams, closed, sent]


def _plain(kind: type[H2Connection], *, client: bool, window: int) -> H2Connection:
    made = kind(
        H2Configuration(
            client_side=client,
            header_encoding=None,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
        )
    )
    made.local_settings = Settings(
        client=client, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window}
    )
    return made


def pair(*, client: bool, corrected: bool, window: int = WINDOW) -> Pair:
    """Return connections that are open, of python-h2 or of our codec."""
    if corrected:
        role = Role(client, {SettingCodes.INITIAL_WINDOW_SIZE: window}, 65_535, 2**16)
        fast, slow = FastCodec(role), SlowCodec(role)
        fast._window = slow._window = 65_536  # an increment of 1
        counting: Any = fast
    else:
        fast = counting = _plain(Fast, client=client, window=window)  # type: ignore[assignment]
        slow = _plain(H2Connection, client=client, window=window)  # type: ignore[assignment]
    counting.counted = Counter()
    made = Pair(client, fast, slow, counting.counted)
    made.both(lambda connection: connection.initiate_connection())
    for stream in STREAMS if client else ():
        made.both(lambda connection, at=stream: connection.send_headers(at, REQUEST))  # type: ignore[misc]
    made.receive(made.opening())
    for connection in (made.fast, made.slow):
        connection.clear_outbound_data_buffer()
    return made


SIDES = pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
KINDS = pytest.mark.parametrize("corrected", [True, False], ids=["codec", "python-h2"])

# What is done, as (name, arguments). Most frames are lawful DATA, which the short way is for.
STREAM = st.sampled_from([1, 1, 1, 3, 3, 5, 0])
LAWFUL = st.tuples(st.just("data"), st.sampled_from(STREAMS), st.integers(0, 40), st.just(0))
WILD = st.tuples(
    st.just("data"),
    STREAM | st.just(2**31 + 1),
    st.sampled_from([0, 1, 99, WINDOW, WINDOW + 1, 16_384, 16_385]),
    st.sampled_from([0, 0, 0, END_STREAM, PADDED, 0x2, 0x80]),
)
HEAD = st.tuples(st.just("head"), STREAM, st.sampled_from([None, 0, 30, 60, 10_000]), st.booleans())
REMOTE = st.one_of(
    st.tuples(st.just("raw"), st.sampled_from(range(12)), STREAM, st.binary(max_size=9)),
    st.tuples(st.just("raw"), st.just(CONTINUATION), STREAM, st.just(b"")),
    st.tuples(st.just("half"), STREAM),
    st.tuples(st.just("reset"), STREAM),
    st.tuples(st.just("setting"), st.sampled_from([1, 3, 4, 5]), st.integers(0, 2**17)),
    st.tuples(
        st.just("window"),
        STREAM,
        st.integers(0, 2**16) | st.sampled_from([0, 2**31 - 1, 2**31 - 65_536, 2**31, 2**32 - 1]),
    ),
    st.tuples(st.just("ping")),
    st.tuples(st.just("goaway")),
    st.tuples(st.just("ack")),
)
SENT = st.integers(0, 40) | st.sampled_from([16_384, 16_385, 65_535, 65_536])
LOCAL = st.one_of(
    st.tuples(st.just("take"), st.sampled_from(STREAMS), st.integers(1, WINDOW)),
    st.tuples(st.just("widen"), st.sampled_from([0, *STREAMS]), st.integers(1, WINDOW)),
    st.tuples(st.just("end"), st.sampled_from(STREAMS)),
    st.tuples(st.just("drop"), st.sampled_from(STREAMS)),
    st.tuples(st.just("open"), st.sampled_from(STREAMS)),
    st.tuples(
        st.sampled_from(["send", "frame"]), st.sampled_from([*STREAMS, 5]), SENT, st.booleans()
    ),
)
WIDENED = st.tuples(st.just("window"), st.sampled_from([0, *STREAMS]), st.integers(1, 2**16))
SENDING = st.tuples(
    st.sampled_from(["send", "frame"]),
    st.sampled_from(STREAMS),
    st.integers(0, 3000) | st.just(20_000),
    st.just(False),
)
RUNS = st.lists(LAWFUL, min_size=4, max_size=12)
BOTH_WAYS = st.lists(LAWFUL | WIDENED | SENDING, min_size=4, max_size=12)
STEPS = st.lists(
    st.one_of(
        RUNS, RUNS, RUNS, BOTH_WAYS, *(st.tuples(one) for one in (WILD, HEAD, REMOTE, LOCAL))
    ),
    max_size=12,
)
ODD = [("data", 5, 1, 0)]  # of no stream, so never the short way
CUTS = st.lists(st.integers(1, 40) | st.just(10**6), min_size=1, max_size=6)


def _bytes(pair: Pair, step: tuple[Any, ...]) -> bytes:  # noqa: PLR0911 - a table
    match step:
        case ("data", stream, size, flags):
            return frame(DATA, flags, stream, b"\1" * size)
        case ("head", stream, length, end):
            fields = [] if length is None else [(b"content-length", b"%d" % length)]
            return pair.head(stream, *fields, end=end)
        case ("raw", kind, stream, body):
            return frame(kind, 0, stream, body)
        case ("half", stream):
            return frame(HEADERS, 0, stream, encoded(*RESPONSE))
        case ("reset", stream):
            return frame(RST, 0, stream, RESET)
        case ("setting", code, value):
            return setting(code, value)
        case ("window", stream, size):
            return increment(size, stream)
        case ("ping",):
            return frame(PING, body=b"12345678")
        case ("goaway",):
            return frame(GOAWAY, body=struct.pack(">LL", 1, 0))
    return frame(SETTINGS, 1)


def _act(connection: H2Connection, step: tuple[Any, ...]) -> None:
    match step:
        case ("take", stream, size):
            connection.acknowledge_received_data(size, stream)
        case ("widen", stream, size):
            connection.increment_flow_control_window(size, stream or None)
        case ("end", stream):
            connection.end_stream(stream)
        case ("drop", stream):
            connection.reset_stream(stream)
        case ("open", stream):
            connection.send_headers(stream, RESPONSE)
        case ("send", stream, size, end):
            connection.send_data(stream, memoryview(b"y" * size), end_stream=end)
        case ("frame", stream, size, end):
            _frame(connection, stream, memoryview(b"z" * size), end=end)


def _frame(connection: H2Connection, stream: int, data: memoryview, *, end: bool) -> None:
    """Send data in several frames; the bytes return to the buffer, to be compared."""
    step = connection.max_outbound_frame_size
    if isinstance(connection, Fast):
        connection._data_to_send += connection.frame(stream, data, end_stream=end)
        return
    for start in range(0, len(data), step):
        last = end and start + step >= len(data)
        connection.send_data(stream, data[start : start + step], end_stream=last)


def _segments(pair: Pair, steps: list[tuple[Any, ...]], cuts: list[int]) -> Iterator[Any]:
    """Yield segments and local actions; segments between two actions are cut anywhere."""
    waiting, turn = b"", 0
    for step in [*steps, ("none",)]:
        if step[0] not in ("take", "widen", "end", "drop", "open", "send", "frame", "none"):
            waiting += _bytes(pair, step)
            continue
        while waiting:
            size = cuts[turn % len(cuts)]
            turn += 1
            yield waiting[:size]
            waiting = waiting[size:]
        yield step


@SIDES
@KINDS
def test_whatever_comes_in_whatever_pieces_both_ways_are_alike(
    *, client: bool, corrected: bool
) -> None:
    total: Counter[Any] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(RUNS, st.lists(WIDENED | SENDING, min_size=4, max_size=8), STEPS, CUTS, st.booleans())
    @example(first=[], second=[], steps=[ODD], cuts=[10**6], narrow=False)
    def law(first: Any, second: Any, steps: list[Any], cuts: list[int], narrow: bool) -> None:
        both = pair(client=client, corrected=corrected, window=WINDOW if narrow else 200_000)
        flat: list[tuple[Any, ...]] = [("head", stream, None, False) for stream in STREAMS]
        flat += [] if client else [("open", stream) for stream in STREAMS]
        flat += [one for run in [first, second, *steps] for one in run]
        for step in _segments(both, flat, cuts):
            if isinstance(step, bytes):
                if not both.receive(step):
                    break  # a connection is not used after its error
            elif step[0] != "none":
                both.both(lambda connection, step=step: _act(connection, step))  # type: ignore[misc]
        total.update(both.counted)

    law()
    assert total[True] >= FAST_FLOOR
    assert total[False] > 0
    for kind in ("widened", "sent"):
        assert total[kind, True] >= EXAMPLES // 3


def body(size: int, flags: int = 0, stream: int = 1) -> bytes:
    return frame(DATA, flags, stream, b"x" * size)


Case = tuple[bool, int, Callable[[Pair], bytes], int]
# Whether the head of stream 1 comes first, its window, what comes then, and how many fast frames.
EDGES: dict[str, Case] = {
    "ordinary": (True, 300, lambda _: body(10) + body(0), 2),
    "no head": (False, 300, lambda _: body(10), 0),
    "no stream": (True, 300, lambda _: body(10, stream=7), 0),
    "the last byte of the stream's window": (True, 300, lambda _: body(300), 1),
    "beyond the stream's window": (True, 300, lambda _: body(301), 0),
    "beyond it by the second": (True, 300, lambda _: body(200) + body(101), 1),
    "the last byte of the connection's window": (
        True,
        200_000,
        lambda _: body(16_384) * 3 + body(16_383),
        4,
    ),
    "beyond the connection's window": (
        True,
        200_000,
        lambda _: body(16_384) * 3 + body(16_383) + body(2),
        4,
    ),
    "a flag that is not defined": (True, 300, lambda _: body(10, 0x2), 0),
    "the end": (True, 300, lambda _: body(10) + body(1, END_STREAM) + body(1), 2),
    "the end, with nothing": (True, 300, lambda _: body(10) + body(0, END_STREAM), 2),
    "the end, beyond the stream's window": (True, 300, lambda _: body(301, END_STREAM), 0),
    "an end that is padded": (True, 300, lambda _: body(10, END_STREAM | PADDED), 0),
    "padding": (True, 300, lambda _: frame(DATA, PADDED, 1, b"\2abc\0\0") + body(1), 1),
    "too large": (True, 200_000, lambda _: body(16_385), 0),
    "the largest": (True, 200_000, lambda _: body(16_384), 1),
    "the reserved bit": (True, 300, lambda _: body(10, stream=2**31 + 1), 0),
    "behind a reset": (True, 300, lambda _: frame(RST, 0, 1, RESET) + body(1), 0),
    "in an open header block": (
        True,
        300,
        lambda pair: (
            frame(HEADERS, 0, 3, encoded(*(RESPONSE if pair.client else REQUEST))) + body(1)
        ),
        0,
    ),
}


@SIDES
@KINDS
@every_case("edge", EDGES.keys())
def test_each_account_is_looked_at(edge: str, *, client: bool, corrected: bool) -> None:
    begun, window, sent, fast = EDGES[edge]
    both = pair(client=client, corrected=corrected, window=window)
    if begun:
        assert both.receive(both.head(1))
    both.receive(sent(both))
    assert both.counted[True] == fast


@SIDES
@KINDS
@pytest.mark.parametrize(("length", "fast"), [(30, 3), (29, 2), (31, 3), (0, 0)])
def test_at_most_the_content_length_is_taken(
    length: int, fast: int, *, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1, (b"content-length", b"%d" % length)))
    for _ in range(3):
        both.receive(body(10))
    assert both.counted[True] == fast


@SIDES
@KINDS
@pytest.mark.parametrize(("length", "fast"), [(20, 2), (19, 1), (21, 1), (None, 2)])
def test_an_end_must_meet_the_content_length(
    length: int | None, fast: int, *, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    fields = [] if length is None else [(b"content-length", b"%d" % length)]
    assert both.receive(both.head(1, *fields))
    both.receive(body(10))
    both.receive(body(10, END_STREAM))
    assert both.counted[True] == fast


@SIDES
@KINDS
def test_a_connection_that_was_closed_takes_nothing_the_short_way(
    *, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    both.both(lambda connection: connection.close_connection())
    assert not both.receive(body(10))
    assert not both.counted[True]


@SIDES
@KINDS
def test_a_stream_whose_other_half_is_closed_still_takes_the_short_way(
    *, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    both.both(lambda connection: connection.end_stream(1))
    assert both.receive(body(10))
    assert both.counted[True] == 1


@SIDES
@pytest.mark.parametrize("size", [1, 2, 8, 9, 10, 11])
def test_a_frame_in_pieces_takes_the_short_way_once_it_is_whole(size: int, *, client: bool) -> None:
    both = pair(client=client, corrected=True)
    data = both.head(1) + body(10) * 3 + frame(PING, body=b"12345678") + body(1)
    for at in range(0, len(data), size):
        assert both.receive(data[at : at + size])
    assert both.counted[True] == 4


@SIDES
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_was_received_stays_when_its_buffer_is_used_again(
    kind: Callable[[bytearray], Any], *, client: bool
) -> None:
    both = pair(client=client, corrected=True)
    assert both.receive(both.head(1))
    buffer = bytearray(body(10))
    events = both.fast.receive_data(kind(buffer))
    buffer[:] = bytes(len(buffer))
    assert [(type(event.data), event.data) for event in events] == [(bytes, b"x" * 10)]  # type: ignore[attr-defined]


# What of the window's account is looked at, and how many updates take the short way.
UPDATES: dict[str, tuple[Callable[[Pair], bytes], int]] = {
    "ordinary": (lambda _: increment(1, 0) + increment(1, 1), 2),
    "none": (lambda _: increment(0, 0), 0),
    "none on a stream": (lambda _: increment(0, 1), 0),
    "the widest": (lambda _: increment(2**31 - 1 - 65_535, 0), 1),
    "too wide": (lambda _: increment(2**31 - 65_535, 0), 0),
    "the widest of a stream": (lambda _: increment(2**31 - 1 - 65_535, 1), 1),
    "too wide for a stream": (lambda _: increment(2**31 - 65_535, 1), 0),
    "the reserved bit of an increment": (lambda _: increment(2**31 + 1, 1), 0),
    "a flag that is not defined": (lambda _: frame(WINDOW_UPDATE, 1, 1, b"\0\0\0\1"), 0),
    "too short": (lambda _: frame(WINDOW_UPDATE, 0, 1, b"\0\0\1"), 0),
    "too long": (lambda _: frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\1\0"), 0),
    "no stream": (lambda _: increment(1, 7), 0),
    "behind a reset": (lambda _: frame(RST, 0, 1, RESET) + increment(1, 1), 0),
    "behind the end": (lambda _: body(0, END_STREAM) + increment(1, 1), 1),
    "in an open header block": (
        lambda pair: (
            frame(HEADERS, 0, 3, encoded(*(RESPONSE if pair.client else REQUEST))) + increment(1, 0)
        ),
        0,
    ),
}


@SIDES
@KINDS
@every_case("update", UPDATES.keys())
def test_each_account_of_a_window_is_looked_at(
    update: str, *, client: bool, corrected: bool
) -> None:
    sent, fast = UPDATES[update]
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    both.receive(sent(both))
    assert both.counted["widened", True] == fast


@SIDES
def test_a_window_is_not_widened_before_the_settings_came(*, client: bool) -> None:
    role = Role(client, {}, 65_536, 2**16)
    for kind in (FastCodec, SlowCodec):
        codec = kind(role)
        codec.counted = Counter()  # type: ignore[union-attr, unused-ignore]
        codec.initiate_connection()
        with pytest.raises(ProtocolError):
            codec.receive_data((b"" if client else PREFACE) + increment(1, 0))


THRICE: list[tuple[Any, ...]] = [("send", 1, 16_384, False)] * 3
# A frame of this size that ends the stream or not, after what was done before; whether it is short.
SENDINGS: dict[str, tuple[list[tuple[Any, ...]], int, bool, bool]] = {
    "ordinary": ([], 10, False, True),
    "nothing": ([], 0, False, True),
    "the last": ([], 10, True, True),
    "nothing, and the end": ([], 0, True, True),
    "the largest": ([], 16_384, False, True),
    "too large": ([], 16_385, False, False),
    "what is left of both windows": (THRICE, 16_383, False, True),
    "more than is left of both windows": (THRICE, 16_384, False, False),
    "more than is left of the stream's": (
        [*THRICE, ("get", increment(99, 0))],
        16_384,
        False,
        False,
    ),
    "more than is left of the connection's": (
        [*THRICE, ("get", increment(99, 1))],
        16_384,
        False,
        False,
    ),
    "after the end": ([("send", 1, 1, True)], 1, False, False),
    "after a reset": ([("drop", 1)], 1, False, False),
    "after a farewell": ([("close",)], 1, False, False),
}


@SIDES
@KINDS
@every_case("sending", SENDINGS.keys())
def test_each_account_of_what_is_sent_is_looked_at(
    sending: str, *, client: bool, corrected: bool
) -> None:
    before, size, end, fast = SENDINGS[sending]
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    for step in before:
        if step == ("close",):
            both.both(lambda connection: connection.close_connection())
        elif step[0] == "get":
            assert both.receive(step[1])
        else:
            both.both(lambda connection, step=step: _act(connection, step))  # type: ignore[misc]
    counted = both.counted["sent", True]
    both.both(lambda connection: _act(connection, ("send", 1, size, end)))
    assert (both.counted["sent", True] > counted) is fast


@SIDES
@KINDS
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 40_000, 65_535, 65_536])
def test_what_takes_several_frames_is_framed_alike(
    size: int, *, end: bool, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    counted = both.counted["sent", True]
    both.both(lambda connection: _frame(connection, 1, memoryview(bytes(size)), end=end))
    fast = both.counted["sent", True] - counted
    assert fast == (3 if size == 65_536 else bool(size))  # the fourth frame is beyond the window


@SIDES
@pytest.mark.parametrize(
    ("code", "value", "size", "fast"),
    [
        (SettingCodes.MAX_FRAME_SIZE, 20_000, 20_000, 1),
        (SettingCodes.MAX_FRAME_SIZE, 2**24 - 1, 35_535, 1),
        (SettingCodes.MAX_FRAME_SIZE, 20_000, 35_536, 1),  # the second frame is beyond the window
        (SettingCodes.INITIAL_WINDOW_SIZE, 40_000, 10_000, 1),
        (SettingCodes.INITIAL_WINDOW_SIZE, 40_000, 10_001, 0),
        (SettingCodes.INITIAL_WINDOW_SIZE, 30_000, 1, 0),
        (SettingCodes.INITIAL_WINDOW_SIZE, 0, 1, 0),  # the window is negative
        (SettingCodes.INITIAL_WINDOW_SIZE, 0, 0, 0),
        (SettingCodes.INITIAL_WINDOW_SIZE, 2**31 - 1, 35_535, 1),
        (
            SettingCodes.INITIAL_WINDOW_SIZE,
            2**31 - 1,
            35_536,
            2,
        ),  # the third is beyond the connection's
    ],
)
def test_what_settings_change_in_the_middle_of_a_body_is_heeded_alike(
    code: int, value: int, size: int, fast: int, *, client: bool
) -> None:
    both = pair(client=client, corrected=True)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    both.both(lambda connection: _frame(connection, 1, memoryview(bytes(30_000)), end=False))
    assert both.receive(setting(code, value))
    counted = both.counted["sent", True]
    both.both(lambda connection: _frame(connection, 1, memoryview(bytes(size)), end=True))
    assert both.counted["sent", True] - counted == fast


@SIDES
def test_padding_goes_the_long_way(*, client: bool) -> None:
    both = pair(client=client, corrected=True)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    both.both(lambda connection: connection.send_data(1, b"x", pad_length=3))
    assert not both.counted["sent", True]


@SIDES
@KINDS
def test_a_window_below_zero_does_not_let_the_reserved_bit_pass(
    *, client: bool, corrected: bool
) -> None:
    both = pair(client=client, corrected=corrected)
    assert both.receive(both.head(1))
    if not client:
        both.both(lambda connection: connection.send_headers(1, RESPONSE))
    both.both(lambda connection: _act(connection, ("send", 1, 100, False)))
    assert both.receive(setting(4, 0))
    both.receive(increment(2**31 + 1, 1))
    assert not both.counted["widened", True]
