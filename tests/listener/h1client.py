"""HTTP/1.1 by the byte."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.network.abort import abort
from tests.proxying import DEADLINE


@dataclass
class Answer:
    """A response. ``body`` is unchunked; ``whole`` is True if its end was seen."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one response."""
        async with asyncio.timeout(DEADLINE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (field.partition(": ") for field in fields if field)
            }
            answer = Answer(int(line.split()[1]), headers, b"")
            if not bodiless:
                await self._body(answer)
        return answer

    async def _body(self, answer: Answer) -> None:
        try:
            if answer.headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    answer.body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readuntil(b"\r\n")
            elif "content-length" in answer.headers:
                length = int(answer.headers["content-length"])
                answer.body = await self.reader.readexactly(length)
            else:
                answer.body = await self.reader.read()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            answer.whole = False

    async def rest(self) -> bytes:
        """Read until the server closes."""
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read()


@asynccontextmanager
async def connected(port: int, context: ssl.SSLContext | None) -> AsyncIterator[Wire]:
    """Connect, over TLS unless ``context`` is None."""
    options = {} if context is None else {"ssl": context, "ssl_shutdown_timeout": 0.2}
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)  # type: ignore[arg-type] # one of two shapes
    try:
        yield Wire(reader, writer)
    finally:
        abort(writer.transport)
