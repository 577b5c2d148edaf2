"""Accepting on one socket."""

import asyncio
import socket
import ssl
from typing import Any

import structlog
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.utils import wrap_app

from app.listener.connection import Connection

BACKLOG = 1024
HANDSHAKE_TIMEOUT = 15.0  # seconds
SHUTDOWN_TIMEOUT = 1.0  # seconds for TLS's close_notify; asyncio's 30 keep dead connections
KEEP_ALIVE = 75.0  # seconds of idleness: longer than the clients keep theirs

log = structlog.get_logger(__name__)


def config() -> Config:
    """Return Hypercorn's configuration, its traps disarmed."""
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
    """Accepts on ``sock`` and serves ``app``. State: ``_connections``, and the task of each."""

    def __init__(
        self,
        app: Any,
        sock: socket.socket,
        *,
        state: dict[str, Any] | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._config = config()
        self._app = wrap_app(app, self._config.wsgi_max_body_size, "asgi")
        self._socket = sock
        self._state = state if state is not None else {}
        self._ssl_context = ssl_context
        self._context = WorkerContext(None)
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to accept."""
        tls = self._ssl_context is not None
        self._server = await asyncio.start_server(
            self._accepted,
            sock=self._socket,
            backlog=BACKLOG,
            ssl=self._ssl_context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if tls else None,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT if tls else None,
        )

    async def retire(self) -> None:
        """Let the clients know that the server is about to leave."""
        told = (connection.retire() for connection in self._connections.values())
        await asyncio.gather(*told, return_exceptions=True)  # one that is gone is not the others'

    async def close(self, deadline: float) -> None:
        """Accept no more; close the idle connections, then after ``deadline`` seconds the rest."""
        if self._server is not None:
            self._server.close()  # not wait_closed: it waits for open connections since 3.12.1
        await self._context.terminated.set()
        if self._connections:
            _, left = await asyncio.wait(list(self._connections), timeout=deadline)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: asyncio would report its cancellation as an error.
        loop = asyncio.get_running_loop()
        connection = Connection(
            self._app, loop, self._config, self._context, self._state, reader, writer
        )
        task = loop.create_task(_serve(connection))
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)


async def _serve(connection: Connection) -> None:
    try:
        await connection.run()
    except Exception as exc:  # noqa: BLE001 - one connection's end is not the others'
        log.error("a connection failed", errors=_causes(exc))  # noqa: TRY400 - a trace may quote


def _causes(exc: BaseException) -> list[str]:
    """Return the types in an exception group: their texts may quote what a client sent."""
    if isinstance(exc, BaseExceptionGroup):
        return [name for inner in exc.exceptions for name in _causes(inner)]
    return [type(exc).__name__]
