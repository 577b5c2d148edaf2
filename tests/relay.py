"""A TCP relay that makes loopback behave like a network: ``python -m tests.relay --to PORT``.

Delay, rate and loss are set on the command line, and changed while it runs by lines on standard
input: ``delay 0.05``, ``rate 150000``, ``loss 0.01``, ``freeze`` and ``thaw`` (nothing passes,
though the kernel takes bytes), ``reset`` (all connections), ``shut`` (no new ones). It prints the
port it listens on. It runs as a process of its own, so that neither side's load changes its
timing, and needs no privileges. It ends with its standard input.
"""

import argparse
import asyncio
import random
import socket
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from app.network.abort import abort

BUFFER = 16 * 1024  # bytes the kernel may take from a sender: the rest stays with the sender
RETRANSMISSION = 0.2  # seconds that a lost segment, and all behind it, is late
PIECE = 4 * 1024  # bytes that pass at a time


@dataclass
class Conditions:
    """What the link is like now; seconds, bytes a second each way, and a probability."""

    delay: float = 0.0
    rate: float = float("inf")
    loss: float = 0.0
    thawed: asyncio.Event = field(default_factory=asyncio.Event)


class Link:
    """One direction, shared by all connections. State: ``_free_at``, when the last byte is out."""

    def __init__(self, conditions: Conditions, dice: random.Random) -> None:
        self._conditions = conditions
        self._dice = dice
        self._free_at = 0.0

    def admit(self, size: int) -> tuple[float, float]:
        """Return when ``size`` bytes have left, and when they arrive."""
        now = asyncio.get_running_loop().time()
        left = self._free_at = max(now, self._free_at) + size / self._conditions.rate
        late = RETRANSMISSION if self._dice.random() < self._conditions.loss else 0.0
        return left, left + self._conditions.delay + late


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link, conditions: Conditions
) -> None:
    """Pass bytes on, in order, each piece at its time."""
    loop = asyncio.get_running_loop()
    flight: deque[tuple[float, bytes]] = deque()
    arrived = asyncio.Event()

    async def deliver() -> None:
        while True:
            while not flight:
                arrived.clear()
                await arrived.wait()
            due, piece = flight.popleft()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await conditions.thawed.wait()
            if not piece:
                writer.write_eof() if writer.can_write_eof() else writer.close()
                return
            writer.write(piece)
            await writer.drain()

    delivery = asyncio.ensure_future(deliver())
    last = 0.0
    try:
        while True:
            await conditions.thawed.wait()
            piece = await reader.read(PIECE)
            left, due = link.admit(len(piece))
            last = max(last, due)
            flight.append((last, piece))
            arrived.set()
            if not piece:
                break
            await asyncio.sleep(max(0.0, left - loop.time()))
        await delivery
    finally:
        delivery.cancel()


async def _obey(
    conditions: Conditions, writers: set[asyncio.StreamWriter], server: asyncio.Server
) -> None:
    """Follow what standard input says, to its end."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := (await lines.readline()).decode().split():
        match line:
            case ["freeze"]:
                conditions.thawed.clear()
            case ["thaw"]:
                conditions.thawed.set()
            case ["shut"]:
                server.close()
            case ["reset"]:
                for writer in tuple(writers):
                    abort(writer.transport)
            case [("delay" | "rate" | "loss") as name, value]:
                setattr(conditions, name, float(value))
        print("done", flush=True)  # noqa: T201 - the answer


@asynccontextmanager
async def _listening(
    target: int, conditions: Conditions
) -> AsyncIterator[tuple[asyncio.Server, set[asyncio.StreamWriter]]]:
    """Relay in this loop; yields the server, and the writers of what it has accepted."""
    dice = random.Random(1)
    there, back = Link(conditions, dice), Link(conditions, dice)
    writers: set[asyncio.StreamWriter] = set()
    conditions.thawed.set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, asyncio.CancelledError):  # nobody else needs to know
            onward, to = await asyncio.open_connection("127.0.0.1", target)
            both = {writer, to}
            writers.update(both)
            ways = [
                asyncio.ensure_future(_forward(reader, to, there, conditions)),
                asyncio.ensure_future(_forward(onward, writer, back, conditions)),
            ]
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
                writers.difference_update(both)
                for one in both:
                    abort(one.transport)

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # accepted ones inherit it
    listener.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(accept, sock=listener, limit=PIECE)
    try:
        yield server, writers
    finally:
        server.close()


async def _serve(target: int, conditions: Conditions) -> None:
    async with _listening(target, conditions) as (server, writers):
        print(_port(server), flush=True)  # noqa: T201 - what the caller waits for
        await _obey(conditions, writers, server)


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def linked(to: int, *, rate: float) -> AsyncIterator[str]:
    """Relay to a port of loopback by this loop's clock, which may be simulated; yields the URL."""
    async with _listening(to, Conditions(rate=rate)) as (server, writers):
        yield f"https://localhost:{_port(server)}"
        for writer in tuple(writers):
            abort(writer.transport)
        while writers:  # noqa: ASYNC110 - their tasks end
            await asyncio.sleep(0)


class Relay:
    """A running relay, as the tests see it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    async def set(self, *order: str | float) -> None:
        """Change the link, e.g. ``set("freeze")`` or ``set("delay", 0.05)``."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(" ".join(map(str, order)).encode() + b"\n")
        assert await stdout.readline() == b"done\n"


@asynccontextmanager
async def relaying(
    to: int, *, delay: float = 0.0, rate: float = float("inf"), loss: float = 0.0
) -> AsyncIterator[Relay]:
    """Run a relay to a port of loopback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.relay",
        f"--to={to}",
        f"--delay={delay}",
        f"--rate={rate}",
        f"--loss={loss}",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Relay(process, int(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=int, required=True, help="port of loopback to relay to")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds, each way")
    parser.add_argument("--rate", type=float, default=float("inf"), help="bytes a second, each way")
    parser.add_argument("--loss", type=float, default=0.0, help="probability per piece of 4 KiB")
    chosen = parser.parse_args()
    asyncio.run(_serve(chosen.to, Conditions(chosen.delay, chosen.rate, chosen.loss)))


if __name__ == "__main__":
    main()
