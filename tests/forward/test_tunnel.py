"""A blind tunnel between two transports: order, back-pressure, ends, idleness."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.forward import tunnel, tunnels
from app.forward.tunnel import Direction, End, Tunnel
from app.forward.tunnels import Tunnels
from tests.proxying import DEADLINE


class Pipe(asyncio.Transport):
    """A transport that keeps what is written, and what else it is told."""

    def __init__(self, end: End) -> None:
        super().__init__()
        self.end = end
        self._pieces: list[Any] = []
        self.paused = False
        self.ended = False
        self.closed = False
        self.held = 0
        end.connection_made(self)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high or 0) <= 64 * 1024
        assert (low or 0) <= (high or 0)

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        assert not self.closed
        self.paused = True

    def resume_reading(self) -> None:
        assert not self.closed
        self.paused = False

    def write(self, data: Any) -> None:
        assert not self.ended
        assert not self.closed
        self._pieces.append(data)  # a real one may write it later

    @property
    def written(self) -> bytes:
        return b"".join(self._pieces)

    def get_write_buffer_size(self) -> int:
        return self.held

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.end.connection_lost, None)

    def abort(self) -> None:
        self.close()


class Made:
    """A tunnel that runs, its two pipes, and the bytes that it has counted."""

    def __init__(self, idle: float = 60.0) -> None:
        self.counted: dict[Direction, int] = {"sent": 0, "received": 0}
        self.tunnel = Tunnel(asyncio.get_running_loop(), idle, self._count)
        self.target = Pipe(self.tunnel.target)
        assert self.target.paused  # nothing is read before somebody can take it
        self.client = Pipe(self.tunnel.client)
        self.running = asyncio.create_task(self.tunnel.run(b""))

    def _count(self, direction: Direction, size: int) -> None:
        self.counted[direction] += size

    async def begun(self) -> "Made":
        await asyncio.sleep(0)
        assert not self.client.paused
        assert not self.target.paused
        return self


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=40)), max_size=20))
def test_bytes_arrive_in_order_and_are_counted(pieces: list[tuple[bool, bytes]]) -> None:
    async def scenario() -> None:
        made = await Made().begun()
        for sent, piece in pieces:
            (made.client if sent else made.target).end.data_received(piece)
        there = b"".join(piece for sent, piece in pieces if sent)
        back = b"".join(piece for sent, piece in pieces if not sent)
        assert (made.target.written, made.client.written) == (there, back)
        assert made.counted == {"sent": len(there), "received": len(back)}
        made.tunnel.abort()
        await made.running

    asyncio.run(scenario())


async def test_a_side_that_takes_nothing_stops_the_other_alone() -> None:
    made = await Made().begun()
    made.target.end.pause_writing()
    assert (made.client.paused, made.target.paused) == (True, False)
    made.target.end.resume_writing()
    assert not made.client.paused
    made.tunnel.abort()
    await made.running


async def test_a_shutdown_waits_for_bytes_that_a_slow_reader_has_yet_to_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tunnels, "QUIET", 0.0)
    monkeypatch.setattr(tunnels, "LOOK", 0.0)
    made, all_of_them = await Made().begun(), Tunnels(1)
    with all_of_them.place(made.tunnel):
        made.client.held = 1
        waiting = asyncio.create_task(all_of_them.quiet())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        made.client.held = 0
        await waiting
        made.client.held = 1
        assert all_of_them.cut() == 1
        await made.running
        assert all_of_them.cut() == 0


async def test_tunnels_share_a_small_buffer_and_none_sees_the_bytes_of_another() -> None:
    first, second = await Made().begun(), await Made().begun()
    for end, data in ((first.client.end, b"mine"), (second.client.end, b"your bytes")):
        room = end.get_buffer(2**20)
        assert len(room) <= 64 * 1024  # all of it waits for a slow reader
        room[: len(data)] = data
        end.buffer_updated(len(data))
    assert (first.target.written, second.target.written) == (b"mine", b"your bytes")
    for made in (first, second):
        made.tunnel.abort()
        await made.running


async def test_the_end_of_one_direction_leaves_the_other_open() -> None:
    made = await Made().begun()
    assert made.client.end.eof_received() is True
    assert (made.target.ended, made.client.closed, made.target.closed) == (True, False, False)
    made.target.end.data_received(b"late")
    assert made.client.written == b"late"
    assert made.target.end.eof_received() is False
    await made.running
    assert (made.client.closed, made.target.closed) == (True, True)


async def test_a_lost_connection_ends_the_other_one() -> None:
    for lost in ("client", "target"):
        made = await Made().begun()
        getattr(made, lost).close()
        await made.running
        assert (made.client.closed, made.target.closed) == (True, True)


async def test_a_tunnel_that_moves_nothing_ends() -> None:
    made = Made(idle=0.01)
    await made.running
    assert (made.client.closed, made.target.closed) == (True, True)


async def test_what_the_target_said_first_goes_first() -> None:
    tunnel = Tunnel(asyncio.get_running_loop(), 60.0, lambda _direction, _size: None)
    target, client = Pipe(tunnel.target), Pipe(tunnel.client)
    running = asyncio.create_task(tunnel.run(b"220 "))
    await asyncio.sleep(0)
    target.end.data_received(b"ready")
    assert client.written == b"220 ready"
    tunnel.abort()
    await running


async def test_what_comes_before_the_other_end_is_there_is_kept() -> None:
    for both in (False, True):
        tunnel = Tunnel(asyncio.get_running_loop(), 60.0, lambda _direction, _size: None)
        target = Pipe(tunnel.target)
        target.paused = False  # uvloop begins to read after `connection_made`
        target.end.data_received(b"ready")
        assert target.paused
        assert target.end.eof_received() is True
        client = Pipe(tunnel.client)
        client.end.data_received(b"hello")
        if both:
            assert client.end.eof_received() is True
        running = asyncio.create_task(tunnel.run(b"220 "))
        await asyncio.sleep(0)
        assert (client.written, target.written) == (b"220 ready", b"hello")
        assert (client.ended, client.closed) == (not both, both)
        tunnel.abort()
        await running


async def joined(end: End) -> socket.socket:
    """Give an end a connection; return the peer's socket."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
    accepted.setblocking(False)
    peer.setblocking(False)
    await loop.connect_accepted_socket(lambda: end, accepted)
    return peer


@pytest.mark.parametrize("resets", [True, False])
async def test_a_reset_of_a_side_that_is_not_read_ends_the_tunnel(
    monkeypatch: pytest.MonkeyPatch, *, resets: bool
) -> None:
    monkeypatch.setattr(tunnel, "LOOK", 0.01)
    made = Tunnel(asyncio.get_running_loop(), 3600.0, lambda _direction, _size: None)
    target, client = await joined(made.target), await joined(made.client)
    running = asyncio.create_task(made.run(b""))
    full = 0  # times in a row: the target takes nothing, but the kernel's buffers grow
    while full < 20:
        await asyncio.sleep(0.002)
        full += 1
        with suppress(BlockingIOError):
            full *= not client.send(bytes(64 * 1024))
    assert made.client.unread
    if resets:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    else:
        for sock in (target, client):  # both say that they send no more
            sock.shutdown(socket.SHUT_WR)
        await asyncio.sleep(0.1)  # ten looks
        assert not running.done()
        made.abort()
    async with asyncio.timeout(DEADLINE):
        await running
    assert made.client.transport is None
    for sock in (client, target):
        sock.close()


async def test_a_side_that_sends_no_more_is_probed() -> None:
    made = Tunnel(asyncio.get_running_loop(), 3600.0, lambda _direction, _size: None)
    target, client = await joined(made.target), await joined(made.client)
    running = asyncio.create_task(made.run(b""))
    await asyncio.sleep(0)
    assert made.client.transport is not None
    sock = made.client.transport.get_extra_info("socket")
    assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    client.shutdown(socket.SHUT_WR)
    async with asyncio.timeout(DEADLINE):
        await asyncio.get_running_loop().sock_recv(target, 1)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
    made.abort()
    await running
    for one in (client, target):
        one.close()


async def test_bytes_for_a_side_that_has_closed_end_the_tunnel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tunnel, "LOOK", 0.01)
    made = Tunnel(asyncio.get_running_loop(), 3600.0, lambda _direction, _size: None)
    target, client = await joined(made.target), await joined(made.client)
    running = asyncio.create_task(made.run(b""))
    client.close()
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.get_running_loop().sock_recv(target, 1) == b""
        target.send(b"late")
        await running
    target.close()


@pytest.mark.slow
@pytest.mark.parametrize("closes", [True, False])
async def test_a_side_that_has_closed_ends_the_tunnel_and_one_that_listens_does_not(
    monkeypatch: pytest.MonkeyPatch, *, closes: bool
) -> None:
    monkeypatch.setattr(tunnel, "PROBING", dict.fromkeys(tunnel.PROBING, 1))
    made = Tunnel(asyncio.get_running_loop(), 3600.0, lambda _direction, _size: None)
    target, client = await joined(made.target), await joined(made.client)
    running = asyncio.create_task(made.run(b""))
    if closes:
        client.close()
        async with asyncio.timeout(DEADLINE):
            await running
    else:
        client.shutdown(socket.SHUT_WR)
        await asyncio.sleep(4)
        target.send(b"late")
        async with asyncio.timeout(DEADLINE):
            assert await asyncio.get_running_loop().sock_recv(client, 4) == b"late"
        made.abort()
        await running
    for one in (client, target):
        one.close()
