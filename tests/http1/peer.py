"""A peer that reads requests and answers with the bytes it is told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Wire:
    """One connection. State: ``heads`` are the requests' that came, ``ended`` once it is over."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heads: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def head(self) -> bytes:
        self.heads.append(await self.reader.readuntil(b"\r\n\r\n"))
        return self.heads[-1]

    async def body(self) -> bytes:
        head = self.heads[-1].lower()
        if b"content-length: " in head:
            length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            return await self.reader.readexactly(length)
        received = b""
        while b"chunked" in head:
            size = int(await self.reader.readline(), 16)
            received += (await self.reader.readexactly(size + 2))[:-2]
            if not size:
                break
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


Answer = Callable[[Wire], Awaitable[None]]  # called per request, whose head has come


async def polite(wire: Wire) -> None:
    await wire.body()
    await wire.send(OK)


@dataclass
class Peer:
    """What connects. State: ``wires`` in the order they came."""

    url: str
    wires: list[Wire] = field(default_factory=list)


@asynccontextmanager
async def peer(
    answer: Answer = polite, context: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """Serve; ends every connection at the end."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        wire = Wire(reader, writer)
        made.wires.append(wire)
        try:
            while not writer.is_closing():
                await wire.head()
                await answer(wire)
            await reader.read()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            pass  # a cancelled one ends with the server, and asyncio would log it
        finally:
            wire.ended.set()
            writer.close()

    server = await asyncio.start_server(
        accept, "127.0.0.1", 0, ssl=context, limit=2**24, backlog=1024
    )
    scheme = "http" if context is None else "https"
    made = Peer(f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}")
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)
