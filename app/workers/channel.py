"""Questions and answers over one socket: both sides ask."""

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
import structlog

from .messages import LARGEST, LENGTH, Body, Done, Envelope, decode, encode

Answer = Callable[[Body], Awaitable[Body]]
log = structlog.get_logger(__name__)

MAX_LATE = 3  # answers that the other end may owe


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class Channel:
    """One end. ``answer`` is called with each question.

    State: ``_asked``, the futures of open questions by number; ``_late``, the numbers of those
    whose answer did not come in time; ``_answering``, running answers; ``closed``, done once the
    other end is gone.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
    ) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._answer = answer
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Body]] = {}
        self._late: set[int] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def over(cls, sock: socket.socket, answer: Answer) -> "Channel":
        """Return the end at ``sock``."""
        reader, writer = await asyncio.open_connection(sock=sock, limit=LARGEST)
        return cls(reader, writer, answer)

    async def ask(self, body: Body, seconds: float | None = None) -> Body:
        """Return the answer; raises TimeoutError after ``seconds``, or `ChannelClosed`.

        Who owes several answers is asked nothing more: it would have to work off all of them.
        """
        if self.closed.done():
            raise ChannelClosed
        if len(self._late) >= MAX_LATE:
            raise TimeoutError
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(encode(Envelope(number, False, body)))
            async with asyncio.timeout(seconds):
                answered: Body = await answer
                return answered
        except TimeoutError:
            self._late.add(number)
            raise
        finally:
            del self._asked[number]

    async def close(self) -> None:
        """Close the socket; open questions end with `ChannelClosed`."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while True:
                length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
                self._take(decode(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError, msgspec.DecodeError):
            pass
        finally:
            self._end()

    def _take(self, envelope: Envelope) -> None:
        if not envelope.answers:
            task = asyncio.get_running_loop().create_task(self._respond(envelope))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return
        self._late.discard(envelope.number)
        asked = self._asked.get(envelope.number)
        if asked is not None and not asked.done():  # else it came too late
            asked.set_result(envelope.body)

    async def _respond(self, envelope: Envelope) -> None:
        try:
            body = await self._answer(envelope.body)
        except Exception:
            log.exception("a request from another process failed")
            body = Done()  # it need not wait
        if not self.closed.done():
            self._writer.write(encode(Envelope(envelope.number, True, body)))

    def _end(self) -> None:
        if not self.closed.done():
            self.closed.set_result(None)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ChannelClosed())
        for task in self._answering:
            task.cancel()
        with suppress(OSError):
            self._writer.close()
