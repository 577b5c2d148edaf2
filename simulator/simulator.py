"""The simulated upstream as a server, and what tests see of it."""

import asyncio
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import h2.errors
import h2.exceptions
import h11

from . import control
from .answer import Response, refusal
from .api import Api
from .connection import Connection
from .faults import send
from .history import BODIES, History
from .received import Received
from .script import NORMAL, Script
from .step import Step
from .usage import Usage
from .wire import Stream

WAIT = 60.0  # seconds `wait_for` waits at most, on the busiest machine
CLOSE_DEADLINE = 2.0  # seconds for connections to close


class Simulator:
    """Serves while entered: ``async with Simulator() as simulator``.

    Without ``ssl_context`` it speaks plain HTTP/1.1, and HTTP/2 to clients that begin with its
    preface; with one, what ALPN chooses: ``http2`` False offers HTTP/1.1 only. ``port`` 0 becomes
    a free one when it is entered. ``wall`` is the time of day in seconds, for the rate limits'
    resets; ``keep`` the bytes of bodies that it remembers.

    State: the ``_api``, the ``_script``, the ``_history``, the open ``_connections``,
    the ``_running`` answers.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        ssl_context: ssl.SSLContext | None = None,
        http2: bool = True,
        max_concurrent_streams: int = 100,
        wall: Callable[[], float] = time.time,
        keep: int = BODIES,
    ) -> None:
        self._host = host
        self.port = port
        self._ssl = ssl_context
        self._http2 = http2
        self._max_concurrent_streams = max_concurrent_streams
        self._wall = wall
        self._api = Api(wall)
        self._script = Script()
        self.keep = keep
        self._history = History(keep)
        self._connections: set[Connection] = set()
        self._connected = 0
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        if self._ssl is not None:
            self._ssl.set_alpn_protocols(["h2", "http/1.1"] if self._http2 else ["http/1.1"])
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connect, self._host, self.port, ssl=self._ssl, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cut every connection and wait until they are gone."""
        if self._server is not None:
            self._server.close()
        connections, tasks = list(self._connections), list(self._running)
        self.disconnect()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(CLOSE_DEADLINE):
            for connection in connections:
                await connection.lost.wait()

    @property
    def url(self) -> str:
        """The origin to send requests to."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._ssl is None else 'https'}://{host}:{self.port}"

    @property
    def received(self) -> list[Received]:
        """The requests in the order they came, those for ``/_simulator/`` aside."""
        return self._history.received

    @property
    def usage(self) -> dict[str, Usage]:
        """Model to the sum of what was announced in answers that have ended, however."""
        return self._history.usage

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def script(self, *steps: Step) -> None:
        """Queue steps: each of the next requests under ``/v1/`` takes one."""
        self._script.add(*steps)

    def reset(self) -> None:
        """Forget the requests, the sums and the steps to come."""
        self._history.clear()
        self._script.clear()
        self._api = Api(self._wall)

    def goaway(self, code: int = 0, last_stream_id: int | None = None) -> None:
        """Send GOAWAY on every connection; each closes when its streams have ended."""
        for connection in list(self._connections):
            connection.goaway(code, last_stream_id)

    def mute(self) -> None:
        """Let every open connection fall silent, as after a sleep or behind a broken NAT."""
        for connection in self._connections:
            connection.mute()

    def disconnect(self) -> None:
        """Abort every open connection."""
        for connection in list(self._connections):
            connection.pipe.transport.abort()

    async def wait_for(self, predicate: Callable[["Simulator"], bool]) -> None:
        """Wait until ``predicate(self)`` holds; `TimeoutError` after ten seconds."""
        async with asyncio.timeout(WAIT):
            while not predicate(self):  # noqa: ASYNC110 - it may look at anything
                await asyncio.sleep(0.002)

    def _connect(self) -> Connection:
        self._connected += 1
        return Connection(
            self._connected,
            self._accept,
            max_concurrent_streams=self._max_concurrent_streams,
            connections=self._connections,
        )

    def _accept(self, stream: Stream) -> None:
        step: Step | None = NORMAL
        if not control.controls(stream.received):
            self._history.add(stream.received)
            stream.on_end = self._history.end
            step = self._step(stream.received)
        stream.reading = step is None or step.read_body
        stream.task = asyncio.get_running_loop().create_task(self._answer(stream, step))
        self._running.add(stream.task)
        stream.task.add_done_callback(self._running.discard)

    def _step(self, received: Received) -> Step | None:
        try:
            return self._script.take(received)
        except ValueError as exc:
            return refusal(str(exc))

    async def _answer(self, stream: Stream, step: Step | None) -> None:
        early = step is not None and step.early
        body = stream.received.body if early else await stream.body()
        step = step or self._script.take_matching(body)
        try:
            await send(stream, step, self._respond(stream.received, body, step))
        except (h2.exceptions.ProtocolError, h11.LocalProtocolError):
            stream.reset(h2.errors.ErrorCodes.INTERNAL_ERROR)  # a step that cannot be framed

    def _respond(self, received: Received, body: bytes, step: Step) -> Response:
        if control.controls(received):
            return control.respond(self, received, body)
        return self._api.respond(received, body, step)
