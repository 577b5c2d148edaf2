"""Accepting on one socket."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.utils import wrap_app

from ..network.bare import answer_and_end, readable
from ..proxy.peer import peer_of
from . import plain, tls
from .connection import ServerConnection
from .limits import (
    DESCRIPTORS,
    HANDSHAKE,
    PLAIN_HTTP,
    Limits,
    Observer,
    Seats,
    Unobserved,
)
from .reader import PieceReader

BACKLOG = 1024
PAUSE = 0.5  # seconds without accepting, when the process has no descriptor left
HANDSHAKE_TIMEOUT = 15.0  # seconds
SHUTDOWN_TIMEOUT = 1.0  # seconds for TLS's close_notify; asyncio's 30 keep dead connections
KEEP_ALIVE = 75.0  # seconds of idleness: longer than the clients keep theirs

Entrance = Callable[[socket.socket], Awaitable[bool]]

log = structlog.get_logger(__name__)


def config() -> Config:
    """Return Hypercorn's configuration, with its harmful defaults changed."""
    made = Config()
    made.accesslog = None  # would copy the headers and the environment on every request
    made.errorlog = None
    made.include_date_header = False  # upstream's passes
    made.include_server_header = False
    made.keep_alive_timeout = KEEP_ALIVE
    made.keep_alive_max_requests = 2**62  # reaching it freezes HTTP/2 streams
    made.h11_max_incomplete_size = 128 * 1024
    return made


class Listener:
    """Accepts on ``sock`` and serves ``app``.

    ``entrance`` is asked first, if there is one, with the bare socket: it returns whether the
    connection is to be served, and closes one that is not.

    Connections past a limit are accepted and closed, so that those behind them in the kernel's
    queue have their turn. State: ``_tasks``, one for each connection; ``_connections``, those
    that are served; ``_seats``; ``_shedding``, while connections are refused; ``_draining``.
    """

    def __init__(
        self,
        app: Any,
        sock: socket.socket,
        *,
        state: dict[str, Any] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        observer: Observer | None = None,
        entrance: Entrance | None = None,
    ) -> None:
        self._config = config()
        self._app = wrap_app(app, self._config.wsgi_max_body_size, "asgi")
        self._socket = sock
        self._state = state if state is not None else {}
        self._ssl_context = ssl_context
        self._limits = limits or Limits()
        self._observer = observer or Unobserved()
        self._entrance = entrance
        self._context = WorkerContext(None)
        self._seats = Seats(self._limits)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: dict[int, ServerConnection] = {}
        self._shedding = False
        self._draining = False

    async def start(self) -> None:
        """Begin to accept."""
        self._socket.listen(BACKLOG)
        self._resume()

    async def start_drain(self) -> None:
        """Let the clients know that the server is about to leave."""
        self._draining = True
        told = (connection.start_drain() for connection in self._connections.values())
        await asyncio.gather(*told, return_exceptions=True)  # one that is gone is not the others'

    async def close(self, deadline: float) -> None:
        """Accept no more; close the idle connections, then after ``deadline`` seconds the rest."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        await self._context.terminated.set()
        for connection in tuple(self._connections.values()):
            connection.close_if_idle()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=deadline)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:  # else it was closed meanwhile
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(self._limits.accepts):
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # EMFILE, ENFILE, ENOBUFS, ENOMEM
                self._refuse(DESCRIPTORS)
                loop = asyncio.get_running_loop()
                loop.remove_reader(self._socket)
                loop.call_later(PAUSE, self._resume)
                return
            self._seat(sock, peer_of(address))

    def _seat(self, sock: socket.socket, peer: str) -> None:
        reason = self._seats.refusal(peer, sock.fileno())
        if reason is not None:
            sock.close()
            self._refuse(reason)
            return
        self._shedding = False
        sock.setblocking(False)
        self._seats.take(peer)
        task = asyncio.get_running_loop().create_task(self._serve(sock))
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._left(task, peer))

    def _left(self, task: asyncio.Task[None], peer: str) -> None:
        self._tasks.discard(task)
        self._seats.leave(peer)

    def _refuse(self, reason: str) -> None:
        self._observer.refused(reason)
        if not self._shedding and reason not in (HANDSHAKE, PLAIN_HTTP):
            self._shedding = True  # logged once, until a connection is served again
            log.warning("connections are refused", reason=reason)

    async def _serve(self, sock: socket.socket) -> None:
        try:
            if self._entrance is not None and not await self._entrance(sock):
                return
            if self._ssl_context is None or await self._speaks_tls(sock):
                opened = await self._open(sock)
                if opened is not None:
                    await self._run(*opened)
        except Exception as exc:  # noqa: BLE001 - one connection's end is not the others'
            log.error("a connection failed", errors=_causes(exc))  # noqa: TRY400 - may quote

    async def _speaks_tls(self, sock: socket.socket) -> bool:
        """Wait for the first byte; answer and close a connection that does not begin with TLS."""
        try:
            first = await _peek(sock)
        except (OSError, TimeoutError):
            first = b""
        except asyncio.CancelledError:
            sock.close()
            raise
        if first and not plain.begins(first):
            return True
        if first:
            self._refuse(PLAIN_HTTP)
            await answer_and_end(sock, plain.response())
        else:
            self._refuse(HANDSHAKE)
        sock.close()
        return False

    async def _open(
        self, sock: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return the streams of a connection, after the TLS handshake if there is one.

        From here on the transport owns ``sock``: uvloop closes it a loop turn later.
        """
        loop = asyncio.get_running_loop()
        reader = PieceReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            if self._ssl_context is None:
                transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
            else:
                transport = await tls.accept(
                    protocol,
                    sock,
                    self._ssl_context,
                    handshake_timeout=HANDSHAKE_TIMEOUT,
                    shutdown_timeout=SHUTDOWN_TIMEOUT,
                )
        except (OSError, TimeoutError):  # SSLError is an OSError
            self._refuse(HANDSHAKE)
            return None
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = ServerConnection(
            self._app,
            asyncio.get_running_loop(),
            self._config,
            self._context,
            self._state,
            reader,
            writer,
            write_idle=self._limits.write_idle,
            flooded=self._observer.flooded,
            draining=self._draining,
        )
        self._connections[id(connection)] = connection
        self._observer.opened(connection.agreed)
        try:
            await connection.run()
        finally:
            del self._connections[id(connection)]
            self._observer.closed()


async def _peek(sock: socket.socket) -> bytes:
    """Wait for the first byte and return it; it stays unread."""
    async with asyncio.timeout(HANDSHAKE_TIMEOUT):
        await readable(sock)
    return sock.recv(1, socket.MSG_PEEK)


def _causes(exc: BaseException) -> list[str]:
    """Return the types in an exception group: their texts may quote what a client sent."""
    if isinstance(exc, BaseExceptionGroup):
        return [name for inner in exc.exceptions for name in _causes(inner)]
    return [type(exc).__name__]
