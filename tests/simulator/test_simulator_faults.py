"""Every fault, as it looks on the wire."""

import asyncio
import ssl
import zlib

import httpx
import pytest
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, RstStreamFrame

from simulator import Simulator, Step
from simulator.step import Fault
from simulator.wire import HEAD_LIMIT
from tests.simulator.peer import connected

QUESTION = {"model": "claude-haiku-4-5", "stream": True, "messages": []}


async def test_a_reset_before_the_headers_is_a_reset_frame_with_its_code() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.message(fault="reset_before_headers", error_code=11)
        reset = await peer.expect(StreamReset, stream)
        assert reset.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert not any(isinstance(event, ResponseReceived) for event in peer.events)
        assert simulator.received[0].ended == "fault"


async def test_a_reset_midway_follows_exactly_so_many_events() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.message(fault="reset", after=2)
        await peer.expect(StreamReset, stream)
        assert peer.taken(stream).count(b"\n\n") == 2
        assert peer.taken(stream) == simulator.received[0].sent


async def test_a_long_head_is_answered_and_the_limit_announced() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        await peer.expect(ResponseReceived, peer.message(text="x" * 70_000))
        assert peer.h2.remote_settings.max_header_list_size == HEAD_LIMIT


async def test_an_upload_and_its_reset_in_one_segment_leave_the_siblings_alone() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        good = peer.message(gap=0.01)
        await peer.expect(ResponseReceived, good)
        bad = peer.head()
        for _ in range(20):
            peer.h2.send_data(bad, b"x" * 16_000)
        peer.h2.reset_stream(bad, ErrorCodes.CANCEL)
        peer.flush()
        await peer.expect(StreamEnded, good)
        await peer.expect(StreamEnded, peer.message())
        assert [one.ended for one in simulator.received] == ["complete", "reset", "complete"]


async def test_a_reset_stream_leaves_its_siblings_alone() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        good = peer.message(gap=0.01)
        bad = peer.message(fault="reset", after=1)
        await peer.expect(StreamReset, bad)
        await peer.expect(StreamEnded, good)
        assert b"message_stop" in peer.taken(good)


@pytest.mark.parametrize("fault", ["close_before_headers", "close", "cut"])
async def test_a_closed_connection_ends_without_an_end_of_the_stream(fault: Fault) -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.message(fault=fault)
        await peer.until_closed()
        assert not any(isinstance(event, StreamEnded) for event in peer.events)
        assert peer.taken(stream) == simulator.received[0].sent
        assert simulator.received[0].ended == "fault"


async def test_a_cut_leaves_half_a_frame() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        peer.message(fault="cut")
        await peer.until_closed()
        whole = sum(9 + frame.body_len for frame in peer.frames(Frame))
        kind, body = peer.raw[whole + 3], peer.raw[whole + 9 :]
        assert kind == DataFrame.type
        assert 0 < len(body) < int.from_bytes(peer.raw[whole : whole + 3])


async def test_goaway_lets_the_streams_in_flight_finish_and_then_closes() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        sibling = peer.message(gap=0.02)
        await peer.expect(ResponseReceived, sibling)
        stream = peer.message(fault="goaway")
        await peer.until_closed()
        (goaway,) = peer.frames(GoAwayFrame)
        assert (goaway.error_code, goaway.last_stream_id) == (ErrorCodes.NO_ERROR, stream)
        ends = {frame.stream_id for frame in peer.frames(DataFrame) if "END_STREAM" in frame.flags}
        assert ends == {sibling, stream}
        assert all(b"message_stop" in received.sent for received in simulator.received)


async def test_after_goaway_new_streams_are_refused() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        peer.message(fault="stall")
        await peer.expect(ResponseReceived)
        simulator.goaway()
        late = peer.message()
        while not peer.frames(RstStreamFrame):
            await peer.read()
        (refused,) = peer.frames(RstStreamFrame)
        assert (refused.stream_id, refused.error_code) == (late, ErrorCodes.REFUSED_STREAM)
        assert len(simulator.received) == 1


@pytest.mark.parametrize("step", [Step(fault="silent"), Step(fault="stall"), Step(delay=3600)])
async def test_a_silent_answer_ends_only_with_its_client(step: Step) -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        simulator.script(step)
        stream = peer.message()
        await simulator.wait_for(lambda s: len(s.received) == 1 and s.received[0].body_complete)
        assert simulator.received[0].ended is None
        peer.h2.reset_stream(stream, ErrorCodes.CANCEL)
        peer.flush()
        await simulator.wait_for(lambda s: s.received[0].ended == "reset")
        assert simulator.received[0].reset_code == ErrorCodes.CANCEL
        assert simulator.received[0].ended_at is not None


async def test_a_truncated_gzip_stream_ends_in_good_order_but_unfinished() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.message(fault="truncate", encoding="gzip", after=4)
        await peer.expect(StreamEnded, stream)
        decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
        assert decoder.decompress(peer.taken(stream)).count(b"\n\n") == 4
        assert not decoder.eof


async def test_a_truncated_document_is_half_a_document() -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        whole = (await client.post("/v1/messages", json={})).content
        simulator.script(Step(fault="truncate", after=1))
        half = (await client.post("/v1/messages", json={})).content
        assert 0 < len(half) < len(whole)


async def test_garbage_is_neither_events_nor_gzip() -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        simulator.script(Step(fault="garbage"), Step(fault="garbage", encoding="gzip"))
        plain = await client.post("/v1/messages", json=QUESTION)
        assert b"\xff\xfe" in plain.content
        with pytest.raises(httpx.DecodingError):
            await client.post("/v1/messages", json=QUESTION)


@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_an_error_event_comes_after_a_200_in_the_answers_coding(encoding: None) -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        simulator.script(Step(fault="error_event", after=2, encoding=encoding))
        answer = await client.post("/v1/messages", json=QUESTION)
        assert answer.status_code == 200
        assert answer.text.endswith(
            'event: error\ndata: {"type":"error","error":'
            '{"type":"overloaded_error","message":"Overloaded"}}\n\n'
        )
        assert "message_stop" not in answer.text


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("reset_before_headers", httpx.ReadError),
        ("close_before_headers", httpx.RemoteProtocolError),
        ("reset", httpx.ReadError),
        ("close", httpx.RemoteProtocolError),
        ("cut", httpx.RemoteProtocolError),
    ],
)
async def test_over_http1_faults_break_the_connection(
    fault: Fault, raised: type[Exception]
) -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        simulator.script(Step(fault=fault))
        with pytest.raises(raised):
            await client.post("/v1/messages", json=QUESTION)
        assert simulator.received[0].ended == "fault"


async def test_over_http1_goaway_closes_after_the_answer() -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        simulator.script(Step(fault="goaway"))
        answer = await client.post("/v1/messages", json=QUESTION)
        assert "message_stop" in answer.text
        await client.post("/v1/messages", json=QUESTION)
        assert [received.connection for received in simulator.received] == [1, 2]


async def test_an_early_answer_does_not_wait_for_the_body() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.head(early=True, status=413)
        assert (await peer.expect(ResponseReceived, stream)).headers[0] == (b":status", b"413")
        reset = await peer.expect(StreamReset, stream)
        assert reset.error_code == ErrorCodes.NO_ERROR  # RFC 9113 §8.1
        assert not simulator.received[0].body_complete


async def test_an_early_answer_over_http1_reaches_a_client_that_is_still_sending() -> None:
    async with Simulator() as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(
            b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n"
            b'x-simulate: {"early": true, "status": 413}\r\n\r\n' + b"x" * 65536
        )
        async with asyncio.timeout(60):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer.lower()
        writer.close()
        await writer.wait_closed()


async def test_a_body_that_is_not_read_gets_no_credit() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        stream = peer.head(read_body=False)
        await peer.expect(WindowUpdated)  # the connection's, at the start
        while (window := peer.h2.local_flow_control_window(stream)) > 0:
            peer.h2.send_data(stream, b"x" * min(window, 16384))
            peer.flush()
        await simulator.wait_for(lambda s: len(s.received[0].body) == 2**20)
        sibling = peer.message()
        await peer.expect(StreamEnded, sibling)
        assert peer.h2.local_flow_control_window(stream) == 0


async def test_an_answer_waits_for_the_clients_window() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        simulator.script(Step(body=b"x" * 200_000))
        stream = peer.message()
        await peer.expect(DataReceived, stream)
        while len(simulator.received[0].sent) < 65535:
            await peer.read()
        assert simulator.received[0].ended is None
        assert len(simulator.received[0].sent) == 65535
        peer.h2.increment_flow_control_window(2**20)
        peer.h2.increment_flow_control_window(2**20, stream)
        peer.flush()
        await peer.expect(StreamEnded, stream)
        assert simulator.received[0].ended == "complete"


async def test_a_mute_connection_answers_no_ping_and_new_ones_do() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        await peer.expect(WindowUpdated)
        simulator.mute()
        peer.h2.ping(b"no reply")
        peer.message()
        async with connected(simulator) as other:
            other.h2.ping(b"the same")
            other.request()
            await other.expect(PingAckReceived)
            await other.expect(StreamEnded)
        assert len(simulator.received) == 1
        assert not peer.closed


async def test_a_disconnect_closes_every_connection() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        peer.message(fault="stall")
        await peer.expect(ResponseReceived)
        simulator.disconnect()
        await peer.until_closed()
        await simulator.wait_for(lambda s: s.connections == 0)
        assert simulator.received[0].ended == "closed"


async def test_a_client_that_says_goodbye_is_gone() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        peer.message(gap=0.01)
        await peer.expect(ResponseReceived)
        peer.h2.close_connection()
        peer.flush()
        await peer.until_closed()
        assert simulator.received[0].ended == "closed"


@pytest.mark.parametrize("junk", [b"GET nothing\r\n\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0 no"])
async def test_what_is_no_http_closes_the_connection(junk: bytes) -> None:
    async with Simulator() as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(junk + b"\r\n\r\n")
        async with asyncio.timeout(60):
            await reader.read()
        writer.close()
        await writer.wait_closed()
        assert simulator.received == []


async def test_an_answer_that_cannot_be_framed_breaks_the_connection() -> None:
    async with Simulator() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        simulator.script(Step(headers=(("content-length", "1"),)))
        with pytest.raises(httpx.HTTPError):
            await client.post("/v1/messages", json=QUESTION)
        assert simulator.received[0].ended == "fault"


async def test_a_fault_can_befall_an_empty_answer() -> None:
    async with Simulator() as simulator, connected(simulator) as peer:
        simulator.script(Step(body=b"", fault="reset"))
        await peer.expect(StreamReset, peer.message())


async def test_a_refused_certificate_leaves_nothing_behind(server_tls: ssl.SSLContext) -> None:
    async with (
        Simulator(ssl_context=server_tls) as simulator,
        httpx.AsyncClient(base_url=simulator.url) as client,
    ):
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get("/")
        assert simulator.connections == 0
        assert simulator.received == []
