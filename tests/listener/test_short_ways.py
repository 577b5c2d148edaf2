"""The short ways of a response's body do what the longer ways do."""

import asyncio
import itertools
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.certificates import Certificate
from app.listener import framing
from app.listener.tls import SharedBufferTls, at_once
from app.network.abort import abort
from app.tls import tls_context
from tests.listener import h1client, h2client
from tests.listener.serving import App, Receive, Send, listening
from tests.listener.tls_pair import Connected
from tests.proxying import DEADLINE
from tests.thorough import scaled

RECORD = 16 * 1024  # bytes that one TLS record holds at most (RFC 8446 §5.1)
HEADS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "HEAD", "POST"]),
        "version": st.sampled_from([b"1.1", b"1.0"]),
        "status": st.sampled_from([200, 204, 304, 500]),
        "length": st.none() | st.integers(0, 40),
    }
)
PIECES = st.lists(st.binary(max_size=30), max_size=6)


def answering(head: dict[str, Any]) -> tuple[h11.Connection, bytes]:
    """Return a server's connection that has sent the head of its response, and those bytes."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(
        b"%b / HTTP/%b\r\nhost: x\r\n\r\n" % (head["method"].encode(), head["version"])
    )
    server.next_event()
    length = head["length"]
    fields = [] if length is None else [("content-length", str(length))]
    sent = server.send(h11.Response(status_code=head["status"], headers=fields))
    return server, sent or b""


def attempt(connection: h11.Connection, event: Any) -> bytes | str | None:
    try:
        sent: bytes | None = connection.send(event)
    except h11.LocalProtocolError:
        return "refused"
    return sent


def short(connection: h11.Connection, piece: bytes) -> bytes | str | None:
    framed = framing.frame(connection, piece)
    return framed if framed is not None else attempt(connection, h11.Data(data=piece))


@given(HEADS, PIECES)
def test_a_piece_is_framed_as_h11_frames_it(head: dict[str, Any], pieces: list[bytes]) -> None:
    ours, theirs = answering(head)[0], answering(head)[0]
    for piece in pieces:
        assert short(ours, piece) == attempt(theirs, h11.Data(data=piece))
        assert ours.states == theirs.states
    assert attempt(ours, h11.EndOfMessage()) == attempt(theirs, h11.EndOfMessage())
    assert ours.states == theirs.states
    assert short(ours, b"late") == attempt(theirs, h11.Data(data=b"late"))


def test_a_piece_of_a_stream_takes_the_short_way() -> None:
    server, _ = answering({"method": "GET", "version": b"1.1", "status": 200, "length": None})
    assert framing.frame(server, b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"


STEPS = st.lists(
    st.integers(1, 3 * RECORD)
    | st.sampled_from([1, 100, RECORD, RECORD + 1])
    | st.sampled_from(["full", "room", "several", "close", "abort", "lose"]),
    max_size=12,
)


def play(connected: Connected, steps: list[int | str]) -> list[Any]:
    """Make the steps; return what there was to see after each."""
    seen = []
    for number, step in enumerate(steps):
        try:
            make(connected, step, bytes([number % 256]))
        except RuntimeError as exc:  # of what lies below
            connected.above.told.append(f"raised {exc}")
        told = [*connected.above.told, *map(str, connected.below.closed)]
        size = connected.transport.get_write_buffer_size()
        seen.append((size, sum(map(len, connected.below.written)), told))
    if connected.full and not connected.below.lost:
        connected.tls.resume_writing()
    return seen


def make(connected: Connected, step: int | str, byte: bytes) -> None:
    """Make one step; a number is a size to write."""
    match step:
        case int() if not at_once(connected.transport)(byte * step):
            connected.transport.write(byte * step)
        case "several":
            connected.transport.writelines([b"one", b"two"])
        case "lose":
            connected.below.lost = True
        case "abort":
            abort(connected.transport)
        case "close" if not connected.transport.is_closing():
            connected.transport.close()
        case "full" if not connected.full:
            connected.full = True
            connected.tls.pause_writing()
        case "room" if connected.full:
            connected.full = False
            connected.tls.resume_writing()


@pytest.fixture(scope="module")
def contexts(certificate: Certificate) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client = ssl.create_default_context(cafile=certificate.ca_file)
    return tls_context(certificate, None), client


@settings(deadline=None, max_examples=scaled(60, 12))
@given(steps=STEPS)
def test_what_is_written_is_what_the_standard_library_writes(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], steps: list[int | str]
) -> None:
    async def compare() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it would log "lose"
        ours = Connected(SharedBufferTls, *contexts)
        theirs = Connected(SSLProtocol, *contexts)
        assert ours.greeting == theirs.greeting == b"earlyhello"
        assert play(ours, steps) == play(theirs, steps)
        assert ours.decrypted() == theirs.decrypted()
        for connected in (ours, theirs):
            connected.tls.connection_lost(None)

    asyncio.run(compare())


COMING = st.lists(
    st.integers(1, 90_000) | st.sampled_from([RECORD, "pause", "resume", "farewell"]), max_size=6
)


def receive(connected: Connected, steps: list[int | str], cuts: list[int]) -> list[Any]:
    """Let the client send what the steps say, cut into segments; return what there was to see."""
    seen = []
    for step in steps:
        match step:
            case "pause":
                connected.transport.pause_reading()
            case "resume":
                connected.transport.resume_reading()
            case _:
                came = (
                    connected.farewell() if step == "farewell" else connected.encrypted(int(step))
                )
                for start, end in itertools.pairwise([0, *cuts, len(came)]):
                    connected.feed(came[min(start, end) : end])
        seen.append((connected.above.read, list(connected.above.told), connected.below.closed))
    return seen


@settings(deadline=None, max_examples=scaled(60, 12))
@given(steps=COMING, cuts=st.lists(st.integers(0, 200_000), max_size=3).map(sorted))
def test_what_comes_is_read_as_the_standard_library_reads_it(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], steps: list[int | str], cuts: list[int]
) -> None:
    async def compare() -> None:
        ours = Connected(SharedBufferTls, *contexts)
        theirs = Connected(SSLProtocol, *contexts)
        assert receive(ours, steps, cuts) == receive(theirs, steps, cuts)
        for connected in (ours, theirs):
            connected.transport.resume_reading()
        await asyncio.sleep(0)
        assert ours.above.read == theirs.above.read
        assert ours.above.told == theirs.above.told
        for connected in (ours, theirs):
            connected.tls.connection_lost(None)

    asyncio.run(compare())


@pytest.mark.parametrize("size", [1, RECORD, 4 * RECORD])
async def test_a_piece_is_encrypted_and_written_at_once(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    connected = Connected(SharedBufferTls, *contexts)
    monkeypatch.setattr(SSLProtocol, "_write_appdata", None)  # not the long way
    assert at_once(connected.transport)(b"x" * size)
    assert len(connected.below.written) == 1
    assert connected.decrypted() == b"x" * size
    connected.tls.connection_lost(None)


LONG = b"x" * 300_000  # more than the transport takes at once
WRITTEN = [b"first", b"", b"second", LONG, b"last"]


def writing(fields: list[tuple[bytes, bytes]], status: int, *, short: bool) -> App:
    """Return an application that writes pieces, by ``write`` or by messages."""

    async def application(scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": fields})
        for piece in WRITTEN:
            if not short:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            elif (rest := scope["extensions"]["write"](piece)) is not None:
                await rest()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return application


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize(
    ("method", "status", "fields", "expected"),
    [
        (b"GET", 200, [], b"".join(WRITTEN)),
        (b"GET", 200, [(b"content-length", b"300015")], b"".join(WRITTEN)),
        (b"GET", 200, [(b"content-length", b"300014")], None),
        (b"HEAD", 200, [], b""),
        (b"GET", 204, [], b""),
    ],
)
async def test_pieces_are_the_same_by_write_and_by_message(
    certificate: Certificate,
    method: bytes,
    status: int,
    fields: list[tuple[bytes, bytes]],
    expected: bytes | None,
    short: bool,
) -> None:
    async with listening(writing(fields, status, short=short), certificate) as served:
        async with h1client.connected(served.port, served.trust()) as wire:
            wire.send(method + b" / HTTP/1.1\r\nhost: x\r\n\r\n")
            first = await wire.answer(bodiless=expected == b"")
            assert first.whole is (expected is not None)
            assert not first.whole or first.body == expected
        if expected is not None:  # over HTTP/2, Hypercorn does not count
            async with h2client.connected(served.port, served.trust()) as client:
                second = await client.answer(client.request(method=method))
                assert (second.status, bytes(second.body), second.ended) == (status, expected, True)


async def test_a_piece_is_written_at_once_or_leaves_a_wait_for_room(
    certificate: Certificate,
) -> None:
    rests: list[bool] = []

    async def application(scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        write = scope["extensions"]["write"]
        rests.append(write(b"small") is not None)
        while (rest := write(LONG)) is None:
            pass
        rests.append(True)
        await rest()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with (
        listening(application, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await wire.answer()).body.startswith(b"smallx")
    assert rests == [False, True]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what the listener gives to TLS, piece by piece."""
    given_to_tls: list[bytes] = []
    stock = SharedBufferTls.write_at_once

    def noted(self: SharedBufferTls, data: bytes) -> bool:
        given_to_tls.append(data)
        return stock(self, data)

    monkeypatch.setattr(SharedBufferTls, "write_at_once", noted)
    return given_to_tls


@pytest.mark.parametrize(
    ("pieces", "count"),
    [([], 1), ([b"small"], 1), ([b"x" * 100, b"y" * 100], 1), ([b"x" * RECORD, b"y"], 3)],
    ids=["nothing", "small", "two pieces", "more than a record"],
)
async def test_what_is_sent_in_one_turn_with_the_head_is_written_with_it(
    certificate: Certificate, writes: list[bytes], pieces: list[bytes], count: int
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with (
        listening(application, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        for _ in range(2):
            wire.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = await wire.answer()
            assert (answer.whole, answer.body) == (True, b"".join(pieces))
            assert len(writes) == count
            writes.clear()


async def test_a_small_body_waits_one_turn_for_the_end(
    certificate: Certificate, writes: list[bytes]
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"small", "more_body": True})
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with (
        listening(application, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await wire.answer()).body == b"small"
    assert len(writes) == 1


async def test_a_head_waits_for_nothing_that_comes_later(certificate: Certificate) -> None:
    head_seen = asyncio.Event()

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await head_seen.wait()
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    async with listening(application, certificate) as served:
        reader, writer = await asyncio.open_connection(
            "localhost", served.port, ssl=served.trust(), server_hostname="localhost"
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            head_seen.set()
            assert await reader.readuntil(b"0\r\n\r\n") == b"4\r\nlate\r\n0\r\n\r\n"
        writer.close()


async def test_what_a_failed_application_has_begun_is_written_before_the_end(
    certificate: Certificate,
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})

    async with (
        listening(application, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = await wire.answer()
        assert (answer.status, answer.body, answer.whole) == (200, b"begun", False)
